//! Any text as a file that people hand to the tool: it is read or refused, and what was read is the same when it is written and read
//! again.

use serde_json::Value;
use ssm_profile::apply::backup::Backup;
use ssm_profile::facts::snapshot;
use ssm_profile::preferences::Preferences;

/// A snapshot.
pub fn snapshot(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(facts) = snapshot::read(text) else { return };
    let written = serde_json::to_string_pretty(&snapshot::of(&facts)).expect("facts can be written");
    let again = snapshot::read(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(facts, again, "{written}");
}

/// A backup of `fix`.
pub fn backup(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(backup) = Backup::read(text) else { return };
    let written = serde_json::to_string_pretty(&backup).expect("a backup can be written");
    assert_eq!(Backup::read(&written).as_ref(), Ok(&backup), "{written}");
    assert!(backup.left() <= backup.changes.len());
    if let Some((account, partition)) = backup.account() {
        assert!(written.contains(&account) && written.contains(&partition), "{account} {partition}: {written}");
    }
}

/// A Session document. The tool writes none, so its JSON is written again.
pub fn preferences(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(preferences) = Preferences::parse(text) else { return };
    // A number that is passed over may be one that no JSON value holds.
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    assert_eq!(Preferences::parse(&value.to_string()).as_ref(), Ok(&preferences), "{value}");
    let texts = [&preferences.kms_key, &preferences.cloudwatch_logs].into_iter().flatten();
    let texts = texts.chain(preferences.s3_logs.iter().map(|logs| &logs.bucket));
    for text in texts {
        assert!(!text.trim().is_empty() && text.trim() == text && !text.contains("{{"), "{text}");
    }
}
