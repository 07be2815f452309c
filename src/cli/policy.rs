//! `policy`: the policy that a role needs, or the caller of a command. Makes no AWS call.

use super::{Exit, Stop, args, known_actions, output, resolve};
use crate::caller::{Fixing, Purpose, document};
use crate::emit;
use crate::fix::document::with_statements;
use crate::fix::grant;
use crate::needs::{KeyArn, Place, all};
use crate::render::words::{unfit, why_not_granted};
use iam_eval::Text;
use iam_eval::arn::{Arn, partition_of_region};

/// Runs `policy`.
pub fn policy(typed: &args::Policy) -> Result<Exit, Stop> {
    let plan = resolve::policy(typed).map_err(Stop::Usage)?;
    known_actions::warn_of_unknown(&plan.requirements.actions);
    let failed = |error: &dyn std::fmt::Display| Stop::Failure(format!("cannot write the policy: {error}"));
    let text = match typed.caller_of {
        None => of_role(typed, &plan)?,
        Some(caller_of) => {
            let fixing =
                Fixing { attach_managed: typed.attach_managed, create_profile: typed.create_profile.is_some() };
            let fix = (caller_of == args::CallerOf::Fix).then_some(fixing);
            document(Purpose { simulate: false, fix }).map_err(|error| failed(&error))?
        }
    };
    // The caller's policy is not to be taken for that of a role.
    let usual = match typed.caller_of {
        Some(args::CallerOf::Check) => "SsmProfileCheck",
        Some(args::CallerOf::Fix) => "SsmProfileFix",
        None => args::DEFAULT_POLICY_NAME,
    };
    let name = typed.policy_name.as_deref().unwrap_or(usual);
    let text = match typed.output {
        args::PolicyOutput::Json => text,
        args::PolicyOutput::Terraform => emit::policy_terraform(name, &text).map_err(|error| failed(&error))?,
        args::PolicyOutput::Cloudformation => {
            emit::policy_cloudformation(name, &text).map_err(|error| failed(&error))?
        }
    };
    output::print(&format!("{}\n", text.trim_end_matches('\n')))?;
    Ok(Exit::Ready)
}

fn is_key_arn(key: &str) -> bool {
    Arn::parse(key).is_some_and(|arn| arn.resource_type() == "key")
}

/// The policy of a role that has nothing yet.
fn of_role(typed: &args::Policy, plan: &resolve::PolicyPlan) -> Result<String, Stop> {
    let partitions = plan.requirements.partitions();
    let partition = plan.region.as_deref().map(partition_of_region);
    let partition = partition.or(partitions.iter().next().map(String::as_str)).unwrap_or("aws");
    let place = Place {
        partition: Some(partition),
        account: typed.account.as_deref(),
        region: plan.region.as_deref(),
        instance_id: None,
    };
    let key = match plan.requirements.kms_key.as_deref() {
        None => None,
        Some(key) if is_key_arn(key) => Some(KeyArn::Resolved(Text::known(key))),
        // The id of a key of a known account and Region is the end of its ARN; an alias has to be looked up.
        Some(key) if !key.starts_with("alias/") && Arn::parse(key).is_none() => {
            if place.region.is_none() || place.account.is_none() {
                return Err(Stop::Usage(vec![format!(
                    "`{key}` is the ID of a key, and a policy takes its ARN alone; give the ARN, or `--region` and `--account` too"
                )]));
            }
            Some(KeyArn::Resolved(place.key_arn(Some(key))))
        }
        Some(key) => {
            return Err(Stop::Usage(vec![format!(
                "`{key}` is an alias, which grants nothing in a policy, and only AWS knows which key it stands for; give the key's ARN"
            )]));
        }
    };
    let needs = all(&plan.requirements, &place, key.as_ref());
    let statements = grant::whole(&needs).map_err(|cannot| {
        Stop::Usage(vec![format!("`{}` cannot be granted: {}", cannot.action, why_not_granted(&cannot.why))])
    })?;
    let document = with_statements(None, &statements)
        .map_err(|why| Stop::Failure(format!("cannot write the policy: {}", unfit(&why))))?;
    Ok(document.as_str().to_owned())
}
