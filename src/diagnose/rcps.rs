//! Resource control policies, around the gates that they are: what they cover of what is asked, what was not seen of them, and
//! whether one may keep a service from assuming a role for the agent.

use crate::agent_context::{self, Caller};
use crate::facts::{Fact, Facts, Organization};
use crate::needs::{ContextEntry, Need, Place};
use crate::report::{Finding, FindingKind, NotChecked};
use iam_eval::{
    Decision, PolicySet, PolicySetKind, Request, Resource, Response, ServicePrincipal, Text, evaluate, rcp,
};

use super::memo::NeedFlags;
use super::role::JudgedRole;
use super::{Diagnosis, explain};

/// Whose resource control policies cover a need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GovernedBy {
    /// Nobody's: they do not apply to the action.
    Nobody,
    /// Those of the account that the agent is in.
    OwnAccount,
    /// Those of another account, which owns the resource.
    AnotherAccount,
}

impl GovernedBy {
    /// Whose cover `need` in `place`, given what the user said of the requests.
    pub(super) fn of(need: &Need, place: &Place<'_>, given: &[ContextEntry]) -> GovernedBy {
        if !rcp::covers(&need.action) {
            return GovernedBy::Nobody;
        }
        let context = agent_context::said(&need.action, given);
        match place.account.zip(rcp::owner(&need.resource, &context)) {
            Some((own, owner)) if own != owner => GovernedBy::AnotherAccount,
            Some(_) | None => GovernedBy::OwnAccount,
        }
    }
}

/// Which resource control policies were not looked at, of those that cover what is asked.
pub(super) fn not_checked(facts: &Facts, need_flags: NeedFlags) -> Vec<NotChecked> {
    let failed = || facts.rcp_levels.iter().flatten().flat_map(|level| &level.unread).next();
    let of_own = match (&facts.rcp_levels, &facts.organization) {
        // Nothing that they certainly cover is asked for, so that the failure has no finding.
        (Some(_), _) if !need_flags.governed => failed().map(|reason| NotChecked::Rcps(Some(reason.clone()))),
        (None, _) if !need_flags.governed => None,
        (_, Fact::Known(Organization { rcps_unread: Some(reason), .. })) => {
            Some(NotChecked::Rcps(Some(reason.clone())))
        }
        (None, Fact::Known(_)) => Some(NotChecked::RcpsNotRead),
        (None, Fact::Unreadable(_)) => Some(NotChecked::Rcps(None)),
        (Some(_), _) | (None, Fact::Absent) => None,
    };
    let of_others = match (need_flags.governed_elsewhere, need_flags.s3_logs) {
        (true, _) => Some(NotChecked::RcpsOfOwner),
        (false, true) => Some(NotChecked::RcpsOfBucketOwner),
        (false, false) => None,
    };
    of_own.into_iter().chain(of_others).collect()
}

impl Diagnosis<'_> {
    /// What the resource control policies that were read leave open of the call of `service`, if anything.
    ///
    /// They cover `sts:AssumeRole`, and AWS does not document whether they apply to a service's own call: one that would deny it
    /// leaves the answer unknown. The usual ones except AWS services, and do not deny it. Policies that were not read are told among what was not checked, as long as nothing is asked for that they certainly cover.
    pub(super) fn rcps_on_assume_role(
        &self,
        judged: &JudgedRole,
        caller: &Caller<'_>,
        service: &ServicePrincipal,
    ) -> Option<Finding> {
        let of_rcps = judged.gates.iter().filter(|gate| gate.kind == PolicySetKind::Rcp);
        let gates: Vec<PolicySet> = of_rcps.map(|gate| PolicySet { unread: Vec::new(), ..gate.clone() }).collect();
        if gates.is_empty() {
            return None;
        }
        let resource = Resource::Arn(judged.arn.as_ref().map_or_else(|| caller.place.role_arn(), Text::known));
        let contexts = agent_context::for_assume_role(caller, service, &self.requirements.context);
        let answers = contexts.into_iter().map(|context| {
            evaluate(&gates, &Request { action: "sts:AssumeRole".to_owned(), resource: resource.clone(), context })
        });
        // A document that is not understood has a finding of its own.
        let in_the_way = |answer: &Response| answer.decision != Decision::Allowed && !answer.decided_by.is_empty();
        let answer = answers.filter(in_the_way).max_by_key(|answer| answer.decision == Decision::ExplicitDeny)?;
        let by = answer.decided_by.first()?;
        let kind = FindingKind::RcpOnAssumeRole {
            service: explain::assuming(service),
            statement: by.clone(),
            denies: answer.decision == Decision::ExplicitDeny,
        };
        Some(kind.into())
    }
}
