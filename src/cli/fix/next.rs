//! What a person has to do or to know after a run.

use std::collections::BTreeMap;

use crate::command_line::{Command, structure};
use crate::fix::{Record, State, Status, Step, Thing};
use crate::report::{Outcome, Report, Verdict};
use iam_eval::arn::Arn;

/// What a person has to do or to know once the account is as it shall be.
pub(super) fn next(record: &Record, after: &Report) -> Vec<String> {
    let mut next = Vec::new();
    if record.is_incomplete() {
        next.push("run the same command again: it plans anew from what is there now".to_owned());
    }
    next.extend(record.steps.iter().enumerate().filter_map(|(index, step)| bereft(&record.steps, index, step)));
    let made = record.steps.iter().any(|step| step.status == Status::Done);
    let ready = || after.results.iter().filter(|outcome| outcome.verdict == Verdict::Ready);
    if !made || ready().next().is_none() {
        return next;
    }
    let touched = |outcome: &&Outcome| {
        let role = outcome.role.as_ref().and_then(|role| role.arn.as_deref()).and_then(Arn::parse);
        record.steps.iter().any(|Step { change, .. }| match change.thing() {
            Thing::ProfileOfInstance { instance, .. } => {
                outcome.instance.as_ref().is_some_and(|summary| summary.id.as_ref() == Some(instance))
            }
            Thing::RoleOfProfile(_) => matches!(change.after(), State::Holds(held) if Some(held) == role.as_ref()),
            thing => thing.role().is_some() && thing.role() == role.as_ref(),
        })
    };
    let running: Vec<&Outcome> = ready()
        .filter(touched)
        .filter(|outcome| {
            outcome.instance.as_ref().is_some_and(|instance| instance.state.as_deref() == Some("running"))
        })
        .collect();
    // https://docs.aws.amazon.com/systems-manager/latest/userguide/ssm-agent-status-and-restart.html
    next.push(
        "an agent that was denied tries again only after up to 30 minutes; restart it on the instance to have sessions at once: \
         `sudo systemctl restart amazon-ssm-agent` (with snap: `sudo snap restart amazon-ssm-agent`; on Windows: \
         `Restart-Service AmazonSSMAgent`)"
            .to_owned(),
    );
    let mut places: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for outcome in running {
        let instance = outcome.instance.as_ref().and_then(|instance| instance.id.as_deref());
        places.entry(outcome.region.as_deref()).or_default().extend(instance);
    }
    for (region, instances) in places {
        let reboot = Command::new("aws ec2 reboot-instances --instance-ids").operands(instances);
        next.push(format!("or reboot: `{}`", reboot.options("--region", region)));
    }
    next
}

/// What to do for an instance that this run left without any profile: a plan made anew sees no more what it had.
fn bereft(steps: &[Step], index: usize, step: &Step) -> Option<String> {
    let (Thing::ProfileOfInstance { instance, region }, State::Has { profile, .. }) =
        (step.change.thing(), step.change.after())
    else {
        return None;
    };
    let done = |earlier: &Step| earlier.status == Status::Done && earlier.change.thing() == step.change.thing();
    let taken_away = steps.iter().take(index).any(done);
    let comes_anew =
        steps.iter().any(|step| matches!(step.change.thing(), Thing::InstanceProfile(arn) if arn == profile));
    (step.status != Status::Done && taken_away && !comes_anew).then(|| {
        let associate = Command::new("aws ec2 associate-iam-instance-profile")
            .option("--instance-id", instance)
            .option("--iam-instance-profile", structure("Arn", &profile.to_string()))
            .option("--region", region);
        format!(
            "`{instance}` is left without an instance profile; before anything else give it the one that it was to have: `{associate}`"
        )
    })
}
