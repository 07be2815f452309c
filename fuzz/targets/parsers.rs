//! Any text as a file that people hand to the tool: it is read or refused, and what was read is the same when it is written and read
//! again.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use ssm_profile::apply::backup::Backup;
use ssm_profile::baseline::{Baseline, Draft};
use ssm_profile::diagnose::diagnose;
use ssm_profile::facts::{Facts, snapshot};
use ssm_profile::needs::Requirements;
use ssm_profile::preferences::Preferences;
use ssm_profile::render::{json, markdown};
use ssm_profile::report::{Outcome, Report, Severity};
use ssm_profile::sources::documents::Text;
use ssm_profile::sources::{accounts_file, cloudformation, terraform};
use ssm_profile::unseen::is_unseen;

/// The account of every file that names none.
const ACCOUNT: &str = "111122223333";

/// A snapshot. What is in it is judged.
pub fn snapshot(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(facts) = snapshot::read(text) else { return };
    let written = serde_json::to_string_pretty(&snapshot::of(&facts)).expect("facts can be written");
    let again = snapshot::read(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(facts, again, "{written}");
    judged(&facts);
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

/// A Terraform plan.
pub fn terraform(data: &[u8]) {
    let Ok(text) = terraform::text(data.to_vec()) else { return };
    let file = Text { name: "plan.json".to_owned(), text };
    let given = terraform::Given { region: Some("us-east-1"), preferences: Some("SSM-SessionManagerRunShell") };
    let Ok(planned) = terraform::facts(&file, given, Timestamp::UNIX_EPOCH) else { return };
    let again = terraform::facts(&file, given, Timestamp::UNIX_EPOCH).expect("it was read before");
    assert_eq!(planned.facts, again.facts);
    judged(&planned.facts);
}

/// A CloudFormation template.
pub fn cloudformation(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = Text { name: "template.yaml".to_owned(), text: text.to_owned() };
    let given = cloudformation::Given {
        parameters: Vec::new(),
        account: Some(ACCOUNT.to_owned()),
        region: Some("us-east-1".to_owned()),
        preferences: Some("SSM-SessionManagerRunShell".to_owned()),
    };
    let planned = match cloudformation::facts(&file, given.clone(), Timestamp::UNIX_EPOCH) {
        Ok(planned) => planned,
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            return;
        }
    };
    let again = cloudformation::facts(&file, given, Timestamp::UNIX_EPOCH).expect("it was read before");
    assert_eq!(planned.facts, again.facts);
    let lines = text.lines().count();
    for origin in planned.facts.subjects.iter().filter_map(|subject| subject.origin.as_ref()) {
        assert!(origin.line.is_some_and(|line| (1..=lines).contains(&line)), "{origin:?}");
    }
    judged(&planned.facts);
}

/// A baseline. What it says of the example's findings holds, and one that is written over it makes all of them known.
pub fn baseline(data: &[u8]) {
    thread_local! {
        static OUTCOMES: Vec<Outcome> = {
            let facts = snapshot::read(include_str!("../../examples/account.json")).expect("the example can be read");
            diagnose(&facts, &Requirements::default(), Timestamp::UNIX_EPOCH).results
        };
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(given) = Baseline::read(text) else { return };
    OUTCOMES.with(|outcomes| {
        let mut known = given.clone();
        for mut outcome in outcomes.iter().cloned() {
            known.mark(&mut outcome, Date::MIN);
            assert!(outcome.known.keys().all(|place| *place < outcome.findings.len()));
        }
        let (written, left_out) = rewritten(given, outcomes);
        let mut again = Baseline::read(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
        let mut not_known = 0;
        for mut outcome in outcomes.iter().cloned() {
            again.mark(&mut outcome, Date::MIN);
            not_known += outcome.new_findings().filter(|finding| finding.severity() == Severity::Error).count();
        }
        assert!(not_known <= left_out, "{written}");
        assert_eq!(rewritten(again, outcomes).0, written);
    });
}

/// A baseline with what is found, written over another; and how many findings it leaves out.
fn rewritten(earlier: Baseline, outcomes: &[Outcome]) -> (String, usize) {
    let mut draft = Draft::new([earlier], Severity::Error);
    outcomes.iter().for_each(|outcome| draft.take(outcome));
    (json::pretty(&draft.file()).expect("a baseline can be written"), draft.not_written())
}

/// A file of accounts: what it names is the same when each id is written on a line.
pub fn accounts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let ids = |text: &str| accounts_file::ids(&Text { name: "accounts.txt".to_owned(), text: text.to_owned() });
    match ids(text) {
        Ok(read) => {
            assert!(!read.is_empty() && read.is_sorted_by(|one, other| one < other), "{read:?}");
            for id in &read {
                assert!(id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()) && text.contains(id), "{id}");
            }
            assert_eq!(ids(&read.join("\n")), Ok(read));
        }
        Err(mistakes) => assert!((1..=21).contains(&mistakes.len()), "{mistakes:?}"),
    }
}

/// A configuration file that lies in the working directory. Every mistake has its line, and what decides where credentials or files
/// go is one.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lines = text.lines().count();
    for command in ["check", "fix", "undo"] {
        let mistakes = ssm_profile::cli::mistakes_in_config(text, command);
        for mistake in &mistakes {
            let line = mistake.strip_prefix("`.ssm-profile.toml`, line ").and_then(|rest| rest.split(':').next());
            let line = line.and_then(|line| line.parse::<usize>().ok());
            assert!(line.is_some_and(|line| (1..=lines + 1).contains(&line)), "{mistake}");
        }
    }
    for key in ["endpoint-url", "profile", "assume-role", "backup", "write-baseline", "snapshot", "yes"] {
        let mistakes = ssm_profile::cli::mistakes_in_config(&format!("{key} = \"x\"\n{text}"), "fix");
        assert!(!mistakes.is_empty(), "{key}: {text}");
    }
}

/// Whatever stands in facts, there is a report, with a result for each subject and nothing in it that nobody sees.
fn judged(facts: &Facts) {
    let report = diagnose(facts, &Requirements::default(), Timestamp::UNIX_EPOCH);
    assert_eq!(report.results.len(), facts.subjects.len());
    told(&report);
}

fn told(report: &Report) {
    let lines = json::render_lines(&report.results).expect("a report can be written");
    for line in lines.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()), "{line}");
    }
    let page = markdown::render(report);
    let unseen = page.chars().find(|character| is_unseen(*character) && *character != '\n');
    assert_eq!(unseen, None, "{page}");
}
