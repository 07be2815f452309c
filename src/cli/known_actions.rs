//! Actions that were typed and that their service does not have: a typo would be granted, and nothing would ever use it.

use super::output;
use crate::nearest::nearest_in_any_case;
use crate::needs::RequiredAction;

/// The actions of the services that sessions and their logs use
/// ([Service Authorization Reference](https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html)).
const KNOWN: &str = include_str!("known_actions.txt");

/// Warns of each action that its service does not have.
pub fn warn_of_unknown(actions: &[RequiredAction]) {
    actions.iter().filter_map(|required| warning(&required.action)).for_each(|warning| output::warning(&warning));
}

fn warning(action: &str) -> Option<String> {
    let (service, _) = action.split_once(':')?;
    let of_service = || {
        let is_of = |known: &&str| known.split_once(':').is_some_and(|(of, _)| of.eq_ignore_ascii_case(service));
        KNOWN.lines().filter(is_of)
    };
    if of_service().next().is_none() || of_service().any(|known| known.eq_ignore_ascii_case(action)) {
        return None;
    }
    let hint = nearest_in_any_case(action, of_service());
    let hint = hint.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
    Some(format!("`{action}` is not a known action of `{service}`{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_told_from_an_action() {
        for action in [
            "ssm:GetParameter",
            "SSM:getparameters",
            "ssm:UpdateInstanceInformation",
            "s3:GetEncryptionConfiguration",
            "kms:ReEncryptTo",
            "logs:PutLogEvents",
            "ec2messages:GetMessages",
            // Of a service whose actions are not here.
            "ecr:GetAuthorisationToken",
        ] {
            assert_eq!(warning(action), None, "{action}");
        }
        for (action, meant) in [
            ("ssm:GetParamter", Some("`ssm:GetParameter`")),
            ("s3:PutObjects", Some("`s3:PutObject`")),
            ("kms:Decript", Some("`kms:Decrypt`")),
            ("logs:PutLogEvent", Some("`logs:PutLogEvents`")),
            ("ssmmessages:OpenDataChanel", Some("`ssmmessages:OpenDataChannel`")),
            ("ssm:Xyzzy", None),
        ] {
            let said = warning(action).unwrap();
            let found = said.split_once("did you mean ").map(|(_, meant)| meant);
            assert_eq!(found, meant.map(|meant| format!("{meant}?")).as_deref(), "{said}");
        }
    }
}
