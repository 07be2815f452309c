//! The allow that just missed: where people think that an action is allowed.

use iam_eval::{FailedKey, GateKind, NearMiss, RuledOutBy};

use super::words::{in_statement, listed};

/// The most telling of the statements that allow the action and yet do not apply, as the rest of a sentence; nothing where there
/// is none. A condition that fails tells more than a resource that is another one.
pub(super) fn near<'a>(gate: GateKind, near_misses: impl IntoIterator<Item = &'a NearMiss>) -> String {
    let of_gate = near_misses.into_iter().filter(|miss| miss.statement.gate == gate);
    let Some(NearMiss { statement: by, ruled_out_by }) =
        of_gate.min_by_key(|miss| (&miss.ruled_out_by, &miss.statement.policy, miss.statement.index))
    else {
        return String::new();
    };
    let why = why(ruled_out_by);
    match gate {
        GateKind::Boundary | GateKind::Resource => {
            let sid = by.sid.as_ref().map(|sid| format!(" (Sid `{sid}`)")).unwrap_or_default();
            format!("; its statement {}{sid} {why}", by.index)
        }
        GateKind::Identity | GateKind::Scp | GateKind::Rcp => format!("; {} {why}", in_statement(by)),
    }
}

/// Why a statement that allows the action does not apply.
fn why(ruled_out_by: &RuledOutBy) -> String {
    match ruled_out_by {
        RuledOutBy::Condition(keys) => {
            let names: Vec<String> = keys.iter().map(|failed| format!("`{}`", failed.key)).collect();
            let never: Vec<String> = keys.iter().filter_map(never_sent).collect();
            let never = if never.is_empty() { String::new() } else { format!(" ({})", never.join("; ")) };
            format!("has a condition on {} that does not hold{never}", listed(&names))
        }
        RuledOutBy::Alias => "names an alias, which grants nothing: name the key's own ARN".to_owned(),
        RuledOutBy::DeletedPrincipal(id) => format!("names `{id}`, the id of a role or user that was deleted"),
        RuledOutBy::Resource => "is for other resources".to_owned(),
    }
}

/// That a key is not in the request, and the key that is there for the same purpose.
/// See [AWS global condition context keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
fn never_sent(failed: &FailedKey) -> Option<String> {
    let FailedKey { key, absent: true } = failed else { return None };
    let instead = match key.to_ascii_lowercase().as_str() {
        // Documented as absent where the credentials come from an instance profile.
        "ssm:sourceinstancearn" => "; with an instance profile the key is `ec2:SourceInstanceARN`",
        // The instance stands behind the call, and no other resource.
        "aws:sourcearn" => "; the instance is in `ec2:SourceInstanceARN`",
        "aws:sourceaccount" => "; the account of the role is in `aws:PrincipalAccount`",
        "aws:sourceorgid" => "; the organization of the role is in `aws:PrincipalOrgID`",
        "aws:sourceorgpaths" => "; the path of the role's account is in `aws:PrincipalOrgPaths`",
        "aws:username" => "; the role is in `aws:PrincipalArn`",
        "aws:principalservicename" | "aws:principalservicenameslist" => "; only calls of AWS services carry it",
        "kms:viaservice" => "; the agent calls KMS itself",
        _ => "",
    };
    Some(format!("these requests never carry `{key}`{instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use iam_eval::{PolicyKind, StatementReference};

    fn miss(index: usize, ruled_out_by: RuledOutBy) -> NearMiss {
        let statement = StatementReference {
            gate: GateKind::Identity,
            kind: PolicyKind::Inline,
            policy: "p".to_owned(),
            sid: (index == 2).then(|| "Third".to_owned()),
            index,
        };
        NearMiss { statement, ruled_out_by }
    }

    fn on(key: &str, absent: bool) -> RuledOutBy {
        RuledOutBy::Condition(vec![FailedKey { key: key.to_owned(), absent }])
    }

    #[test]
    fn a_condition_tells_more_than_an_alias_and_an_alias_more_than_a_resource() {
        let mut misses = vec![
            miss(0, RuledOutBy::Resource),
            miss(1, RuledOutBy::Alias),
            miss(2, on("aws:SourceVpce", false)),
            miss(3, on("aws:SourceVpce", false)),
        ];
        assert_eq!(
            near(GateKind::Identity, &misses),
            "; statement 2 (Sid `Third`) of the inline policy `p` has a condition on `aws:SourceVpce` that does not hold"
        );
        misses.truncate(2);
        assert!(near(GateKind::Identity, &misses).contains("statement 1 of the inline policy `p` names an alias"));
        misses.truncate(1);
        assert!(
            near(GateKind::Identity, &misses).ends_with("statement 0 of the inline policy `p` is for other resources")
        );
        assert_eq!(near(GateKind::Scp, &misses), "");
    }

    /// The pages of the global condition keys and of the condition keys of EC2 and Systems Manager say which keys a request of an
    /// instance's role carries.
    #[test]
    fn a_key_that_is_never_sent_is_said_with_the_one_that_is() {
        for (key, instead) in [
            ("ssm:SourceInstanceARN", "`ec2:SourceInstanceARN`"),
            ("AWS:SourceArn", "`ec2:SourceInstanceARN`"),
            ("aws:SourceAccount", "`aws:PrincipalAccount`"),
            ("aws:PrincipalServiceName", "only calls of AWS services"),
            ("aws:Referer", "never carry `aws:Referer`)"),
        ] {
            let said = near(GateKind::Identity, &[miss(0, on(key, true))]);
            assert!(said.contains(&format!("never carry `{key}`")) && said.contains(instead), "{said}");
            assert!(!near(GateKind::Identity, &[miss(0, on(key, false))]).contains("never"), "{key}");
        }
    }
}
