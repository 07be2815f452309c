//! A run that read nothing at all, for a reason that concerns all of it: one error, and no report on targets.

use super::{Stop, regions};
use crate::aws::{Connection, CredentialSource};
use crate::command_line::Command;
use crate::facts::{Unreadable, UnreadableKind};
use crate::report::{FindingKind, Outcome, Verdict};
use iam_eval::arn::partition_of_region;

/// Why nothing is known of a target, where that may be the way to AWS and not the target.
pub fn reason(outcome: &Outcome) -> Option<&Unreadable> {
    let is_read = outcome.instance.as_ref().is_some_and(|instance| instance.state.is_some());
    let findings = outcome.findings.iter().filter(|_| outcome.verdict == Verdict::Unknown && !is_read);
    findings.map(|finding| &finding.kind).find_map(|kind| match kind {
        FindingKind::Unreadable { reason, .. } if is_of_way(reason) => Some(reason),
        _ => None,
    })
}

fn is_of_way(reason: &Unreadable) -> bool {
    matches!(reason.kind, UnreadableKind::Credentials | UnreadableKind::Network)
}

/// Ends the run where no target could be read and AWS does not even say whose credentials these are.
///
/// # Errors
/// What happened, and what to do.
pub async fn stop_if_nothing_is_read(connection: &Connection, results: &[Outcome]) -> Result<(), Stop> {
    let Some(first) = results.first() else { return Ok(()) };
    let Some(reasons) = results.iter().map(reason).collect::<Option<Vec<_>>>() else { return Ok(()) };
    let Some(reason) = reasons.first() else { return Ok(()) };
    let region = first.region.clone().or_else(|| connection.default_region());
    let partition = region.as_deref().map_or("aws", partition_of_region);
    let Err(failure) = connection.caller(partition).await else { return Ok(()) };
    let of_caller = failure.reason();
    if !is_of_way(of_caller) {
        return Ok(());
    }
    // What it says of the credentials alone says more than that of a call in a Region.
    let reason = if of_caller.kind == UnreadableKind::Credentials { of_caller } else { reason };
    Err(Stop::Failure(in_words(connection, reason, region.as_deref())))
}

fn in_words(connection: &Connection, reason: &Unreadable, region: Option<&str>) -> String {
    let Unreadable { kind, message, .. } = reason;
    let unknown = region.filter(|region| !regions::is_known(region));
    if *kind == UnreadableKind::Credentials {
        let renew = renew(connection.credential_source());
        // What good credentials get in a Region that is not enabled in their account is the same.
        let region =
            unknown.map(|region| format!("; or `{region}` is not a Region of their account")).unwrap_or_default();
        return format!("{message}; {renew}{region}");
    }
    match (connection.endpoint_url(), unknown) {
        (Some(_), _) => format!("{message}; check the endpoint URL (`--endpoint-url`, `AWS_ENDPOINT_URL`)"),
        (None, Some(region)) => match regions::nearest(region) {
            Some(near) => {
                let near = Command::default().option("--region", near);
                format!("AWS does not answer in `{region}`, which is not a known Region; did you mean `{near}`?")
            }
            None => format!("{message}; `{region}` is not a known Region; give another `--region`"),
        },
        (None, None) => format!("{message}; check the network, and the proxy if there is one (`HTTPS_PROXY`)"),
    }
}

/// What to do where credentials are there and no good.
pub fn renew(source: &CredentialSource) -> String {
    let CredentialSource { profile, is_sso, is_process, in_environment } = source;
    let of = |command| Command::new(command).options("--profile", profile);
    match (is_sso, in_environment, profile) {
        (_, true, _) => {
            "they are those of the environment (`AWS_ACCESS_KEY_ID`): set new ones there, or unset them".to_owned()
        }
        (true, false, _) => format!("run `{}`", of("aws sso login")),
        (false, false, Some(profile)) if *is_process => {
            format!("see to the `credential_process` of the profile `{profile}`")
        }
        (false, false, Some(profile)) => {
            format!("renew those of the profile `{profile}`, for example with `{}`", of("aws configure"))
        }
        (false, false, None) => "renew them, for example with `aws configure`, or give `--profile`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_to_renew_credentials_is_told_how() {
        let of = |profile: Option<&str>, is_sso| CredentialSource {
            profile: profile.map(str::to_owned),
            is_sso,
            ..CredentialSource::default()
        };
        assert_eq!(renew(&of(Some("corp"), true)), "run `aws sso login --profile corp`");
        assert_eq!(renew(&of(None, true)), "run `aws sso login`");
        assert!(renew(&of(Some("keys"), false)).contains("`aws configure --profile keys`"));
        assert!(renew(&of(None, false)).contains("`aws configure`"));
        let process = CredentialSource { is_process: true, ..of(Some("made"), false) };
        assert_eq!(renew(&process), "see to the `credential_process` of the profile `made`");
        let environment = CredentialSource { in_environment: true, ..of(None, false) };
        assert!(renew(&environment).contains("`AWS_ACCESS_KEY_ID`"));
    }
}
