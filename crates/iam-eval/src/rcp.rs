//! Resource control policies: what an organization denies of the resources of its accounts, whoever asks.
//!
//! Such a policy never grants, and all that an organization's own ones can do is deny: `RCPFullAWSAccess`, which allows
//! everything, is attached at every level and cannot be detached. So a level is a gate that only a `Deny` closes.
//!
//! Sources: [Resource control policies](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html) and
//! [RCP syntax](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html).

use super::context::{Context, Value};
use super::document::{ActionElement, Effect, NotAPolicy, Statement};
use super::evaluate::{Request, action_applies};
use super::resource::Resource;
use super::resource_policy::AwsPrincipals;
use super::text::Text;

/// The prefixes of the services whose actions resource control policies apply to, in alphabetical order.
///
/// Source: [List of AWS services that support RCPs](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#rcp-supported-services),
/// as of September 2026. Neither `ssm` nor `ssmmessages` is among them.
const SERVICES: [&str; 62] = [
    "aoss",
    "appconfig",
    "appstream",
    "autoscaling",
    "autoscaling-plans",
    "budgets",
    "clouddirectory",
    "cloudfront",
    "cloudsearch",
    "cloudtrail-data",
    "codeartifact",
    "codebuild",
    "codecommit",
    "codepipeline",
    "cognito-identity",
    "cognito-idp",
    "comprehend",
    "comprehendmedical",
    "compute-optimizer",
    "cost-optimization-hub",
    "dax",
    "dsql",
    "dynamodb",
    "ecr",
    "ecr-public",
    "events",
    "firehose",
    "fis",
    "fms",
    "gamelift",
    "health",
    "inspector-scan",
    "kendra",
    "kinesisvideo",
    "kms",
    "logs",
    "memorydb",
    "networkmonitor",
    "notifications",
    "opensearch",
    "pca-connector-ad",
    "personalize",
    "polly",
    "pricing",
    "resource-groups",
    "rolesanywhere",
    "s3",
    "secretsmanager",
    "servicediscovery",
    "signin",
    "sqs",
    "sts",
    "support",
    "swf",
    "textract",
    "timestream-influxdb",
    "transcribe",
    "transfer",
    "translate",
    "wafv2",
    "workspaces",
    "xray",
];

/// The actions of those services that they do not apply to
/// ([Resources and entities not restricted by RCPs](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#actions-not-restricted-by-rcps)).
const NOT_RESTRICTED: [&str; 1] = ["kms:RetireGrant"];

/// Whether resource control policies can bear on an action, `SERVICE:NAME` in any case.
pub fn covers(action: &str) -> bool {
    let service = action.split(':').next().unwrap_or_default();
    SERVICES.iter().any(|known| known.eq_ignore_ascii_case(service))
        && !NOT_RESTRICTED.iter().any(|known| known.eq_ignore_ascii_case(action))
}

/// The account that owns the resource of a request, where its ARN or the request's context names one.
///
/// The ARN of a bucket names none: without a word to the contrary it is taken to be of the caller's account.
pub fn owner(resource: &Resource, context: &Context) -> Option<String> {
    let is_account = |account: &&str| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let of_arn = resource.to_string().split(':').nth(4).filter(is_account).map(str::to_owned);
    of_arn.or_else(|| single(context, "aws:ResourceAccount"))
}

/// Whether the policies of the caller's account govern a request: those of the account that owns the resource do.
pub(super) fn govern(request: &Request) -> bool {
    let own = single(&request.context, "aws:PrincipalAccount");
    let elsewhere = own.zip(owner(&request.resource, &request.context)).is_some_and(|(own, owner)| own != owner);
    covers(&request.action) && !elsewhere
}

/// The value of a key that has a single one, known in full.
fn single(context: &Context, key: &str) -> Option<String> {
    match context.get(key) {
        Value::Present(texts) => match texts.as_slice() {
            [text] => text.as_known().map(str::to_owned),
            _ => None,
        },
        Value::Absent | Value::OneOf(_) | Value::Optional(_) | Value::Between(..) | Value::Unknowable => None,
    }
}

/// Refuses what AWS takes into no resource control policy, so that nothing is known of what it would do.
///
/// # Errors
/// What that is, and in which statement.
pub(super) fn refuse(statements: &[Statement]) -> Result<(), NotAPolicy> {
    let of_statement = |(statement, refused_one)| {
        refused(refused_one).map(|problem| NotAPolicy::NoResourceControlPolicy { statement, problem })
    };
    statements.iter().enumerate().find_map(of_statement).map_or(Ok(()), Err)
}

fn refused(statement: &Statement) -> Option<&'static str> {
    if statement.aws_principals != AwsPrincipals::Everyone {
        return Some("its `Principal` must be `*`");
    }
    if matches!(&statement.action, ActionElement::NotAction(_)) {
        return Some("it has `NotAction`, which these policies cannot have");
    }
    let grants = statement.effect == Some(Effect::Allow) && !allows_everything(statement);
    grants.then_some("it allows, and all that these policies can do is deny")
}

/// Whether it is the statement of `RCPFullAWSAccess`.
fn allows_everything(statement: &Statement) -> bool {
    action_applies(statement, "any:Action").is_true()
        && statement.resource.applies_to(&Resource::Arn(Text::any()), &Context::default()).is_true()
        && statement.condition.keys().next().is_none()
}
