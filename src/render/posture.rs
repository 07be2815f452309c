//! A report as records of a posture: what security products keep of a resource, one for each rule, until a later run says otherwise.
//!
//! The verdict is one rule, and each code with a finding another. The record of the verdict is there whatever it is, so that it closes by
//! itself; what is good to know and nobody has to act on makes no record.

use iam_eval::arn::partition_of_region;

use super::explanations;
use super::sanitize::{terminal, word};
use super::words::{self, Place, Words, posture};
use crate::report::{Code, Finding, Known, Outcome, Severity, Verdict};
use crate::target::{Target, TargetKind};

/// The rule that the verdict answers.
const VERDICT: &str = "session-manager";

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// That Session Manager can reach the target.
    Verdict,
    /// That there is nothing with this code.
    Code(Code),
}

impl Rule {
    /// The name that filters know it by.
    pub(super) fn id(self) -> String {
        match self {
            Rule::Verdict => VERDICT.to_owned(),
            Rule::Code(code) => word(&code),
        }
    }

    /// Where to read about it.
    pub(super) fn address(self) -> String {
        match self {
            Rule::Verdict => words::PREREQUISITES.to_owned(),
            Rule::Code(code) => explanations::address(code),
        }
    }
}

/// How a rule fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It is kept.
    Passed,
    /// It is broken.
    Failed,
    /// Something is amiss, or not known.
    Warning,
    /// What it needs could not be read.
    NotAvailable,
}

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It counts.
    Active,
    /// A baseline knows it, for this reason.
    Known(String),
    /// Its resource is gone.
    Archived,
}

/// A rule on a target.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) outcome: &'a Outcome,
    pub(super) rule: Rule,
    pub(super) status: Status,
    pub(super) severity: Severity,
    pub(super) standing: Standing,
    pub(super) title: String,
    pub(super) description: String,
    /// Empty where there is nothing to do.
    pub(super) remedy: String,
}

impl Record<'_> {
    /// The same for the same rule on the same resource in each run, however the target was typed.
    pub(super) fn uid(&self) -> String {
        let Outcome { account, region, .. } = self.outcome;
        let [account, region] = [account, region].map(|part| part.as_deref().map_or("-".into(), terminal));
        format!("ssm-profile/{account}/{region}/{}/{}", resource(self.outcome), self.rule.id())
    }
}

/// A finding, and whether a baseline knows it.
type Said<'a> = (&'a Finding, Option<&'a Known>);

/// The records of a target: the verdict, and each code once, in the order of the findings.
pub(super) fn records(outcome: &Outcome) -> Vec<Record<'_>> {
    let mut by_code: Vec<(Code, Vec<Said<'_>>)> = Vec::new();
    for (finding, known) in outcome.findings().filter(|(finding, _)| finding.severity() != Severity::Info) {
        match by_code.iter_mut().find(|(code, _)| *code == finding.code()) {
            Some((_, findings)) => findings.push((finding, known)),
            None => by_code.push((finding.code(), vec![(finding, known)])),
        }
    }
    let codes: Vec<String> = by_code.iter().map(|(code, _)| word(code)).collect();
    let mut records = vec![of_verdict(outcome, &codes)];
    records.extend(by_code.into_iter().map(|(code, findings)| of_code(outcome, code, findings)));
    records
}

fn of_verdict<'a>(outcome: &'a Outcome, codes: &[String]) -> Record<'a> {
    let (status, severity) = match outcome.verdict {
        Verdict::Ready => (Status::Passed, Severity::Info),
        Verdict::NotReady => (Status::Failed, Severity::Error),
        Verdict::Unknown => (Status::Warning, Severity::Warning),
        Verdict::Skipped => (Status::NotAvailable, Severity::Info),
    };
    let Words { message, remedy } = posture::verdict(outcome.verdict, outcome.deciding(), codes, &Place::of(outcome));
    Record {
        outcome,
        rule: Rule::Verdict,
        status,
        severity,
        standing: match outcome.is_known() {
            true => Standing::Known(words::FROM_BASELINE.to_owned()),
            false => standing_of(outcome),
        },
        title: terminal(&posture::title_of_verdict(outcome.verdict, &name(outcome))).into_owned(),
        description: terminal(&message).into_owned(),
        remedy: terminal(&remedy).into_owned(),
    }
}

fn of_code<'a>(outcome: &'a Outcome, code: Code, mut findings: Vec<Said<'_>>) -> Record<'a> {
    // What is new is read first, and stays where the text is cut.
    findings.sort_by_key(|(_, known)| known.is_some());
    let severity = findings.iter().map(|(finding, _)| finding.severity()).min().unwrap_or(Severity::Info);
    let said: Vec<Words> = findings.iter().map(|(finding, _)| words::finding(finding, &Place::of(outcome))).collect();
    let mut remedies: Vec<&str> = Vec::new();
    for Words { remedy, .. } in &said {
        if !remedy.is_empty() && !remedies.contains(&remedy.as_str()) {
            remedies.push(remedy);
        }
    }
    let messages: Vec<&str> = said.iter().map(|words| words.message.as_str()).collect();
    let known = match findings.first() {
        Some((_, Some(known))) => Some(words::known(known)),
        _ => None,
    };
    Record {
        outcome,
        rule: Rule::Code(code),
        status: match (severity, code) {
            (Severity::Error, _) => Status::Failed,
            (_, Code::AccessDenied | Code::AwsError) => Status::NotAvailable,
            _ => Status::Warning,
        },
        severity,
        standing: known.map_or(standing_of(outcome), |known| Standing::Known(terminal(&known).into_owned())),
        title: terminal(&posture::title(code, &name(outcome))).into_owned(),
        description: terminal(&messages.join("; ")).into_owned(),
        remedy: terminal(&remedies.join("; ")).into_owned(),
    }
}

fn standing_of(outcome: &Outcome) -> Standing {
    match outcome.verdict {
        Verdict::Skipped => Standing::Archived,
        Verdict::Ready | Verdict::NotReady | Verdict::Unknown => Standing::Active,
    }
}

/// The target, and what it is called besides.
fn name(outcome: &Outcome) -> String {
    match outcome.other_name() {
        Some(name) => format!("{} ({name})", outcome.target),
        None => outcome.target.clone(),
    }
}

/// What the target is, in one form: the id of the instance, `profile/NAME` or `role/NAME` also where an ARN was typed. What a plan or
/// template will make has only its address.
fn resource(outcome: &Outcome) -> String {
    let instance = outcome.instance.as_ref().and_then(|instance| instance.id.clone());
    let typed = || match Target::parse(&outcome.target).ok()?.kind {
        TargetKind::Instance(id) => Some(id),
        TargetKind::Profile(name) => Some(format!("profile/{name}")),
        TargetKind::Role(name) => Some(format!("role/{name}")),
        TargetKind::Named(_) => None,
    };
    let known = instance.or_else(|| if outcome.source.is_none() { typed() } else { None });
    terminal(known.as_deref().unwrap_or(&outcome.target)).into_owned()
}

/// The partition of the target's Region.
pub(super) fn partition(outcome: &Outcome) -> Option<&'static str> {
    outcome.region.as_deref().map(partition_of_region)
}

/// The kinds of resources that products know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResourceType {
    /// An EC2 instance.
    Instance,
    /// A role.
    Role,
    /// Another, such as an instance profile, or what a plan will make.
    Other,
}

/// A resource that a record is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) kind: ResourceType,
    pub(super) id: String,
}

/// The resources of a target: what it is itself, and its role.
pub(super) fn resources(outcome: &Outcome) -> Vec<Resource> {
    let instance = outcome.instance.as_ref().and_then(|instance| instance.id.as_deref());
    let role =
        outcome.role.as_ref().and_then(|role| role.arn.as_deref()).map(|arn| (ResourceType::Role, arn.to_owned()));
    let itself = match (instance, &outcome.account, &outcome.region) {
        (Some(id), Some(account), Some(region)) => {
            let partition = partition_of_region(region);
            Some((ResourceType::Instance, format!("arn:{partition}:ec2:{region}:{account}:instance/{id}")))
        }
        (Some(id), ..) => Some((ResourceType::Instance, id.to_owned())),
        (None, ..) => {
            let profile = outcome.instance_profile.as_ref().and_then(|profile| profile.arn.clone());
            profile.filter(|_| outcome.source.is_none()).map(|arn| (ResourceType::Other, arn))
        }
    };
    let mut resources: Vec<_> = itself.into_iter().chain(role).collect();
    if resources.is_empty() {
        resources.push((ResourceType::Other, outcome.target.clone()));
    }
    resources.into_iter().map(|(kind, id)| Resource { kind, id: terminal(&id).into_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::sample::outcome;
    use super::*;
    use crate::report::InstanceSummary;

    fn finding(code: Code, severity: Severity, message: &str, remedy: &str) -> Finding {
        Finding::sample(code, severity, message, remedy)
    }

    /// What somebody must act on is a record of its code, whatever the number of its findings.
    #[test]
    fn a_code_is_one_record() {
        let findings = vec![
            finding(Code::ExplicitDeny, Severity::Error, "a denies", "narrow a"),
            finding(Code::ExplicitDeny, Severity::Warning, "b denies", "narrow a"),
            finding(Code::AccessDenied, Severity::Warning, "not read", "ask"),
            finding(Code::NetworkUnknown, Severity::Info, "not seen", ""),
        ];
        let outcome = outcome("i-0aaa", Verdict::NotReady, findings);
        let records = records(&outcome);
        let told: Vec<_> = records.iter().map(|record| (record.rule, record.status, record.severity)).collect();
        let expected = [
            (Rule::Verdict, Status::Failed, Severity::Error),
            (Rule::Code(Code::ExplicitDeny), Status::Failed, Severity::Error),
            (Rule::Code(Code::AccessDenied), Status::NotAvailable, Severity::Warning),
        ];
        assert_eq!(told, expected);
        assert_eq!((records[1].description.as_str(), records[1].remedy.as_str()), ("a denies; b denies", "narrow a"));
        assert_eq!(records[1].uid(), "ssm-profile/111122223333/us-east-1/i-0aaa/explicit-deny");
    }

    /// Where one finding of a code is new, the record counts, and says it first.
    #[test]
    fn a_record_is_known_where_all_of_it_is() {
        let findings = ["a", "b"].map(|message| finding(Code::ExplicitDeny, Severity::Error, message, ""));
        let mut outcome = outcome("i-0aaa", Verdict::NotReady, findings.into());
        let known = Arc::new(Known { reason: Some("accepted".to_owned()), until: None });
        outcome.known.insert(0, Arc::clone(&known));
        let partly = records(&outcome);
        assert_eq!((&partly[1].standing, partly[1].description.as_str()), (&Standing::Active, "b; a"));
        outcome.known.insert(1, known);
        let wholly = records(&outcome);
        assert_eq!(wholly[1].standing, Standing::Known("accepted".to_owned()));
        assert_eq!(wholly[0].standing, Standing::Known(words::FROM_BASELINE.to_owned()));
    }

    /// The id is that of the resource, and not of the words with which somebody named it.
    #[test]
    fn an_instance_has_one_id_however_it_was_typed() {
        let id = "i-0123456789abcdef0";
        let uids = [id, "web-1", "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0"].map(|target| {
            let mut outcome = outcome(target, Verdict::Ready, vec![]);
            let name = Some("web-1".to_owned());
            outcome.instance = Some(InstanceSummary { id: Some(id.to_owned()), name, state: None });
            records(&outcome)[0].uid()
        });
        assert_eq!(uids[0], format!("ssm-profile/111122223333/us-east-1/{id}/session-manager"));
        assert!(uids.iter().all(|uid| *uid == uids[0]), "{uids:?}");
    }

    #[test]
    fn a_profile_a_role_and_an_instance_that_was_not_found_have_one_id_each() {
        let arn = "arn:aws:iam::111122223333";
        for (short, arn) in [
            ("profile/web", format!("{arn}:instance-profile/apps/web")),
            ("role/web", format!("{arn}:role/apps/web")),
            ("i-0aaaaaaa", "arn:aws:ec2:us-east-1:111122223333:instance/i-0aaaaaaa".to_owned()),
        ] {
            for target in [short, &arn] {
                let outcome = outcome(target, Verdict::Unknown, vec![]);
                let expected = format!("ssm-profile/111122223333/us-east-1/{short}/session-manager");
                assert_eq!(records(&outcome)[0].uid(), expected, "{target}");
            }
        }
    }
}
