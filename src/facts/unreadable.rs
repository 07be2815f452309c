//! Why something is not known, and whether that may hide something which decides.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a datum could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unreadable {
    /// The API that failed, named as the IAM action that it needs: `iam:GetRole`. In a plan or template: the attribute, with the
    /// address of its resource.
    pub api: String,
    /// What kind of failure it was.
    pub kind: UnreadableKind,
    /// What AWS, the network or this tool said about it, for a person.
    #[serde(deserialize_with = "crate::redact::deserialize")]
    pub message: String,
}

/// The kinds of failure that change what a person does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnreadableKind {
    /// The caller may not make this call.
    Denied,
    /// AWS throttled the call for longer than the retries lasted.
    Throttled,
    /// There are no credentials, or they are expired or invalid.
    Credentials,
    /// No connection could be made, so that certainly no answer came.
    Network,
    /// On a connection no answer came, or it broke off, or it could not be understood.
    Response,
    /// The thing asked for lives in another account than the credentials.
    OtherAccount,
    /// There is no such thing, only another of its name.
    OtherPath,
    /// The snapshot does not hold it, and nobody tried to read it.
    NotInSnapshot,
    /// The plan or template does not say it: it is known only after it is applied, or lives elsewhere.
    NotInPlan,
    /// The service does not know the call at all.
    Unsupported,
    /// AWS itself failed for longer than the retries lasted.
    Service,
    /// Any other error of AWS.
    Other,
}

impl UnreadableKind {
    /// Whether something that decides may be behind the failure: the call gave neither what was asked for, nor AWS's word that
    /// the caller may not see it.
    ///
    /// A service that does not know the call has nothing that it would show, as in a partition without that feature. One to which no
    /// connection can be made hides nothing either, or whoever has no way to it would always be told `unknown`; `service_answers` says that another call to the same service got an answer, so that this does not hold.
    pub fn may_hide(self, service_answers: bool) -> bool {
        match self {
            UnreadableKind::Throttled
            | UnreadableKind::Credentials
            | UnreadableKind::Response
            | UnreadableKind::Service
            | UnreadableKind::NotInPlan
            | UnreadableKind::Other => true,
            UnreadableKind::Network => service_answers,
            UnreadableKind::Denied
            | UnreadableKind::OtherAccount
            | UnreadableKind::OtherPath
            | UnreadableKind::NotInSnapshot
            | UnreadableKind::Unsupported => false,
        }
    }
}
