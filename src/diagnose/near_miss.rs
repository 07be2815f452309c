//! The allow that just missed: where people think that an action is allowed.

use iam_eval::{NearMiss, PolicySetKind};

/// The most telling of the statements that allow the action and yet do not apply. A condition that fails tells more than a resource
/// that is another one.
pub(super) fn near<'a>(gate: PolicySetKind, near_misses: impl IntoIterator<Item = &'a NearMiss>) -> Option<NearMiss> {
    let of_gate = near_misses.into_iter().filter(|miss| miss.statement.gate == gate);
    of_gate.min_by_key(|miss| (&miss.ruled_out_by, &miss.statement.policy, miss.statement.index)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use iam_eval::{FailedKey, PolicyKind, RuledOutBy, StatementReference};

    fn miss(index: usize, ruled_out_by: RuledOutBy) -> NearMiss {
        let (gate, kind, policy) = (PolicySetKind::Identity, PolicyKind::Inline, "p".to_owned());
        NearMiss { statement: StatementReference { gate, kind, policy, sid: None, index }, ruled_out_by }
    }

    #[test]
    fn a_condition_tells_more_than_an_alias_and_an_alias_more_than_a_resource() {
        let condition = || RuledOutBy::Condition(vec![FailedKey { key: "aws:SourceVpce".to_owned(), absent: false }]);
        let mut misses =
            vec![miss(0, RuledOutBy::Resource), miss(1, RuledOutBy::Alias), miss(2, condition()), miss(3, condition())];
        assert_eq!(near(PolicySetKind::Identity, &misses), Some(misses[2].clone()));
        misses.truncate(2);
        assert_eq!(near(PolicySetKind::Identity, &misses), Some(misses[1].clone()));
        misses.truncate(1);
        assert_eq!(near(PolicySetKind::Identity, &misses), Some(misses[0].clone()));
        assert_eq!(near(PolicySetKind::Scp, &misses), None);
    }
}
