//! Whether changes are such as a fix makes: an undo takes back nothing else.
//!
//! A backup is a file, and whoever can write it must not have an undo remove a deny, a statement of others or a profile. What
//! only the account can tell, an undo asks the account.

use super::document::{NewStatement, statements, with_statements};
use super::foresee::MANAGED_CORE;
use super::same::same_document;
use super::standing::admission_in;
use super::{Action, Change, State, Thing};
use crate::facts::PolicyText;
use iam_eval::Json;
use iam_eval::arn::{Arn, is_account_id, is_instance_id, partition_of_region};

/// A change that no fix makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOfAFix<'a> {
    /// The change.
    pub change: &'a Change,
    /// Why no fix makes it.
    pub why: &'static str,
}

/// Whether a fix can have made these changes, in this order.
///
/// # Errors
/// The first change that no fix makes.
pub fn of_a_fix<'a>(changes: &[&'a Change]) -> Result<(), NotOfAFix<'a>> {
    let owner = changes.iter().find_map(|change| change.owner());
    for (index, change) in changes.iter().copied().enumerate() {
        let same = |other: &&&Change| other.thing() == change.thing();
        let earlier = changes.iter().take(index).filter(same).count();
        let before = index.checked_sub(1).and_then(|index| changes.get(index)).filter(same).copied();
        let after = index.checked_add(1).and_then(|index| changes.get(index)).filter(same).copied();
        let why = match owner {
            Some(owner) if !is_of(change, owner) => Some("it is not of the account and partition of the other changes"),
            // The profile of a stopped instance is taken away first.
            _ if earlier != usize::from(before.is_some_and(takes_away)) => Some("a fix changes a thing once"),
            _ => why_not(change, before, after),
        };
        if let Some(why) = why {
            return Err(NotOfAFix { change, why });
        }
    }
    Ok(())
}

fn takes_away(change: &Change) -> bool {
    change.action() == Action::DisassociateIamInstanceProfile
}

/// Whether everything that a change names is of the account and partition of `owner`.
fn is_of(change: &Change, owner: &Arn) -> bool {
    let of_owner = |arn: &Arn| arn.partition == owner.partition && arn.account == owner.account;
    // The partition and the Region say where calls go.
    let is_word = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let held = [change.before(), change.after()].into_iter().filter_map(|state| match state {
        State::Holds(arn) | State::Has { profile: arn, .. } => Some(arn),
        _ => None,
    });
    let place = match change.thing() {
        Thing::ProfileOfInstance { instance, region } => {
            is_instance_id(instance) && is_word(region) && partition_of_region(region) == owner.partition
        }
        _ => true,
    };
    place && is_word(&owner.partition) && is_account_id(&owner.account) && held.chain(change.owner()).all(of_owner)
}

/// Why no fix makes a change; `before` and `after` are the changes of the same thing next to it.
fn why_not(change: &Change, before: Option<&Change>, after: Option<&Change>) -> Option<&'static str> {
    let (is_of_a_fix, why) = match (change.thing(), change.before(), change.after()) {
        (Thing::Role(arn), State::Absent, State::Role { trust, .. }) => {
            (admits_ec2(None, trust, arn), "a role that a fix creates admits EC2 and nobody else")
        }
        (Thing::TrustPolicy(arn), State::Document(before), State::Document(after)) => (
            admits_ec2(Some(before), after, arn),
            "a fix adds to a trust policy the statement that admits EC2, and removes nothing",
        ),
        (Thing::InlinePolicy { .. }, State::Absent, State::Document(after)) => {
            (grants(None, after), "a policy that a fix creates allows actions by their names and says nothing else")
        }
        (Thing::InlinePolicy { .. }, State::Document(before), State::Document(after)) => (
            grants(Some(before), after),
            "a fix adds to a policy statements that allow actions by their names, and removes nothing",
        ),
        (Thing::AttachedPolicy { role, policy }, State::Absent, State::Attached) => {
            let core = format!("arn:{}:iam::aws:policy/{MANAGED_CORE}", role.partition);
            (policy.to_string() == core, "a fix attaches `AmazonSSMManagedInstanceCore` only")
        }
        (Thing::InstanceProfile(_), State::Absent, State::InstanceProfile { .. })
        | (Thing::RoleOfProfile(_), State::Absent, State::Holds(_)) => return None,
        (Thing::ProfileOfInstance { .. }, State::Absent, has) => {
            let had = before.filter(|before| takes_away(before)).map(Change::before);
            (had.is_none_or(|had| is_another(had, has)), SAME_PROFILE)
        }
        (Thing::ProfileOfInstance { .. }, had, State::Absent) => (
            after.is_some_and(|after| *after.before() == State::Absent) && matches!(had, State::Has { .. }),
            "a fix takes a profile away only to associate another one",
        ),
        (Thing::ProfileOfInstance { .. }, had, has) => (is_another(had, has), SAME_PROFILE),
        _ => (false, "a fix creates, adds and associates, and removes nothing"),
    };
    (!is_of_a_fix).then_some(why)
}

const SAME_PROFILE: &str =
    "a fix associates a profile that the instance has only where it was created anew, with another ID";

/// Whether a profile is another one than the instance had. One that was created anew has the same ARN and
/// [another id](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids).
fn is_another(had: &State, has: &State) -> bool {
    match (had, has) {
        (State::Has { profile: had, id: old }, State::Has { profile: has, id: new }) => {
            had != has || (old.is_some() && old != new)
        }
        _ => false,
    }
}

/// Whether `after` is `before` with the statement that admits EC2 behind its own.
pub(super) fn admits_ec2(before: Option<&PolicyText>, after: &PolicyText, role: &Arn) -> bool {
    let admission = admission_in(Some(&role.partition));
    adds(before, after, |_| Some(admission.clone()))
}

/// Whether `after` is `before` with statements behind its own that grant something.
pub(super) fn grants(before: Option<&PolicyText>, after: &PolicyText) -> bool {
    adds(before, after, grant)
}

/// Whether `after` is what becomes of `before` when the statements are added that `read` reads behind those of `before`.
///
/// The documents are compared by what they say: IAM need not give one back as it was written.
fn adds(before: Option<&PolicyText>, after: &PolicyText, read: impl Fn(&Json) -> Option<NewStatement>) -> bool {
    let earlier = match before.map(|before| statements(before.as_str())) {
        Some(Ok(before)) => before.len(),
        Some(Err(_)) => return false,
        None => 0,
    };
    let Ok(all) = statements(after.as_str()) else { return false };
    let Some(added) = all.get(earlier..).filter(|added| !added.is_empty()) else { return false };
    let Some(added) = added.iter().map(read).collect::<Option<Vec<_>>>() else { return false };
    with_statements(before, &added).is_ok_and(|expected| same_document(after, &expected))
}

/// A statement as a grant writes it: `Allow`, actions by their names, one resource, and nothing else.
fn grant(statement: &Json) -> Option<NewStatement> {
    let Json::Object(members) = statement else { return None };
    let value = |name: &str| members.iter().find(|(known, _)| known == name).map(|(_, value)| value.one_or_many());
    let text = |value: &Json| match value {
        Json::String(text) => Some(text.clone()),
        _ => None,
    };
    let ([effect], [resource]) = (value("Effect")?, value("Resource")?) else { return None };
    let actions = value("Action")?.iter().map(text).collect::<Option<Vec<String>>>()?;
    let resource = text(resource).filter(|resource| resource == "*" || Arn::parse(resource).is_some())?;
    let is_grant = members.len() == 3
        && text(effect)? == "Allow"
        && !actions.is_empty()
        && actions.iter().all(|action| is_name(action));
    is_grant.then(|| NewStatement::on_resource(actions, resource))
}

/// Whether it is the name of one action, without wildcards.
fn is_name(action: &str) -> bool {
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    action.split_once(':').is_some_and(|(service, name)| is_word(service) && is_word(name))
}
