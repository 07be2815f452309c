//! What can be typed. Nothing behind `cli` sees these types.

mod fix;

use std::ffi::{OsStr, OsString};

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use super::manual;
use crate::limits;
use crate::render::sanitize::word;
use crate::report::{Code, Severity};

pub use fix::{CallerOf, DEFAULT_POLICY_NAME, Emit, Fix, Policy, PolicyOutput, RecordOutput, Undo};

/// Can Session Manager reach an EC2 instance through its IAM instance profile, and if not, exactly why?
#[derive(Debug, Parser)]
#[command(name = "ssm-profile", version, max_term_width = 100)]
#[command(after_help = manual::help(""))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// When to use colors
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,

    /// Show more: every deciding statement, complete ARNs, every resource
    #[arg(short, long, global = true, conflicts_with = "quiet", overrides_with = "verbose")]
    pub verbose: bool,

    /// Show less: one line for each target
    #[arg(short, long, global = true, overrides_with = "quiet")]
    pub quiet: bool,

    /// Read this configuration file and no other, or `none`; see `ssm-profile config`
    #[arg(long, global = true, value_name = "FILE|none")]
    pub config: Option<OsString>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check whether Session Manager can reach the targets, and if not, exactly why
    #[command(after_help = manual::help("check"))]
    Check(Box<Check>),
    /// Make the targets reachable: plan, show, confirm, apply, verify
    #[command(after_help = manual::help("fix"))]
    Fix(Box<Fix>),
    /// Undo what a fix changed
    #[command(after_help = manual::help("undo"))]
    Undo(Undo),
    /// Show the effective settings, and where each comes from
    #[command(after_help = manual::help("config"))]
    Config(Config),
    /// Print the policy that an instance role needs, or that the caller of check or fix needs
    #[command(after_help = manual::help("policy"))]
    Policy(Box<Policy>),
    /// Save the facts that check reads, to check later and elsewhere
    #[command(after_help = manual::help("snapshot"))]
    Snapshot(Box<Snapshot>),
    /// Explain a finding: what it means, how to see it by hand, what to do
    #[command(after_help = manual::help("explain"), args = hidden(&["verbose", "quiet"]))]
    Explain {
        /// The finding's code, for example `trust-policy`
        #[arg(value_enum, hide_possible_values = true)]
        code: Code,
    },
    /// Print the manual page (roff), or that of a command
    #[command(after_help = manual::help("man"), args = hidden(&GLOBAL))]
    Man {
        /// The command
        command: Option<String>,
    },
    /// Print the JSON Schema of a machine format
    #[command(after_help = manual::help("schema"), args = hidden(&GLOBAL))]
    Schema {
        /// The format
        #[arg(value_enum)]
        format: Format,
    },
    /// Print shell completions
    #[command(after_help = manual::help("completions"), args = hidden(&GLOBAL))]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The flags that every command takes.
const GLOBAL: [&str; 4] = ["color", "verbose", "quiet", "config"];

/// These of them, for a command to which they say nothing: they are taken, and not offered.
fn hidden(names: &[&'static str]) -> Vec<clap::Arg> {
    let own = |name: &&'static str| {
        let arg = clap::Arg::new(*name).long(*name).hide(true);
        match *name {
            "color" => arg.value_parser(EnumValueParser::<Color>::new()).default_value("auto"),
            "config" => arg.value_parser(value_parser!(OsString)),
            short => arg.short(short.chars().next()).action(clap::ArgAction::SetTrue).overrides_with(*name),
        }
    };
    names.iter().map(own).collect()
}

/// `config`.
#[derive(Debug, Args)]
pub struct Config {
    /// Only the settings of this command
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,

    /// Output format
    #[arg(short, long, value_enum, default_value_t = RecordOutput::Text, value_name = "FORM")]
    pub output: RecordOutput,
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub targets: Targets,
    #[command(flatten)]
    pub needs: Needs,
    #[command(flatten)]
    pub circumstances: Circumstances,
    #[command(flatten)]
    pub sources: Sources,
    #[command(flatten)]
    pub levels: Levels,
    #[command(flatten)]
    pub aws: Aws,

    /// Output format; FORM=FILE writes it to a file beside standard output, and is repeatable [default: text]
    #[arg(short, long, value_parser = OutputParser, value_name = "FORM[=FILE]", help_heading = "Output")]
    pub output: Vec<OutputTo>,

    /// Exit 1 at this severity or above
    #[arg(long, value_enum, default_value_t = FailOn::Error, value_name = "SEVERITY", help_heading = "Output")]
    pub fail_on: FailOn,

    /// Take the findings that this file names as known: they are shown, and do not count for the exit code
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub baseline: Option<OsString>,

    /// Write a baseline of the present findings; keeps the reasons and end dates of one that is there
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub write_baseline: Option<OsString>,

    /// Show only targets with this verdict; the exit code and the summary cover all
    #[arg(long, value_enum, default_value_t = Show::All, value_name = "VERDICT", help_heading = "Output")]
    pub show: Show,

    /// Show only targets that have a finding with this code; repeatable: with any of them
    #[arg(long, value_enum, value_name = "CODE", help_heading = "Output", hide_possible_values = true)]
    pub code: Vec<Code>,

    /// Also query the IAM policy simulator, and show where it disagrees, and why; the verdict stays the same
    #[arg(long, help_heading = "AWS", conflicts_with_all = ["snapshot", "policy", "terraform_plan", "cloudformation"])]
    pub simulate: bool,

    /// Also ask Session Manager whether each instance that is named is connected, and show where that contradicts the verdict, which
    /// stays the same
    #[arg(long, help_heading = "AWS", conflicts_with_all = ["snapshot", "policy", "terraform_plan", "cloudformation"])]
    pub confirm: bool,
}

/// `snapshot`.
#[derive(Debug, Args)]
pub struct Snapshot {
    #[command(flatten)]
    pub targets: Targets,
    #[command(flatten)]
    pub aws: Aws,

    /// A key whose ID or alias to look up too: what check's --kms-key will be given
    #[arg(long, value_name = "ARN|ID|alias/NAME")]
    pub kms_key: Option<String>,

    /// A bucket to look at too: what check's --s3-logs will be given
    #[arg(long, value_name = "BUCKET[/PREFIX]")]
    pub s3_logs: Option<String>,

    /// A log group to look at too: what check's --cloudwatch-logs will be given
    #[arg(long, value_name = "GROUP")]
    pub cloudwatch_logs: Option<String>,

    /// The session preferences to save; `none` to leave them out [default: SSM-SessionManagerRunShell]
    #[arg(long, value_name = "NAME|none")]
    pub preferences: Option<String>,
}

/// What to look at.
#[derive(Debug, Args)]
pub struct Targets {
    /// Instances, profiles or roles; see below; `-` reads them from standard input, one on a line
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// Every instance of the Region
    #[arg(long, conflicts_with = "targets")]
    pub all: bool,

    /// Every instance with this tag; repeated: with all of them
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "targets")]
    pub tag: Vec<String>,

    /// Exit with 0, and not with 3, if a selection matches no instance
    #[arg(long)]
    pub allow_empty: bool,

    #[command(flatten)]
    pub selection: Selection,
}

/// How far a selection reaches.
#[derive(Debug, Args)]
#[command(next_help_heading = "How far --all and --tag reach")]
pub struct Selection {
    /// Every Region that is enabled in an account
    #[arg(long)]
    pub all_regions: bool,

    /// These accounts: a file with an account ID on each line (`-` is standard input), or `org` for every active account of
    /// the organization
    #[arg(long, value_name = "FILE|org")]
    pub accounts: Option<OsString>,

    /// The role to assume in each of the accounts
    #[arg(long, value_name = "NAME")]
    pub assume_role: Option<String>,

    /// How many accounts and Regions are read at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = value_parser!(u64).range(limits::CONCURRENCY))]
    pub concurrency: u64,
}

/// What the role must be allowed.
#[derive(Debug, Args)]
#[command(next_help_heading = "What the role must be allowed, beyond the core")]
pub struct Needs {
    /// To decrypt with the key that encrypts sessions
    #[arg(long, value_name = "ARN|ID|alias/NAME")]
    pub kms_key: Option<String>,

    /// To write session logs to a bucket
    #[arg(long, value_name = "BUCKET[/PREFIX]")]
    pub s3_logs: Option<String>,

    /// To write session logs to a CloudWatch Logs group
    #[arg(long, value_name = "GROUP")]
    pub cloudwatch_logs: Option<String>,

    /// Any IAM action; repeatable. A `*` in the resource stands for any
    #[arg(long, value_name = "ACTION[=RESOURCE]")]
    pub require: Vec<String>,
}

/// Under what circumstances it is asked.
#[derive(Debug, Args)]
#[command(next_help_heading = "What the role must be allowed, beyond the core")]
pub struct Circumstances {
    /// A condition key that cannot be known from here; repeatable. `KEY=` says that requests do not carry it; a comma
    /// in a value is written `\,`, an equals sign in a key `\=`. `ACTION@KEY=VALUE` says it for the calls of one action, or of a pattern such as `s3:*`
    #[arg(long, value_name = "[ACTION@]KEY=VALUE[,VALUE...]")]
    pub context: Vec<String>,

    /// The session preferences, whose needs are added; `none` to leave them out [default: SSM-SessionManagerRunShell]
    #[arg(long, value_name = "NAME|none")]
    pub preferences: Option<String>,

    /// The network path from a running instance to AWS: a path that is certainly closed is an error; with `require` one that
    /// cannot be determined makes the verdict unknown [default: auto]
    #[arg(long, value_enum, value_name = "auto|off|require", hide_possible_values = true)]
    pub network: Option<Network>,
}

/// How the network path counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Network {
    /// As far as it can be determined.
    Auto,
    /// Not at all: it is not read either.
    Off,
    /// It must be determined.
    Require,
}

/// Sources other than a live account, which make no AWS call; `-` is standard input.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sources other than a live account (`-` is standard input)")]
pub struct Sources {
    /// A snapshot
    #[arg(long, value_name = "FILE", conflicts_with = "policy")]
    pub snapshot: Option<OsString>,

    /// A bare policy document of the role; repeatable
    #[arg(long, value_name = "FILE", conflicts_with_all = ["targets", "all", "tag"])]
    pub policy: Vec<OsString>,

    /// A Terraform or OpenTofu plan as JSON: `terraform show -json tfplan > plan.json`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["targets", "all", "tag", "snapshot", "policy"])]
    pub terraform_plan: Option<OsString>,

    /// The role's trust policy, with --policy
    #[arg(long, value_name = "FILE")]
    pub trust: Option<OsString>,

    /// The role's permissions boundary, with --policy
    #[arg(long, value_name = "FILE")]
    pub boundary: Option<OsString>,

    /// A CloudFormation template, YAML or JSON, before it is deployed: its instances, launch templates, launch configurations and Auto
    /// Scaling groups are the targets
    #[arg(long, value_name = "FILE", conflicts_with_all = ["snapshot", "policy", "terraform_plan", "targets", "all", "tag"])]
    pub cloudformation: Option<OsString>,

    /// Also read from the account what a plan or template refers to and does not contain: instance profiles, roles, managed policies,
    /// session preferences, the session key and host management
    #[arg(long)]
    pub with_account: bool,

    /// The value of a parameter of the template; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,

    /// The policy of the VPC endpoints that calls to Systems Manager go through, with --policy
    #[arg(long, value_name = "FILE")]
    pub endpoint_policy: Option<OsString>,

    /// The account that bare documents or a template are for
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,

    /// The instance that bare documents are for
    #[arg(long, value_name = "ID")]
    pub instance_id: Option<String>,
}

/// Policies of the organization, which go with any source; `-` is standard input.
#[derive(Debug, Args)]
#[command(next_help_heading = "Policies of the organization, with any source")]
pub struct Levels {
    /// The service control policies: a file for each level from the root down; a JSON array is a level with several
    #[arg(long, value_name = "FILE")]
    pub scp: Vec<OsString>,

    /// The resource control policies, in the same form
    #[arg(long, value_name = "FILE")]
    pub rcp: Vec<OsString>,
}

/// How to reach AWS. Everything else comes from the environment and the shared config files, as in the AWS CLI.
#[derive(Debug, Args)]
#[command(next_help_heading = "AWS")]
pub struct Aws {
    /// A profile of the shared config files
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// The Region; with --all and --tag several, repeated or separated by commas
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,

    /// A custom endpoint URL
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,

    /// Log each try of a call to standard error: service, operation, status, time, request ID
    #[arg(long)]
    pub debug: bool,

    /// How long one attempt of a call may take
    #[arg(long, value_name = "SECONDS", default_value_t = limits::DEFAULT_TIMEOUT, value_parser = value_parser!(u64).range(limits::TIMEOUTS))]
    pub timeout: u64,
}

/// The forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// A line of JSON for each target
    Ndjson,
    /// JUnit XML, for CI
    Junit,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// For a pull request
    Markdown,
    /// One page for a browser, with filters
    Html,
    /// AWS Security Finding Format, for Security Hub
    Asff,
    /// OCSF 1.6.0 Compliance Finding, a line for each
    Ocsf,
}

/// The targets that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// Those that are not ready
    NotReady,
    /// Those of which it is not known
    Unknown,
    /// Those that are ready
    Ready,
    /// All of them
    All,
}

/// The machine formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// What check -o json prints
    Report,
    /// What snapshot prints and --snapshot reads
    Snapshot,
    /// What fix -o json and undo -o json print
    Fix,
    /// What check --baseline reads and check --write-baseline writes
    Baseline,
    /// What config -o json prints
    Config,
    /// What undo --list -o json prints
    Backups,
}

/// A form of a report, and the file that it goes to; standard output if none is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputTo {
    pub form: Output,
    pub file: Option<OsString>,
}

/// Reads `FORM` and `FORM=FILE`.
#[derive(Debug, Clone)]
struct OutputParser;

impl TypedValueParser for OutputParser {
    type Value = OutputTo;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<OutputTo, clap::Error> {
        let bytes = value.as_encoded_bytes();
        let split = bytes.iter().position(|byte| *byte == b'=');
        let form = split.and_then(|at| value.to_str()?.get(..at)).map_or(value, OsStr::new);
        // As everywhere, `-` is standard output.
        let file = split.and_then(|at| value.to_str()?.get(at + 1..)).filter(|file| *file != "-").map(OsString::from);
        let form = EnumValueParser::<Output>::new().parse_ref(command, argument, form)?;
        Ok(OutputTo { form, file })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Output::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}

/// The severities that can fail a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// What certainly keeps Session Manager out
    Error,
    /// Warnings too
    Warning,
}

impl FailOn {
    /// The severity.
    pub fn severity(self) -> Severity {
        match self {
            FailOn::Error => Severity::Error,
            FailOn::Warning => Severity::Warning,
        }
    }
}

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ValueEnum for Code {
    fn value_variants<'a>() -> &'a [Code] {
        &Code::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(word(self)).help(self.description()))
    }
}
