//! Facts from bare policy documents: no account, no AWS call. A document inside the AWS CLI's answer is taken out of it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::cli_answer;
use crate::facts::{Documents, Facts, GivenPolicies, NamedDocument, PolicyLevel, Subject, SubjectKind};
use crate::limits;
use iam_eval::arn::partition_of_region;

/// A document as it was read: the name it was given by, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The file's name as typed.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// The documents of a run and where they are meant for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentSet {
    /// Identity policies.
    pub policies: Vec<Text>,
    /// The trust policy.
    pub trust: Option<Text>,
    /// The permissions boundary.
    pub boundary: Option<Text>,
    /// The policy of the VPC endpoints that calls to Systems Manager go through.
    pub endpoint_policy: Option<Text>,
    /// Policies of the organization.
    pub levels: Levels,
    /// The account.
    pub account: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// The instance.
    pub instance_id: Option<String>,
    /// The partitions that the user named otherwise, in ARNs of flags.
    pub partitions: BTreeSet<String>,
}

/// Policies of the organization, a text for each level from the root down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Levels {
    /// Service control policies.
    pub scps: Vec<Text>,
    /// Resource control policies.
    pub rcps: Vec<Text>,
}

impl Levels {
    /// The levels. A JSON array in a text is a level with several policies.
    pub fn given(&self) -> GivenPolicies {
        GivenPolicies { scps: levels(&self.scps), rcps: levels(&self.rcps) }
    }
}

/// Why a text holds no level: it has more policies than AWS lets anybody attach to a root, unit or account.
pub fn no_level(text: &Text) -> Option<String> {
    let document = cli_answer::document(&text.text);
    let policies = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(document.as_str()).ok()?.len();
    let most = limits::TARGET_POLICIES;
    (policies > most).then(|| {
        let name = &text.name;
        format!(
            "cannot use `{name}`: it has {policies} policies, and a level has at most {most}; give each level a file"
        )
    })
}

/// The one subject that stands for the documents together.
pub fn facts(set: DocumentSet, now: Timestamp) -> Facts {
    let mut facts = Facts::new(now);
    facts.give_policies(set.levels.given());
    facts.subjects.push(Subject {
        target: "documents".to_owned(),
        partition: match &set.region {
            Some(region) => Some(partition_of_region(region).to_owned()),
            None => partition_named(&set),
        },
        account: set.account,
        region: set.region,
        from_selection: false,
        origin: None,
        kind: SubjectKind::Documents(Box::new(Documents {
            policies: set.policies.into_iter().map(named).collect(),
            trust: set.trust.map(named),
            boundary: set.boundary.map(named),
            endpoint_policy: set.endpoint_policy.map(named),
            instance_id: set.instance_id,
        })),
    });
    facts
}

/// The partition of documents that no Region is given for: the one that the user named in another way, or else `aws`.
///
/// Documents that name another partition may be for that one or only deny it, so then it is not known.
fn partition_named(set: &DocumentSet) -> Option<String> {
    if let Some(said) = set.partitions.first() {
        return Some(said.clone()).filter(|_| set.partitions.len() == 1);
    }
    let Levels { scps, rcps } = &set.levels;
    let mut texts = set.policies.iter().chain(&set.trust).chain(&set.boundary).chain(scps).chain(rcps);
    let names_another = |text: &Text| names_another_partition(cli_answer::document(&text.text).as_str());
    (!texts.any(names_another)).then(|| "aws".to_owned())
}

/// Whether a text names something of another partition than `aws`.
pub fn names_another_partition(text: &str) -> bool {
    ["arn:aws-", ".amazonaws.com.cn"].iter().any(|part| text.contains(part))
}

/// The levels of policies of one type; `None` for no text.
fn levels(texts: &[Text]) -> Option<Vec<PolicyLevel>> {
    let levels: Vec<_> = texts.iter().map(level).collect();
    Some(levels).filter(|levels| !levels.is_empty())
}

fn level(text: &Text) -> PolicyLevel {
    let document = cli_answer::document(&text.text);
    // Raw values keep the texts as they are, duplicate keys included.
    let policies = match serde_json::from_str::<Vec<&serde_json::value::RawValue>>(document.as_str()) {
        // AWS has no level without a policy: an empty array is a mistake, and is judged as one.
        Ok(several) if !several.is_empty() => several
            .iter()
            .enumerate()
            .map(|(index, raw)| NamedDocument {
                name: format!("{}[{index}]", text.name),
                document: cli_answer::document(raw.get()),
            })
            .collect(),
        Ok(_) | Err(_) => vec![NamedDocument { name: text.name.clone(), document }],
    };
    PolicyLevel { name: text.name.clone(), policies, unread: Vec::new() }
}

fn named(text: Text) -> NamedDocument {
    NamedDocument { document: cli_answer::document(&text.text), name: text.name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_of_more_policies_than_a_level_has_is_none() {
        let array = |count: usize| Text { name: "ou".into(), text: format!("[{}]", vec!["{}"; count].join(",")) };
        assert_eq!(no_level(&array(limits::TARGET_POLICIES)), None);
        assert!(no_level(&array(limits::TARGET_POLICIES + 1)).unwrap().contains("`ou`: it has 51 policies"));
        assert_eq!(no_level(&Text { name: "ou".into(), text: "{}".into() }), None);
    }

    #[test]
    fn an_array_is_a_level_with_several_policies() {
        let text = |name: &str, text: &str| Text { name: name.into(), text: text.into() };
        let read = levels(&[text("root", r#"{"Statement": []}"#), text("ou", r#"[{"a": 1, "a": 2}, {}]"#)]).unwrap();
        let names: Vec<Vec<&str>> =
            read.iter().map(|level| level.policies.iter().map(|policy| policy.name.as_str()).collect()).collect();
        assert_eq!(names, [vec!["root"], vec!["ou[0]", "ou[1]"]]);
        assert_eq!(read[1].policies[0].document.as_str(), r#"{"a": 1, "a": 2}"#);
        let answers = r#"[{"Policy": {"PolicySummary": {}, "Content": "{\"Statement\":  []}"}}, {"Statement": []}]"#;
        let answers = levels(&[text("ou", answers)]).unwrap();
        let documents: Vec<&str> = answers[0].policies.iter().map(|policy| policy.document.as_str()).collect();
        assert_eq!(documents, [r#"{"Statement":  []}"#, r#"{"Statement": []}"#]);
        assert_eq!(levels(&[]), None);
    }
}
