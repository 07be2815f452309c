//! What can be typed of the commands that fix.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use super::{Aws, Circumstances, FailOn, Needs, Targets};
use crate::report::Code;

/// `fix`.
#[derive(Debug, Args)]
#[command(mut_arg("network", |network| network.help(NETWORK_HELP)))]
pub struct Fix {
    #[command(flatten)]
    pub targets: Targets,
    #[command(flatten)]
    pub needs: Needs,
    #[command(flatten)]
    pub circumstances: Circumstances,
    #[command(flatten)]
    pub how: How,
    #[command(flatten)]
    pub writing: Writing,

    /// Print the changes instead of making them, as commands or for infrastructure code
    #[arg(long, value_enum, value_name = "FORM", help_heading = "Applying changes")]
    pub emit: Option<Emit>,

    /// Only targets that a finding with this code keeps from being ready, for example no-instance-profile; repeatable
    #[arg(long, value_enum, value_name = "CODE", help_heading = "Applying changes", hide_possible_values = true)]
    pub only: Vec<Code>,

    /// After the changes, wait until the agents are connected; at most this many minutes [default: 40]
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, require_equals = true, default_missing_value = "40",
        value_parser = clap::value_parser!(u64).range(crate::limits::WAITS),
        conflicts_with_all = ["dry_run", "emit", "snapshot"], help_heading = "Applying changes")]
    pub wait: Option<u64>,

    /// Stop after this many failed changes; until then, skip what depends on them and continue
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Applying changes")]
    pub max_failures: usize,

    /// Write the backup to this file, which must not exist; default: a file in the state directory, printed at the
    /// end. With --accounts a directory, with a file for each account
    #[arg(long, value_name = "FILE", help_heading = "Applying changes")]
    pub backup: Option<OsString>,

    /// A snapshot, with --dry-run or --emit: makes no AWS call
    #[arg(long, value_name = "FILE", help_heading = "AWS")]
    pub snapshot: Option<OsString>,

    #[command(flatten)]
    pub levels: super::Levels,

    /// Exit 1 if a finding of this severity or above remains
    #[arg(long, value_enum, default_value_t = FailOn::Error, value_name = "SEVERITY", help_heading = "Applying changes")]
    pub fail_on: FailOn,

    #[command(flatten)]
    pub aws: Aws,
}

const NETWORK_HELP: &str = "The network path from a running instance to AWS, as in check; fix never changes it. Where this is given \
    with --emit, what opens a closed path is printed as well [default: auto]";

/// How to fix.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to fix")]
pub struct How {
    /// The name of the inline policy
    #[arg(long, value_name = "NAME", default_value = DEFAULT_POLICY_NAME)]
    pub policy_name: String,

    /// Attach AmazonSSMManagedInstanceCore instead; the inline policy then has only what that does not cover
    #[arg(long)]
    pub attach_managed: bool,

    /// Grant only what is missing, without the s3:GetEncryptionConfiguration that the policy of the user guide grants along
    /// with the channels
    #[arg(long)]
    pub least: bool,

    /// Create a role and an instance profile of this name for an instance that has none
    #[arg(long, value_name = "NAME")]
    pub create_profile: Option<String>,

    /// Also change roles that CloudFormation, Terraform or a similar tool manages and may revert
    #[arg(long)]
    pub force_managed_elsewhere: bool,
}

/// The name that the user guide proposes for the inline policy.
pub const DEFAULT_POLICY_NAME: &str = "SessionManagerPermissions";

/// Whether to write, and what to print.
#[derive(Debug, Args)]
#[command(next_help_heading = "Applying changes")]
pub struct Writing {
    /// Show the plan and change nothing, even with --yes
    #[arg(long)]
    pub dry_run: bool,

    /// Skip the confirmation
    #[arg(short, long)]
    pub yes: bool,

    /// Output format
    #[arg(short, long, value_enum, default_value_t = RecordOutput::Text, value_name = "FORM")]
    pub output: RecordOutput,
}

/// `undo`.
#[derive(Debug, Args)]
#[command(mut_arg("region", |region| region.help("The Region to call; the backup says where its instances are")))]
pub struct Undo {
    /// The backup file that a fix has written
    #[arg(conflicts_with_all = ["last", "list"])]
    pub backup: Option<OsString>,

    /// Undo the last fix whose backup is in the default directory and not undone yet
    #[arg(long, conflicts_with = "list")]
    pub last: bool,

    /// List the backups in the default directory, newest first, and change nothing
    #[arg(long)]
    pub list: bool,

    /// The role to assume where the backup is of another account than the credentials
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    pub assume_role: Option<String>,

    #[command(flatten)]
    pub writing: Writing,
    #[command(flatten)]
    pub aws: Aws,
}

/// `policy`.
#[derive(Debug, Args)]
pub struct Policy {
    #[command(flatten)]
    pub needs: Needs,

    /// Print what the caller of this command needs instead; with the flags that fix will be given
    #[arg(long = "for", value_enum, value_name = "COMMAND", help_heading = "Whose policy, and where")]
    pub caller_of: Option<CallerOf>,

    /// Output format
    #[arg(short, long, value_enum, default_value_t = PolicyOutput::Json, value_name = "FORM", visible_alias = "format", help_heading = "Output")]
    pub output: PolicyOutput,

    /// The policy's name, in Terraform and CloudFormation [default: SessionManagerPermissions, SsmProfileCheck or SsmProfileFix]
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub policy_name: Option<String>,

    /// With --for fix: what --attach-managed needs
    #[arg(long, help_heading = "Whose policy, and where")]
    pub attach_managed: bool,

    /// With --for fix: what --create-profile needs
    #[arg(long, value_name = "NAME", help_heading = "Whose policy, and where")]
    pub create_profile: Option<String>,

    /// The Region that the policy is for
    #[arg(long, value_name = "REGION", help_heading = "Whose policy, and where")]
    pub region: Option<String>,

    /// The account that the policy is for
    #[arg(long, value_name = "ID", help_heading = "Whose policy, and where")]
    pub account: Option<String>,
}

/// The forms of a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordOutput {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// The forms of changes for people whose roles live in code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// Commands of the AWS CLI
    Cli,
    /// Terraform
    Terraform,
    /// A CloudFormation template
    Cloudformation,
}

/// The forms of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PolicyOutput {
    /// The document
    Json,
    /// A Terraform resource
    Terraform,
    /// A CloudFormation template
    Cloudformation,
}

/// Whose permissions a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CallerOf {
    /// The caller of check
    Check,
    /// The caller of fix and undo
    Fix,
}
