//! Guesses that save a single instance rounds: what is most likely asked for next is asked for beside what tells it.
//!
//! A guess is only used once the answer to the right question names the same thing. A wrong one costs calls; what it brought, an
//! error too, is dropped.

use std::future::Future;
use std::pin::pin;

use futures::future::{Either, Shared, select};

use crate::sources::managed_policies;

/// What the names of instance profiles end with where those of their roles do not, and what stands there instead, if anything.
const ENDINGS: [(&str, &str); 6] = [
    ("-instance-profile", "-role"),
    ("-profile", "-role"),
    ("_instance_profile", "_role"),
    ("_profile", "_role"),
    ("InstanceProfile", "Role"),
    ("Profile", "Role"),
];

/// The names that the role of a profile most likely has: the console gives both the same, and templates tell them apart by their
/// endings.
///
/// Source: [instance profiles](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2_instance-profiles.html).
pub(super) fn roles(profile: &str) -> Vec<String> {
    let stem = ENDINGS.iter().find_map(|(ending, role)| Some((profile.strip_suffix(ending)?, role)));
    let others = stem.into_iter().flat_map(|(stem, role)| [stem.to_owned(), format!("{stem}{role}")]);
    [profile.to_owned()].into_iter().chain(others).filter(|name| !name.is_empty()).collect()
}

/// The version that a managed policy most likely has: the one that is shipped, or the first, which most policies of customers
/// still are at.
pub(super) fn version(arn: &str) -> String {
    managed_policies::shipped(arn).map_or_else(|| "v1".to_owned(), |policy| policy.version)
}

/// Waits for an answer while a guess is under way, which need not come to its end.
pub(super) async fn beside<A, G>(answer: impl Future<Output = A>, guess: Shared<G>) -> A
where
    G: Future<Output: Clone>,
{
    match select(pin!(answer), guess).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, answer)) => answer.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use std::future::{pending, ready};

    #[test]
    fn the_role_of_a_profile_is_called_as_it_or_as_what_it_is_the_profile_of() {
        for (profile, guesses) in [
            ("web", &["web"][..]),
            ("web-profile", &["web-profile", "web", "web-role"]),
            ("web-instance-profile", &["web-instance-profile", "web", "web-role"]),
            ("WebInstanceProfile", &["WebInstanceProfile", "Web", "WebRole"]),
            ("-profile", &["-profile", "-role"]),
            ("web-Profiles", &["web-Profiles"]),
        ] {
            assert_eq!(roles(profile), guesses);
        }
    }

    #[tokio::test]
    async fn an_answer_does_not_wait_for_a_guess() {
        assert_eq!(beside(ready(1), pending::<()>().shared()).await, 1);
        assert_eq!(
            beside(
                async {
                    tokio::task::yield_now().await;
                    2
                },
                ready(()).shared()
            )
            .await,
            2
        );
    }
}
