//! Resource control policies, around the gates that they are: what they cover of what is asked, what was not seen of them, and
//! whether one may keep a service from assuming a role for the agent.

use crate::agent_context::{self, Caller};
use crate::facts::{Fact, Facts, Organization};
use crate::needs::{ContextEntry, Need, Place};
use crate::report::{Code, Finding};
use iam_eval::{Decision, Gate, GateKind, Request, Resource, Response, ServicePrincipal, Text, evaluate, rcp};

use super::Diagnosis;
use super::memo::Demand;
use super::role::JudgedRole;
use super::words::{in_statement, not_visible, service_in_words, warning};

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
pub(super) fn not_checked(facts: &Facts, demand: Demand) -> Vec<String> {
    let visible = |unread| not_visible("resource", "--rcp", unread);
    let failed = || facts.rcp_levels.iter().flatten().flat_map(|level| &level.unread).next();
    let of_own = match (&facts.rcp_levels, &facts.organization) {
        // Nothing that they certainly cover is asked for, so that the failure has no finding.
        (Some(_), _) if !demand.governed => failed().map(|reason| visible(Some(reason))),
        (None, _) if !demand.governed => None,
        (_, Fact::Known(Organization { rcps_unread: Some(reason), .. })) => Some(visible(Some(reason))),
        (None, Fact::Known(_)) => Some("resource control policies: not read; give them with `--rcp`".to_owned()),
        (None, Fact::Unreadable(_)) => Some(visible(None)),
        (Some(_), _) | (None, Fact::Absent) => None,
    };
    let of_others = if demand.governed_elsewhere {
        Some("resource control policies of the other account that owns a key or bucket: not visible from here")
    } else if demand.s3_logs {
        Some("resource control policies of another account, if it owns the bucket")
    } else {
        None
    };
    of_own.into_iter().chain(of_others.map(str::to_owned)).collect()
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
        let of_rcps = judged.gates.iter().filter(|gate| gate.kind == GateKind::Rcp);
        let gates: Vec<Gate> = of_rcps.map(|gate| Gate { unread: Vec::new(), ..gate.clone() }).collect();
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
        let denies = if answer.decision == Decision::ExplicitDeny { "denies" } else { "may deny" };
        Some(warning(
            Code::BlockedByRcp,
            format!(
                "cannot determine whether {} can assume the role: {} {denies} `sts:AssumeRole`, and AWS does not document whether a \
                 resource control policy applies to that call",
                service_in_words(service),
                in_statement(by)
            ),
            r#"exclude AWS services from that statement: `"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}`"#,
            true,
        ))
    }
}
