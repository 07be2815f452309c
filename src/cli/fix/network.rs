//! What a fix says of network paths, which it leaves alone.

use std::collections::BTreeSet;

use crate::cli::resolve::{FixPlan, FixSource};
use crate::command_line::Command;
use crate::facts::Facts;
use crate::fix::{NetworkPlan, Refusal, RefusalKind, Warning};
use crate::report::{Outcome, Report};

/// So many targets are named in a command.
const MOST_NAMED: usize = 10;

/// What is said of paths that are not open.
pub(super) struct LeftAlone {
    /// For each target that lacks nothing else why nothing is changed for it.
    pub(super) refusals: Vec<Refusal>,
    /// For those that lack something else too.
    pub(super) warning: Option<Warning>,
}

/// What a plan for the network means to a run that does not print it.
pub(super) fn left_alone(plan: NetworkPlan, report: &Report, facts: &Facts, resolved: &FixPlan) -> LeftAlone {
    let lacks_only_network = |target: &str| {
        report.results.iter().any(|outcome| outcome.target == target && Outcome::lacks_only_network(outcome))
    };
    let proposed: BTreeSet<String> = plan.proposals.into_iter().flat_map(|proposal| proposal.targets).collect();
    let (only, others): (Vec<String>, Vec<String>) =
        proposed.into_iter().partition(|target| lacks_only_network(target));
    let mut refusals: Vec<Refusal> =
        plan.refusals.into_iter().filter(|refusal| lacks_only_network(&refusal.target)).collect();
    let mut regions = BTreeSet::new();
    for subject in facts.subjects.iter().filter(|subject| only.contains(&subject.target)) {
        regions.extend(subject.region.clone());
    }
    if let Some(print) = printing(&only, &regions, resolved) {
        let kind = || Box::new(RefusalKind::NetworkOnly { print: print.to_string() });
        refusals.extend(facts.subjects.iter().filter(|subject| only.contains(&subject.target)).map(|subject| {
            let instance = iam_eval::arn::is_instance_id(&subject.target).then(|| subject.target.clone());
            Refusal { target: subject.target.clone(), instance, region: subject.region.clone(), kind: kind() }
        }));
    }
    let regions = facts.subjects.iter().filter(|subject| others.contains(&subject.target));
    let regions = regions.filter_map(|subject| subject.region.clone()).collect();
    let warning = printing(&others, &regions, resolved)
        .map(|print| Warning::NetworkOnlyEmitted { print: print.to_string(), targets: others });
    LeftAlone { refusals, warning }
}

/// The command that prints what opens the paths of these targets; `None` for no target.
fn printing(targets: &[String], regions: &BTreeSet<String>, resolved: &FixPlan) -> Option<Command> {
    let snapshot = match &resolved.source {
        FixSource::Snapshot { file, .. } => Some(file),
        FixSource::Live(_) => None,
    };
    let fix = match targets {
        [] => return None,
        few if few.len() <= MOST_NAMED && regions.len() == 1 => Command::new("ssm-profile fix").operands(few),
        _ => Command::new("ssm-profile fix --all"),
    };
    let fix = fix.options("--region", regions).options("--snapshot", snapshot);
    Some(fix.and("--network auto --emit cli"))
}
