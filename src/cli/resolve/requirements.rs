//! What the user asks of the role beyond the core.

use super::{Mistakes, noted};
use crate::agent_context::is_always_carried;
use crate::cli::args;
use crate::command_line::Command;
use crate::needs::{ContextEntry, NetworkCheck, RequiredAction, Requirements, S3Logs};
use iam_eval::arn::{Arn, is_account_id};

/// What the role must be allowed, and under what circumstances.
pub fn requirements(typed: &args::Needs, circumstances: &args::Circumstances, mistakes: &mut Mistakes) -> Requirements {
    Requirements {
        kms_key: typed.kms_key.as_deref().and_then(|key| noted(kms_key(key), mistakes)),
        s3_logs: typed.s3_logs.as_deref().and_then(|logs| noted(s3_logs(logs), mistakes)),
        cloudwatch_logs: typed.cloudwatch_logs.as_deref().and_then(|group| noted(log_group(group), mistakes)),
        actions: typed.require.iter().filter_map(|text| noted(required_action(text), mistakes)).collect(),
        context: context(&circumstances.context, mistakes),
        network: match circumstances.network {
            None | Some(args::Network::Auto) => NetworkCheck::Auto,
            Some(args::Network::Off) => NetworkCheck::Off,
            Some(args::Network::Require) => NetworkCheck::Require,
        },
    }
}

/// A key as it may be named. See [key identifiers](https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id).
pub fn kms_key(text: &str) -> Result<String, String> {
    let mistake = || {
        Err(format!(
            "`{text}` is not a KMS key; give a key ARN, a key ID like `1234abcd-12ab-34cd-56ef-1234567890ab`, or `alias/NAME`"
        ))
    };
    let name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_-".contains(&b));
    if let Some(arn) = Arn::parse(text) {
        let (kind, rest) = arn.resource.split_once('/').unwrap_or_default();
        let whole = arn.service == "kms" && !arn.region.is_empty() && is_account_id(&arn.account);
        return if whole && matches!(kind, "key" | "alias") && name(rest) { Ok(text.to_owned()) } else { mistake() };
    }
    let is_alias = text.strip_prefix("alias/").is_some_and(name);
    let hexadecimal =
        |digits: &str, most: usize| digits.len() == most && digits.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let is_id = hexadecimal(text, 36) || text.strip_prefix("mrk-").is_some_and(|digits| hexadecimal(digits, 32));
    if is_alias || is_id {
        return Ok(text.to_owned());
    }
    mistake()
}

/// See [bucket naming rules](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
pub fn s3_logs(text: &str) -> Result<S3Logs, String> {
    let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
    let legible = bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b));
    if !(3..=63).contains(&bucket.len()) || !legible {
        let bare = text.strip_prefix("s3://").or_else(|| text.rsplit_once(":::").map(|(_, name)| name));
        let hint = bare.map(|bare| format!("; did you mean `{}`?", bare.trim_end_matches('/'))).unwrap_or_default();
        return Err(match bare {
            Some(_) => format!("`{text}` is not BUCKET[/PREFIX]{hint}"),
            None => format!(
                "`{bucket}` is not the name of a bucket: 3 to 63 lower-case letters, digits, `.` and `-` are expected before the `/` of BUCKET[/PREFIX]"
            ),
        });
    }
    Ok(S3Logs { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
}

/// See [log group names](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html).
pub fn log_group(text: &str) -> Result<String, String> {
    let legible = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-/.#".contains(&b));
    if (1..=512).contains(&text.len()) && legible {
        return Ok(text.to_owned());
    }
    let name = text.split("log-group:").nth(1).and_then(|rest| rest.split(':').next());
    let hint = name.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    Err(format!("`{text}` is not the name of a log group{hint}"))
}

fn required_action(text: &str) -> Result<RequiredAction, String> {
    let (action, resource) = match text.split_once('=') {
        Some((action, resource)) => (action, Some(resource)),
        None => (text, None),
    };
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match action.split_once(':') {
        Some((service, name)) if word(service) && word(name) => {}
        _ => return Err(format!("`{text}` does not name one IAM action, like `s3:GetObject=arn:aws:s3:::bucket/*`")),
    }
    match resource {
        Some("") => Err(format!("`{text}` names no resource; give its ARN, or `{action}` alone for any resource")),
        Some(resource) if resource != "*" && Arn::parse(resource).is_none() => Err(format!(
            "`{resource}` in `{text}` is not the ARN of a resource, like `arn:aws:s3:::bucket/*`; give it, or `{action}` alone for any \
             resource"
        )),
        _ => Ok(RequiredAction {
            action: action.to_owned(),
            resource: resource.filter(|resource| *resource != "*").map(str::to_owned),
        }),
    }
}

fn context(typed: &[String], mistakes: &mut Mistakes) -> Vec<ContextEntry> {
    let mut context: Vec<ContextEntry> = Vec::new();
    for text in typed {
        let Some(entry) = noted(context_entry(text), mistakes) else { continue };
        let same_action = |other: &ContextEntry| match (&other.action, &entry.action) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            (one, other) => one == other,
        };
        if context.iter().any(|other| other.key.eq_ignore_ascii_case(&entry.key) && same_action(other)) {
            let said = split_name(text).map_or(text.as_str(), |(said, _)| said);
            let flag = context_flag(&format!("{said}=A,B"));
            mistakes.push(format!("`{said}` is given twice; write several values as `{flag}`"));
        } else {
            context.push(entry);
        }
    }
    context
}

fn context_flag(said: &str) -> Command {
    Command::default().option("--context", said)
}

/// Splits at the first equals sign; `\=` is one that belongs to the key, as that of a tag may have.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let split = text.match_indices('=').map(|(at, _)| text.split_at(at)).find(|(name, _)| !name.ends_with('\\'))?;
    Some((split.0, split.1.strip_prefix('=')?))
}

/// `[ACTION@]KEY=[VALUE[,VALUE...]]`.
fn context_entry(text: &str) -> Result<ContextEntry, String> {
    let Some((said, values)) = split_name(text) else {
        let [value, absent] = ["VALUE", ""].map(|value| context_flag(&format!("{text}={value}")));
        return Err(format!("`{text}` is not KEY=VALUE; write `{value}`, or `{absent}` for a key that is absent"));
    };
    let said = said.replace(r"\=", "=");
    let said = said.as_str();
    // What stands behind a slash or a second colon is the name of a tag or the like, which may hold an `@`.
    let is_action = |start: &str| !start.contains('/') && start.matches(':').count() < 2;
    let (action, key) = match said.split_once('@') {
        Some((action, key)) if is_action(action) => (Some(action), key),
        _ => (None, said),
    };
    if let Some(action) = action.filter(|action| !is_action_pattern(action)) {
        return Err(format!(
            "`{action}` in `{text}` does not name an IAM action; it looks like `s3:PutObject` or `s3:*`"
        ));
    }
    let prefixed = key.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
    // The name of a tag may hold spaces.
    let fixed = key.split('/').next().unwrap_or(key);
    if !prefixed || fixed.contains(char::is_whitespace) {
        return Err(format!("`{key}` is not a condition key; it looks like `aws:SourceVpce`"));
    }
    let values = split_values(values);
    if values.is_empty() && is_always_carried(key) {
        return Err(format!(
            "`{key}` cannot be absent: every request of the role carries it; give its value, or leave `{}` out",
            context_flag(text)
        ));
    }
    let action = action.filter(|action| *action != "*").map(str::to_owned);
    Ok(ContextEntry { action, key: key.to_owned(), values })
}

/// Whether it is an action or a pattern of actions. IAM takes no wildcard in front of the colon.
fn is_action_pattern(text: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match text.split_once(':') {
        Some((service, name)) => word(service) && word(&name.replace(['*', '?'], "x")),
        None => text == "*",
    }
}

/// Splits at commas; `\,` is a comma. Nothing at all is no value.
fn split_values(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut values = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, values.last_mut()) {
            ('\\', Some(value)) if characters.peek() == Some(&',') => {
                value.extend(characters.next());
            }
            (',', _) => values.push(String::new()),
            (c, Some(value)) => value.push(c),
            (_, None) => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_values() {
        for (text, expected) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a,b", vec!["a", "b"]),
            (r"a\,b,c", vec!["a,b", "c"]),
            (r"a\b", vec![r"a\b"]),
            ("a,", vec!["a", ""]),
        ] {
            assert_eq!(split_values(text), expected, "{text}");
        }
    }

    #[test]
    fn context_entries() {
        let entry = |action: Option<&str>, key: &str, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            Ok(ContextEntry { action: action.map(str::to_owned), key: key.to_owned(), values })
        };
        for (text, expected) in [
            ("aws:SourceVpce=", entry(None, "aws:SourceVpce", &[])),
            ("aws:userid=AROA1:i-1@x=", entry(None, "aws:userid", &["AROA1:i-1@x="])),
            ("s3:*@aws:RequestedRegion=eu-west-1", entry(Some("s3:*"), "aws:RequestedRegion", &["eu-west-1"])),
            ("s3:Put?bject@s3:x-amz-acl=", entry(Some("s3:Put?bject"), "s3:x-amz-acl", &[])),
            ("*@aws:SourceVpc=a,b", entry(None, "aws:SourceVpc", &["a", "b"])),
            (r"aws:PrincipalTag/a\=b=c\=d", entry(None, "aws:PrincipalTag/a=b", &[r"c\=d"])),
            ("aws:PrincipalTag/a@b c=d", entry(None, "aws:PrincipalTag/a@b c", &["d"])),
            ("kms:EncryptionContext:a@b=c", entry(None, "kms:EncryptionContext:a@b", &["c"])),
            (
                "kms:Decrypt@kms:EncryptionContext:a@b=c",
                entry(Some("kms:Decrypt"), "kms:EncryptionContext:a@b", &["c"]),
            ),
        ] {
            assert_eq!(context_entry(text), expected, "{text}");
        }
        for (text, said) in [
            ("aws:SourceVpce", "KEY=VALUE"),
            ("s3:PutObject@aws:SourceVpce", "KEY=VALUE"),
            ("=x", "is not a condition key"),
            ("SourceVpce=x", "is not a condition key"),
            ("s3:PutObject@=x", "is not a condition key"),
            ("PutObject@aws:SourceVpc=x", "does not name an IAM action"),
            ("*:PutObject@aws:SourceVpc=x", "does not name an IAM action"),
            ("@aws:SourceVpc=x", "does not name an IAM action"),
            ("AWS:tokenissuetime=", "cannot be absent"),
            ("aws:PrincipalArn=", "cannot be absent"),
            ("aws:CurrentTime=", "cannot be absent"),
            ("aws:UserAgent=", "cannot be absent"),
            ("aws:SecureTransport=", "cannot be absent"),
            ("s3:PutObject@aws:RequestedRegion=", "cannot be absent"),
            ("ec2:RoleDelivery=", "cannot be absent"),
        ] {
            assert!(context_entry(text).unwrap_err().contains(said), "{text}");
        }
        let mut mistakes = Mistakes::new();
        let typed = ["s3:*@aws:SourceVpc=a", "aws:SourceVpc=b", "S3:*@AWS:sourcevpc=c"].map(str::to_owned);
        assert_eq!(context(&typed, &mut mistakes).len(), 2);
        assert!(mistakes.len() == 1 && mistakes[0].contains("`S3:*@AWS:sourcevpc` is given twice"), "{mistakes:?}");
    }

    #[test]
    fn keys_buckets_groups_and_actions() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        for good in
            [id, "alias/a/b", "mrk-1234abcd12ab34cd56ef1234567890ab", "arn:aws-cn:kms:cn-north-1:111122223333:alias/a"]
        {
            assert_eq!(kms_key(good), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "alias/",
            "key",
            "arn:aws:kms:us-east-1:111122223333:grant/x",
            "arn:aws:s3:::b",
            "arn:aws:kms::1:key/a",
        ] {
            assert!(kms_key(bad).unwrap_err().contains("is not a KMS key"), "{bad}");
        }
        let logs = |bucket: &str, prefix: &str| Ok(S3Logs { bucket: bucket.into(), prefix: prefix.into() });
        assert_eq!(s3_logs("bucket"), logs("bucket", ""));
        assert_eq!(s3_logs("bucket/a/b/"), logs("bucket", "a/b"));
        assert!(s3_logs("s3://bucket/a/").unwrap_err().ends_with("did you mean `bucket/a`?"));
        assert!(s3_logs("arn:aws:s3:::bucket").unwrap_err().ends_with("did you mean `bucket`?"));
        assert_eq!(log_group("/ssm/a"), Ok("/ssm/a".to_owned()));
        assert!(log_group("arn:aws:logs:us-east-1:1:log-group:a:*").unwrap_err().ends_with("did you mean `a`?"));
        assert!(required_action("s3:GetObject=arn:aws:s3:::b/*").is_ok());
        for bad in
            ["s3:*", "GetObject", "s3:", "s3:Get Object", "s3:GetObject=b", "s3:GetObject=", "s3:GetObject=arn:aws:s3"]
        {
            assert!(required_action(bad).is_err(), "{bad}");
        }
    }
}
