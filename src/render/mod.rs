//! A report in words: for people, for scripts, for CI. Nothing here evaluates or decides.

pub mod annotations;
pub mod asff;
pub mod causes;
pub mod changes;
pub mod changes_json;
mod difference;
pub mod explanations;
pub mod html;
pub mod json;
pub mod junit;
pub mod kept_backups;
pub mod markdown;
pub mod ocsf;
mod page;
mod posture;
mod result_json;
pub mod sanitize;
pub mod sarif;
pub mod schema;
pub mod settings;
pub mod text;
pub mod words;

#[cfg(test)]
pub(crate) mod sample {
    use crate::report::{Finding, Outcome, Verdict};

    /// An outcome in some account and Region, with nothing else in it.
    pub fn outcome(target: &str, verdict: Verdict, findings: Vec<Finding>) -> Outcome {
        Outcome {
            target: target.to_owned(),
            source: None,
            account: Some("111122223333".to_owned()),
            region: Some("us-east-1".to_owned()),
            instance: None,
            instance_profile: None,
            role: None,
            host_management_role: None,
            agent: None,
            trust: None,
            verdict,
            permissions: Vec::new(),
            connection: None,
            simulation: Vec::new(),
            findings: findings.into_iter().map(Into::into).collect(),
            network: Default::default(),
            known: Default::default(),
            not_checked: Default::default(),
        }
    }
}
