//! What the help and the manual pages say beyond the flags: what a command does, its examples, how it ends. One table for both, so that an
//! example which one shows is in the other.

/// What there is to say about a command.
#[derive(Debug)]
pub struct Page {
    /// Its name; empty for the tool.
    pub command: &'static str,
    /// What it does, in paragraphs.
    pub description: &'static [&'static str],
    /// What the help says of that.
    pub note: &'static str,
    /// Whether it takes targets.
    pub targets: bool,
    /// Command lines, each with what it is for.
    pub examples: &'static [(&'static str, &'static str)],
    /// Its exit codes, where they are more than success and bad usage.
    pub exit: &'static [(&'static str, &'static str)],
    /// Whether it calls AWS.
    pub calls: bool,
    /// The commands to read about next.
    pub see: &'static [&'static str],
}

/// The day of the last change of what is said here.
pub const CHANGED: &str = "2026-11-29";

/// The forms of a target.
pub const TARGETS: [(&str, &str); 5] = [
    ("i-0123456789abcdef0", "an instance, or arn:...:instance/i-..."),
    ("NAME", "the instance with this tag Name"),
    ("profile/NAME", "a profile, or arn:...:instance-profile/PATH/NAME"),
    ("role/NAME", "a role, or arn:...:role/PATH/NAME"),
    ("none", "on an EC2 instance: that one; on a terminal: a list"),
];

const USUAL: [(&str, &str); 2] = [("0", "success"), ("2", "bad usage")];

const CHECK_EXIT: [(&str, &str); 5] = [
    ("0", "every target is ready"),
    ("1", "a target is not ready, or with --fail-on warning has a warning"),
    ("2", "bad usage; no AWS call was made"),
    ("3", "a target is unknown and none is not ready, AWS failed, or nothing was selected"),
    ("130", "interrupted"),
];

const FIX_EXIT: [(&str, &str); 5] = [
    ("0", "every target is ready now, or --emit printed what there is to do"),
    ("1", "something is not ready, or a dry run has something to do"),
    ("2", "bad usage, or not confirmed"),
    ("3", "a step failed or AWS did, or a target is unknown"),
    ("130", "interrupted"),
];

const UNDO_EXIT: [(&str, &str); 5] = [
    ("0", "everything is as before the fix"),
    ("1", "refused, or a dry run has something to do"),
    ("2", "bad usage, or not confirmed"),
    ("3", "a step failed or AWS did"),
    ("130", "interrupted"),
];

const SNAPSHOT_EXIT: [(&str, &str); 4] = [
    ("0", "the snapshot is complete"),
    ("2", "bad usage; no AWS call was made"),
    ("3", "something could not be read, or nothing was selected"),
    ("130", "interrupted"),
];

/// The pages: that of the tool, and one for each command.
pub const PAGES: [Page; 11] = [
    Page {
        command: "",
        description: &[
            "ssm-profile tells whether AWS Systems Manager Session Manager can reach an EC2 instance through its IAM instance profile, and \
             if not, exactly why: it follows the chain from the instance to its profile, role and trust policy, evaluates every policy \
             that affects the role, and follows the network path from the instance to the service.",
            "The verdict on a target is ready, not ready with the cause, or unknown with the fact that is missing. Only fix and undo \
             change anything, and only after a confirmation.",
            "Credentials, Region and endpoints come from the environment and the shared config files, as in the AWS CLI.",
        ],
        note: "",
        targets: false,
        examples: &[
            ("Find out why a session to an instance does not start:", "ssm-profile check i-0123456789abcdef0"),
            ("See what would be changed to make it reachable:", "ssm-profile fix i-0123456789abcdef0 --dry-run"),
            ("Read what a finding means:", "ssm-profile explain explicit-deny"),
        ],
        exit: &[
            ("0", "ready"),
            ("1", "not ready"),
            ("2", "bad usage"),
            ("3", "unknown, AWS failed or nothing selected"),
            ("130", "interrupted"),
        ],
        calls: true,
        see: &["check", "fix", "undo", "config", "policy", "snapshot", "explain", "schema", "completions", "man"],
    },
    Page {
        command: "check",
        description: &[
            "check reads what decides whether Session Manager can reach the targets, evaluates it, and prints a verdict on each with the \
             statement, setting or network component that is the cause. It only reads.",
            "Without targets but with --all or --tag it checks a fleet. Of more than ten targets the text is grouped by cause, each with \
             the command that fixes it.",
            "With --snapshot, --policy, --terraform-plan or --cloudformation the facts come from a file, and no AWS call is made unless \
             --with-account is given.",
            "Results go to standard output in the form that --output names, everything else to standard error.",
        ],
        note: "",
        targets: true,
        examples: &[
            ("Check an instance:", "ssm-profile check i-0123456789abcdef0"),
            ("Check every instance of the Region, for a script:", "ssm-profile check --all -o json"),
            (
                "Show text, and write findings for AWS Security Hub to a file:",
                "ssm-profile check --all -o asff=findings.json",
            ),
            ("Fail a pipeline for what a baseline does not know:", "ssm-profile check --all --baseline baseline.json"),
            (
                "Evaluate policy documents before a role is deployed:",
                "ssm-profile check --policy role-policy.json --trust trust.json",
            ),
            ("Check what a Terraform plan will make:", "ssm-profile check --terraform-plan plan.json"),
            (
                "Check a CloudFormation template:",
                "ssm-profile check --cloudformation template.yaml --parameter Stage=prod",
            ),
            ("Save the facts of an account, and check them elsewhere:", "ssm-profile snapshot --all > account.json"),
            ("", "ssm-profile check --snapshot account.json"),
        ],
        exit: &CHECK_EXIT,
        calls: true,
        see: &["fix", "explain", "snapshot", "config"],
    },
    Page {
        command: "fix",
        description: &[
            "fix makes the targets reachable: it plans the changes, shows them, asks, writes a backup, applies each change once, checks \
             again and waits until the agents are connected.",
            "It grants what is missing and repairs the chain from the instance to its role. It never touches a deny, a boundary or a \
             policy of the organization, and refuses with the reason where it cannot help.",
            "With --emit it prints the changes for people whose roles live in code, and changes nothing.",
        ],
        note: "`ssm-profile undo` reverts what was changed.",
        targets: true,
        examples: &[
            ("Show the plan, and change nothing:", "ssm-profile fix i-0123456789abcdef0 --dry-run"),
            ("Grant what encrypted sessions need too:", "ssm-profile fix i-0123456789abcdef0 --kms-key alias/sessions"),
            (
                "Create a role and a profile for an instance without one:",
                "ssm-profile fix i-0123456789abcdef0 --create-profile web-sessions",
            ),
            (
                "Attach the AWS managed policy, without asking, for a script:",
                "ssm-profile fix role/web --attach-managed --yes -o json",
            ),
            ("Print the changes as Terraform:", "ssm-profile fix role/web --emit terraform"),
            (
                "Print them with what opens a closed network path:",
                "ssm-profile fix i-0123456789abcdef0 --network auto --emit cli",
            ),
            (
                "Fix one cause over a fleet, and stop after five failures:",
                "ssm-profile fix --all --only missing-permission --max-failures 5",
            ),
            (
                "Fix the tagged instances of each account of the organization:",
                "ssm-profile fix --tag Env=prod --accounts org --assume-role Operations",
            ),
        ],
        exit: &FIX_EXIT,
        calls: true,
        see: &["undo", "check", "policy"],
    },
    Page {
        command: "undo",
        description: &[
            "undo puts back what a fix changed, from the backup file that the fix wrote.",
            "Nothing is put back if somebody changed in between what the fix had changed, or if the file holds anything that a fix does \
             not do. Where others can write the file, --yes is not enough: you are asked. Everything is read again at the end. The file \
             stays, and a second undo has nothing to do.",
        ],
        note: "Nothing is put back if somebody changed in between what the fix had changed.",
        targets: false,
        examples: &[
            ("List the backups:", "ssm-profile undo --list"),
            ("Show what undoing the last fix would do:", "ssm-profile undo --last --dry-run"),
            ("Undo a fix by its backup:", "ssm-profile undo backup.json"),
        ],
        exit: &UNDO_EXIT,
        calls: true,
        see: &["fix"],
    },
    Page {
        command: "config",
        description: &[
            "config shows the effective settings, and where each comes from. The long name of a flag is a key; a table such as [check] is \
             for one command.",
            "What wins, first to last: the flag that is typed; the environment, SSM_PROFILE_KMS_KEY for --kms-key, lists with commas; \
             .ssm-profile.toml in the working directory, or the nearest above it; ~/.config/ssm-profile/config.toml; the default.",
        ],
        note: "\
The long name of a flag is a key; a table such as [check] is for one command. Makes no AWS call.

What wins, first to last:
  1. the flag that is typed
  2. the environment: SSM_PROFILE_KMS_KEY for --kms-key, lists with commas
  3. .ssm-profile.toml in the working directory, or the nearest above it
  4. ~/.config/ssm-profile/config.toml
  5. the default",
        targets: false,
        examples: &[
            ("Show all settings:", "ssm-profile config"),
            ("Show those of fix, for a script:", "ssm-profile config fix -o json"),
            ("Check without any file of settings:", "ssm-profile check --all --config none"),
        ],
        exit: &USUAL,
        calls: false,
        see: &["check", "fix"],
    },
    Page {
        command: "policy",
        description: &[
            "policy prints the policy that an instance role needs for Session Manager and for what the flags ask, as a document, for \
             Terraform or for CloudFormation. With --for it prints what the caller of check or fix needs.",
        ],
        note: "Makes no AWS call.",
        targets: false,
        examples: &[
            ("Print the policy of a role:", "ssm-profile policy > SessionManagerPermissions.json"),
            (
                "For sessions that a key encrypts:",
                "ssm-profile policy --kms-key arn:aws:kms:us-east-1:111122223333:key/mrk-1234",
            ),
            (
                "For session logs in a bucket, as Terraform:",
                "ssm-profile policy --s3-logs session-logs/prod --region eu-west-1 -o terraform",
            ),
            ("Print what the caller of check must be allowed:", "ssm-profile policy --for check"),
        ],
        exit: &USUAL,
        calls: false,
        see: &["fix", "check"],
    },
    Page {
        command: "snapshot",
        description: &[
            "snapshot saves the facts that check reads, as JSON on standard output, to check them later and elsewhere. It only reads. A \
             snapshot contains policy documents, ARNs, tags and instance IDs, and no credentials.",
        ],
        note: "",
        targets: true,
        examples: &[
            ("Save the Region:", "ssm-profile snapshot --all > account.json"),
            (
                "Save what check --kms-key will ask for:",
                "ssm-profile snapshot i-0123456789abcdef0 --kms-key alias/sessions > one.json",
            ),
            ("Check a snapshot:", "ssm-profile check --snapshot account.json"),
        ],
        exit: &SNAPSHOT_EXIT,
        calls: true,
        see: &["check", "schema"],
    },
    Page {
        command: "explain",
        description: &[
            "explain prints the page about a finding: what it means, how to see it by hand with the AWS CLI, what to do, and where AWS \
             documents it. The codes are those that check prints; completions know them.",
        ],
        note: "Makes no AWS call.",
        targets: false,
        examples: &[("Read about a trust policy that does not admit EC2:", "ssm-profile explain trust-policy")],
        exit: &USUAL,
        calls: false,
        see: &["check", "completions"],
    },
    Page {
        command: "man",
        description: &["man prints the manual page of the tool or of a command, in roff. Makes no AWS call."],
        note: "Makes no AWS call.",
        targets: false,
        examples: &[
            ("Read a page:", "ssm-profile man check | man -l -"),
            ("Install it:", "ssm-profile man check > ~/.local/share/man/man1/ssm-profile-check.1"),
        ],
        exit: &USUAL,
        calls: false,
        see: &["completions"],
    },
    Page {
        command: "schema",
        description: &[
            "schema prints the JSON Schema of a machine format, with a description of each key. The schemas are in JSON Schema 2020-12. \
             They allow keys that they do not name, since later versions may add some; those of a snapshot and a baseline, which \
             are read again, do not. A line of check -o ndjson is #/$defs/Result of the report.",
        ],
        note: "\
The schemas are in JSON Schema 2020-12. They allow keys that they do not name, since later versions may \
add some; those of a snapshot and a baseline, which are read again, do not. \
A line of check -o ndjson is `#/$defs/Result` of the report.",
        targets: false,
        examples: &[
            ("Validate a report:", "ssm-profile schema report > report.schema.json"),
            ("", "check-jsonschema --schemafile report.schema.json report.json"),
        ],
        exit: &USUAL,
        calls: false,
        see: &["check", "snapshot", "fix"],
    },
    Page {
        command: "completions",
        description: &[
            "completions prints a script for a shell that completes commands, flags and values: profiles of the shared config files, \
             Regions, finding codes, output forms, and the backups of fix. The script asks this binary at each TAB, which makes no AWS \
             call.",
            "Where the output is kept in a file, print it again after an update.",
        ],
        note: "The script asks `ssm-profile` at each TAB, which makes no AWS call.",
        targets: false,
        examples: &[
            ("Bash, in ~/.bashrc:", "source <(ssm-profile completions bash)"),
            ("Zsh, in ~/.zshrc after compinit:", "source <(ssm-profile completions zsh)"),
            ("Fish:", "ssm-profile completions fish > ~/.config/fish/completions/ssm-profile.fish"),
        ],
        exit: &USUAL,
        calls: false,
        see: &["man"],
    },
];

/// Who reads a variable or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// All commands.
    All,
    /// Those that call AWS.
    Calls,
    /// Those whose flags have defaults.
    Settings,
    /// `fix` and `undo`.
    Changes,
}

/// The environment.
pub const ENVIRONMENT: [(Reader, &str, &str); 8] = [
    (Reader::Calls, "AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID, ...", "what the AWS SDK reads, as the AWS CLI does"),
    (Reader::Calls, "AWS_CA_BUNDLE, HTTPS_PROXY, NO_PROXY", "how to connect to AWS"),
    (Reader::Calls, "AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SERVICE", "custom endpoint URLs"),
    (Reader::Calls, "AWS_MAX_ATTEMPTS", "how often a call is attempted, 5 by default"),
    (
        Reader::Settings,
        "SSM_PROFILE_FLAG",
        "the default of a flag, for example SSM_PROFILE_KMS_KEY of --kms-key; lists with commas",
    ),
    (Reader::All, "NO_COLOR", "no colors, whatever the output is"),
    (Reader::Settings, "XDG_CONFIG_HOME", "below it, in ssm-profile/config.toml, defaults of flags"),
    (Reader::Changes, "XDG_STATE_HOME", "below it, in ssm-profile, fix keeps its backups"),
];

/// The files.
pub const FILES: [(Reader, &str, &str); 4] = [
    (Reader::Calls, "~/.aws/config, ~/.aws/credentials", "profiles, as in the AWS CLI"),
    (
        Reader::Settings,
        ".ssm-profile.toml",
        "defaults of flags, in the working directory or above it; see ssm-profile-config(1)",
    ),
    (Reader::Settings, "~/.config/ssm-profile/config.toml", "defaults of flags, for all directories"),
    (Reader::Changes, "~/.local/state/ssm-profile/*.json", "the backups of fix, for undo"),
];

/// What there is to say about a command; the page of the tool for any other name.
pub fn page(command: &str) -> &'static Page {
    const TOOL: &Page = &PAGES[0];
    PAGES.iter().find(|page| page.command == command).unwrap_or(TOOL)
}

/// What stands below the flags in the help of a command.
pub fn help(command: &str) -> String {
    let Page { note, targets, examples, exit, .. } = page(command);
    let mut parts = Vec::new();
    if *targets {
        let rows = TARGETS.map(|(form, what)| format!("  {form:<19}  {what}"));
        parts.push(format!("Targets:\n{}", rows.join("\n")));
    }
    if !note.is_empty() {
        parts.push((*note).to_owned());
    }
    let lines: Vec<String> = examples.iter().map(|(_, line)| format!("  {line}")).collect();
    parts.push(format!("Examples:\n{}", lines.join("\n")));
    if *exit != USUAL.as_slice() {
        let rows: Vec<String> = exit.iter().map(|(code, what)| format!("  {code:<3}  {what}")).collect();
        parts.push(format!("Exit codes:\n{}", rows.join("\n")));
    }
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::args::Cli;

    /// The words of an example that this tool is given, up to where the shell takes over.
    fn words(line: &str) -> Option<Vec<&str>> {
        let line = line.strip_prefix("source <(").map_or(line, |rest| rest.trim_end_matches(')'));
        let words: Vec<&str> = line.split(' ').take_while(|word| !matches!(*word, "|" | ">")).collect();
        (words.first() == Some(&"ssm-profile")).then_some(words)
    }

    #[test]
    fn each_example_is_a_command_line() {
        for page in &PAGES {
            let mut own = page.command.is_empty();
            for (what, line) in page.examples {
                assert!(what.is_empty() || what.ends_with(':'), "{what}");
                let Some(words) = words(line) else { continue };
                own |= words.get(1) == Some(&page.command);
                Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
            assert!(own, "`{}` has an example of its own", page.command);
        }
    }

    #[test]
    fn each_command_has_its_page_and_each_page_its_command() {
        let tool = Cli::command();
        let commands: BTreeSet<&str> = tool.get_subcommands().map(clap::Command::get_name).collect();
        let pages: BTreeSet<&str> = PAGES.iter().map(|page| page.command).filter(|name| !name.is_empty()).collect();
        assert_eq!(pages, commands);
        for page in &PAGES {
            assert!(page.see.iter().all(|other| commands.contains(other) && *other != page.command), "{page:?}");
        }
    }
}
