//! What a person can point the tool at.

use std::collections::BTreeMap;
use std::fmt;

use iam_eval::arn::{Arn, is_account_id, is_iam_name, is_instance_id, partition_of_region};

/// The forms of a target, for messages.
pub const FORMS: &str =
    "an instance (`i-0123456789abcdef0`, or its tag `Name`), `profile/NAME`, `role/NAME`, or the ARN of one of these";

/// One target, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The text as it was typed.
    pub text: String,
    /// What it names.
    pub kind: TargetKind,
    /// The ARN, where one was typed: its Region and account win over the defaults.
    pub arn: Option<Arn>,
}

/// What a target names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// An EC2 instance, by its id.
    Instance(String),
    /// An instance profile, by its name without the path.
    Profile(String),
    /// A role, by its name without the path.
    Role(String),
    /// An EC2 instance, by its tag `Name`.
    Named(String),
}

/// Whether a thing with these tags has all that were typed.
pub fn has_tags(tags: &BTreeMap<String, String>, typed: &[(String, String)]) -> bool {
    typed.iter().all(|(key, value)| tags.get(key).is_some_and(|known| tag_matches(value, known)))
}

/// Whether a tag has a value that was typed, in which `*` stands for anything.
pub fn tag_matches(typed: &str, value: &str) -> bool {
    let mut pieces = typed.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(last) = pieces.next_back() else { return typed == value };
    let middle = value.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    // The first place where a piece fits leaves the most for those behind it.
    middle.is_some_and(|rest| {
        pieces.try_fold(rest, |rest, piece| rest.split_once(piece).map(|(_, after)| after)).is_some()
    })
}

/// Why a text is no target, and what to type instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetError(String);

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TargetError {}

impl Target {
    /// Parses one target. The error names the text and proposes the form that was probably meant.
    pub fn parse(text: &str) -> Result<Target, TargetError> {
        match Arn::parse(text) {
            Some(arn) => from_arn(text, arn),
            None => Ok(Target { text: text.to_owned(), kind: from_short_form(text)?, arn: None }),
        }
    }
}

impl Target {
    /// Why a name says too little: these instances have it.
    pub fn ambiguous(&self, ids: &[&str]) -> String {
        format!("several instances have the tag `Name={}`: {}; give the ID of one", self.text, ids.join(", "))
    }
}

fn from_short_form(text: &str) -> Result<TargetKind, TargetError> {
    if is_instance_id(text) {
        return Ok(TargetKind::Instance(text.to_owned()));
    }
    if text.starts_with("mi-") {
        return Err(hybrid(text));
    }
    let lower = text.to_ascii_lowercase();
    if is_instance_id(&lower) {
        return Err(TargetError(format!("`{text}` is not an instance ID; did you mean `{lower}`?")));
    }
    match text.split_once('/') {
        Some(("profile", name)) => Ok(TargetKind::Profile(name_of(text, "profile", name, 128)?)),
        Some(("role", name)) => Ok(TargetKind::Role(name_of(text, "role", name, 64)?)),
        Some(("instance", id)) if is_instance_id(id) => {
            Err(TargetError(format!("`{text}` is not a target; did you mean `{id}`?")))
        }
        Some(("instance-profile", name)) if is_iam_name(name, 128) => {
            Err(TargetError(format!("`{text}` is not a target; did you mean `profile/{name}`?")))
        }
        _ if text.starts_with("i-") => Err(TargetError(format!(
            "`{text}` is not an instance ID: `i-` and 8 or 17 hexadecimal digits are expected"
        ))),
        _ if text.starts_with("arn:") => Err(TargetError(format!("`{text}` is not a complete ARN; give {FORMS}"))),
        // The target of a session of ECS Exec: `ecs:CLUSTER_TASK_RUNTIME`.
        _ if text.starts_with("ecs:") => Err(TargetError(format!(
            "`{text}` is a container of an ECS task, whose task role is not an instance profile; give {FORMS}"
        ))),
        None if is_tag_value(text) => Ok(TargetKind::Named(text.to_owned())),
        _ => Err(TargetError(format!("`{text}` is not a target; give {FORMS}"))),
    }
}

/// Whether a text can be the value of a tag and is no attempt at something else.
///
/// Source: [Tag restrictions](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions).
fn is_tag_value(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= 256 && !text.contains(char::is_control)
}

fn name_of(text: &str, form: &str, name: &str, most: usize) -> Result<String, TargetError> {
    if is_iam_name(name, most) {
        return Ok(name.to_owned());
    }
    match name.rsplit('/').next() {
        Some(last) if name.contains('/') && is_iam_name(last, most) => {
            Err(TargetError(format!("`{text}` has a path; give the name alone, `{form}/{last}`, or the whole ARN")))
        }
        _ => Err(TargetError(format!(
            "`{text}` does not hold a {form} name: 1 to {most} letters, digits and `_+=,.@-` are expected"
        ))),
    }
}

fn from_arn(text: &str, arn: Arn) -> Result<Target, TargetError> {
    let kind = match (arn.service.as_str(), arn.resource_type()) {
        ("ec2", "instance") => {
            if !is_instance_id(arn.name()) || arn.region.is_empty() {
                return Err(TargetError(format!(
                    "`{text}` is not the ARN of an instance, `arn:PARTITION:ec2:REGION:ACCOUNT:instance/ID`"
                )));
            }
            if partition_of_region(&arn.region) != arn.partition {
                return Err(TargetError(format!(
                    "`{text}` names the Region `{}`, which is in the partition `{}`",
                    arn.region,
                    partition_of_region(&arn.region)
                )));
            }
            TargetKind::Instance(arn.name().to_owned())
        }
        ("iam", "instance-profile") => TargetKind::Profile(name_of(text, "profile", arn.name(), 128)?),
        ("iam", "role") => TargetKind::Role(name_of(text, "role", arn.name(), 64)?),
        ("sts", "assumed-role") => {
            let role = arn.resource.split('/').nth(1).unwrap_or_default();
            return Err(TargetError(format!("`{text}` is a session of a role; did you mean `role/{role}`?")));
        }
        ("ssm", "managed-instance") => return Err(hybrid(text)),
        _ => {
            return Err(TargetError(format!(
                "`{text}` is not the ARN of an instance, an instance profile or a role; give {FORMS}"
            )));
        }
    };
    if !arn.account.is_empty() && !is_account_id(&arn.account) {
        return Err(TargetError(format!("`{text}` does not hold an account ID of 12 digits")));
    }
    Ok(Target { text: text.to_owned(), kind, arn: Some(arn) })
}

fn hybrid(text: &str) -> TargetError {
    TargetError(format!(
        "`{text}` is a hybrid node, which is not an EC2 instance: it has a service role and no instance profile, so there is nothing to check here; \
         see its role with `aws ssm describe-instance-information`, then give `role/NAME`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_in_the_value_of_a_tag_stands_for_anything() {
        for (typed, value, expected) in [
            ("prod", "prod", true),
            ("prod", "Prod", false),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("pro*", "prod", true),
            ("pro*", "pro", true),
            ("*od", "prod", true),
            ("p*o*d", "prood", true),
            ("p*x*d", "prood", false),
            ("ab*ba", "aba", false),
            ("a**b", "ab", true),
            ("web-?", "web-1", false),
        ] {
            assert_eq!(tag_matches(typed, value), expected, "{typed} {value}");
        }
    }

    #[test]
    fn targets() {
        use TargetKind::*;
        for (text, kind) in [
            ("i-0123456789abcdef0", Instance("i-0123456789abcdef0".into())),
            ("arn:aws-cn:ec2:cn-north-1:111122223333:instance/i-01234567", Instance("i-01234567".into())),
            ("profile/web", Profile("web".into())),
            ("arn:aws:iam::111122223333:instance-profile/some/path/web", Profile("web".into())),
            ("role/web+1=2,3.4@5-6_7", Role("web+1=2,3.4@5-6_7".into())),
            ("arn:aws-us-gov:iam::111122223333:role/a/web", Role("web".into())),
            ("web-1", Named("web-1".into())),
            ("Web server (blue)", Named("Web server (blue)".into())),
        ] {
            assert_eq!(Target::parse(text).unwrap().kind, kind, "{text}");
        }
    }

    #[test]
    fn what_is_no_target_gets_the_right_form_proposed() {
        for (text, proposed) in [
            ("mi-0123456789abcdef0", "hybrid"),
            ("arn:aws:ssm:us-east-1:111122223333:managed-instance/mi-0123456789abcdef0", "hybrid"),
            ("I-0123456789ABCDEF0", "`i-0123456789abcdef0`"),
            ("i-xyz", "hexadecimal"),
            ("ecs:cluster_0123456789abcdef_0123456789abcdef-1", "ECS task"),
            ("instance/i-01234567", "`i-01234567`"),
            ("instance-profile/web", "`profile/web`"),
            ("role/a/b/web", "`role/web`"),
            ("role/", "role name"),
            ("arn:aws:sts::111122223333:assumed-role/web/i-1", "`role/web`"),
            ("arn:aws:s3:::bucket", "give an instance"),
            ("arn:aws:iam", "complete ARN"),
            ("arn:aws:iam::1:role/web", "12 digits"),
            ("arn:aws:ec2::111122223333:instance/i-01234567", "REGION"),
            ("arn:aws-us-gov:ec2:us-east-1:111122223333:instance/i-01234567", "partition `aws`"),
            ("", "give an instance"),
        ] {
            let error = Target::parse(text).unwrap_err().to_string();
            assert!(error.contains(proposed), "{text}: {error}");
        }
    }
}
