//! `man`: the manual page of the tool, or of one of its commands. Makes no AWS call.

use std::io::{self, Write};

use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::{Exit, Stop, args, output};

/// What all commands share; the sections of each page after those of its own.
const ENVIRONMENT: [(&str, &str); 8] = [
    ("AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID, ...", "what the AWS SDK reads, as the AWS CLI does"),
    ("AWS_CA_BUNDLE, HTTPS_PROXY, NO_PROXY", "how to connect to AWS"),
    ("AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SERVICE", "custom endpoint URLs"),
    ("AWS_MAX_ATTEMPTS", "how often a call is attempted, 5 by default"),
    ("SSM_PROFILE_FLAG", "the default of a flag, for example SSM_PROFILE_KMS_KEY of --kms-key; lists with commas"),
    ("NO_COLOR", "no colors, whatever the output is"),
    ("XDG_CONFIG_HOME", "below it, in ssm-profile/config.toml, defaults of flags"),
    ("XDG_STATE_HOME", "below it, in ssm-profile, fix keeps its backups"),
];

const FILES: [(&str, &str); 4] = [
    ("~/.aws/config, ~/.aws/credentials", "profiles, as in the AWS CLI"),
    (".ssm-profile.toml", "defaults of flags, in the working directory or above it; see ssm-profile config"),
    ("~/.config/ssm-profile/config.toml", "defaults of flags, for all directories"),
    ("~/.local/state/ssm-profile/*.json", "the backups of fix, for undo"),
];

/// Prints the page of a command; that of the tool if none is named.
pub fn man(command: Option<&str>) -> Result<Exit, Stop> {
    if let Some(name) = command.filter(|name| !commands().iter().any(|known| known == name)) {
        return Err(Stop::Usage(vec![format!("there is no command `{name}`; there are {}", commands().join(", "))]));
    }
    let mut page = Vec::new();
    let written = write_page(command, &mut page);
    written.map_err(|error| Stop::Failure(format!("cannot write the manual page: {error}")))?;
    output::print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Ready)
}

/// The names of the commands that have a page.
pub fn commands() -> Vec<String> {
    args::Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

fn write_page(name: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    let mut tool = args::Cli::command();
    tool.build();
    let command = match name {
        None => tool.clone(),
        Some(name) => {
            let found = tool.find_subcommand(name).cloned().unwrap_or(tool);
            let full = format!("ssm-profile-{}", found.get_name());
            found.name(full)
        }
    };
    Man::new(command).manual("ssm-profile").render(out)?;
    section(out, "ENVIRONMENT", &ENVIRONMENT)?;
    section(out, "FILES", &FILES)
}

fn section(out: &mut impl Write, title: &str, items: &[(&str, &str)]) -> io::Result<()> {
    let mut roff = Roff::default();
    roff.control("SH", [title]);
    for (name, what) in items {
        roff.control("TP", []);
        roff.text([roman(*name)]);
        roff.text([roman(*what)]);
    }
    roff.to_writer(out)
}
