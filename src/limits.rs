//! Every bound on what comes from outside and on how long it may take, each with its source.
//!
//! They lie far above what AWS gives, so that they end only what is not AWS's or would harm. What lies beyond one is not read:
//! it is unknown, or bad usage, and never a shorter list. `docs/reliability.md` has them as a table.

use std::ops::RangeInclusive;
use std::time::Duration;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The seconds that a try of a call may take, its whole answer included, unless `--timeout` says otherwise.
pub const DEFAULT_TIMEOUT: u64 = 30;

/// What `--timeout` takes. An hour is more than any call takes.
pub const TIMEOUTS: RangeInclusive<u64> = 1..=3600;

/// What `--concurrency` takes: so many accounts and Regions at a time, each with up to 64 calls under way.
pub const CONCURRENCY: RangeInclusive<u64> = 1..=256;

/// What `max_attempts` takes. The default of the AWS CLI is 3, that of this tool 5.
pub const ATTEMPTS: RangeInclusive<u32> = 1..=100;

/// After Control-C, how long in all a run of changes still reads what its end depends on: whether a write whose answer was lost was
/// made, and what may be taken back. Everything else that it reads is cut off at once.
pub const PATIENCE_AT_THE_END: Duration = Duration::from_secs(10);

/// How long the last look at a document that was written may take, whether somebody else has written it since. What was done is
/// told after it.
pub const LAST_LOOK: Duration = Duration::from_secs(10);

/// How long a change that was just made is waited for, the calls that look for it included.
pub const PATIENCE_AFTER_A_CHANGE: Duration = Duration::from_secs(75);

/// The bytes of an answer of EC2, IAM or STS. The largest ordinary one is a page of 1000 associations or policies, below 1 MiB.
pub const ANSWER_BYTES: u64 = 8 * MIB;

/// The bytes of a page of `DescribeInstances` or `GetAccountAuthorizationDetails`: 1000 elements, and 64 KiB for each.
pub const LARGE_ANSWER_BYTES: u64 = 64 * MIB;

/// The bytes of an answer of KMS, Organizations, Systems Manager or a source of credentials. The largest thing in one is a
/// document of Systems Manager, 64 KiB
/// ([quotas](https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm)).
pub const JSON_ANSWER_BYTES: u64 = 4 * MIB;

/// The levels of an answer. `DescribeInstances` has 13, the most.
pub const ANSWER_DEPTH: usize = 64;

/// The lists' elements in an answer, at all levels together: 1000 instances with 50 tags, 15 network interfaces and 28 volumes each
/// are below.
pub const ANSWER_ITEMS: usize = 200_000;

/// The bytes of a tag or comment in a page of instances. A tag of AWS has less than 100.
pub const MARKUP_BYTES: usize = 4 << 10;

/// The pages of a list: a page of EC2 and IAM has up to 1000 elements, and no Region or account has a million.
pub const PAGES: usize = 1_000;

/// The pages of `ListAccounts`, which has up to 20 accounts on each
/// ([ListAccounts](https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html)): 50,000 accounts.
pub const ACCOUNT_PAGES: usize = 2_500;

/// The inline policies of a role: together they have at most 10,240 characters
/// ([quotas](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length)),
/// which hold less than 200 of the shortest ones.
pub const INLINE_POLICIES: usize = 500;

/// The managed policies of a role, of which it can have up to 25
/// ([quotas](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entities)).
pub const ATTACHED_POLICIES: usize = 100;

/// The service control policies of a root, unit or account, of which it can have up to 10
/// ([quotas](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html)).
pub const TARGET_POLICIES: usize = 50;

/// So many instances that were named are confirmed at most: `GetConnectionStatus` takes one target a call.
pub const CONFIRMED: usize = 50;

/// So many of them at a time.
pub const CONFIRMED_AT_A_TIME: usize = 8;

/// What `--wait` takes, in minutes. A denied agent tries again only after up to 30.
pub const WAITS: RangeInclusive<u64> = 0..=1440;

/// The bytes of a policy in a file. AWS's largest, that of a key, has 32 KiB
/// ([quotas](https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html)).
pub const POLICY_FILE_BYTES: u64 = 4 * MIB;

/// The bytes of a configuration file: each flag once for each command is below 10 KiB.
pub const CONFIG_FILE_BYTES: u64 = MIB;

/// The bytes of a file of accounts: 50,000 lines, and 300 bytes for each.
pub const ACCOUNTS_FILE_BYTES: u64 = 16 * MIB;

/// The bytes of a baseline, which has some 700 for each finding: 300,000 of them.
pub const BASELINE_FILE_BYTES: u64 = 256 * MIB;

/// The bytes of a backup: some 25 KiB for each role that a fix changes.
pub const BACKUP_FILE_BYTES: u64 = 256 * MIB;

/// The bytes of a snapshot, which has some 900 for each instance.
pub const SNAPSHOT_FILE_BYTES: u64 = 4 * GIB;

/// The bytes of a Terraform plan as JSON, which has some 10 KiB for each resource.
pub const PLAN_FILE_BYTES: u64 = 128 * MIB;

/// The bytes of a CloudFormation template, which can have up to 1 MB
/// ([quotas](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)).
pub const TEMPLATE_FILE_BYTES: u64 = 4 * MIB;

/// The values in a template, each anchor and alias counted as what it stands for: 500 resources with 1000 values each are as many.
pub const TEMPLATE_VALUES: usize = 500_000;

/// The levels of a template. Policies with functions in them have some 20.
pub const TEMPLATE_DEPTH: usize = 100;

/// The characters that the functions of a template may produce, all together.
pub const TEMPLATE_CHARACTERS: u64 = 16 * MIB;

/// A number of bytes in words.
pub fn in_words(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= GIB => format!("{} GiB", bytes / GIB),
        bytes if bytes >= MIB => format!("{} MiB", bytes / MIB),
        bytes => format!("{} KiB", bytes / KIB),
    }
}
