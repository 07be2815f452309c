//! `man`: the manual page of the tool, or of one of its commands. Makes no AWS call.
//!
//! clap_mangen writes the parts that come from the flags, `manual` has the sentences of all others.

use std::io::{self, Write};

use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::config::keys;
use super::manual::{CHANGED, ENVIRONMENT, FILES, Page, Reader, TARGETS, page};
use super::{Exit, Stop, args, output};

/// Prints the page of a command; that of the tool if none is named.
pub fn man(command: Option<&str>) -> Result<Exit, Stop> {
    if let Some(name) = command.filter(|name| !commands().iter().any(|known| known == name)) {
        return Err(Stop::Usage(vec![format!("there is no command `{name}`; there are {}", commands().join(", "))]));
    }
    let mut page = Vec::new();
    let written = write_page(command, &mut page);
    written.map_err(|error| Stop::Failure(format!("cannot write the manual page: {error}")))?;
    output::print(&tidy(&String::from_utf8_lossy(&page)))?;
    Ok(Exit::Ready)
}

/// The names of the commands that have a page.
pub fn commands() -> Vec<String> {
    args::Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

fn write_page(name: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    // `help` has no page.
    let mut tool = args::Cli::command().disable_help_subcommand(true);
    tool.build();
    let has_commands = name.is_none();
    let (command, title) = match name {
        None => (tool, "ssm-profile".to_owned()),
        Some(name) => {
            let found = tool.find_subcommand(name).cloned().unwrap_or(tool);
            let title = format!("ssm-profile-{}", found.get_name());
            (found.name(title.clone()), title)
        }
    };
    let page = page(name.unwrap_or_default());
    let man = Man::new(command)
        .title(title.to_uppercase())
        .date(CHANGED)
        .source(concat!("ssm-profile ", env!("CARGO_PKG_VERSION")))
        .manual("ssm-profile");
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    write_section(out, "DESCRIPTION", |roff| {
        for (index, paragraph) in page.description.iter().enumerate() {
            if index > 0 {
                roff.control("PP", []);
            }
            roff.text([roman(*paragraph)]);
        }
    })?;
    if page.targets {
        write_section(out, "TARGETS", |roff| rows(roff, TARGETS))?;
    }
    man.render_options_section(out)?;
    if has_commands {
        man.render_subcommands_section(out)?;
    }
    write_section(out, "EXAMPLES", |roff| examples(roff, page))?;
    write_section(out, "EXIT STATUS", |roff| rows(roff, page.exit.iter().copied()))?;
    let read = |reader: Reader| reads(page, reader);
    let named = |list: &'static [(Reader, &'static str, &'static str)]| {
        list.iter().filter(move |(reader, ..)| read(*reader)).map(|(_, name, what)| (*name, *what))
    };
    write_section(out, "ENVIRONMENT", |roff| rows(roff, named(&ENVIRONMENT)))?;
    if named(&FILES).next().is_some() {
        write_section(out, "FILES", |roff| rows(roff, named(&FILES)))?;
    }
    write_section(out, "SEE ALSO", |roff| see_also(roff, page))
}

/// Whether a command reads what these readers do.
fn reads(page: &Page, reader: Reader) -> bool {
    match reader {
        Reader::All => true,
        Reader::Calls => page.calls,
        Reader::Settings => page.command == "config" || !keys::WITHOUT.contains(&page.command),
        Reader::Changes => ["", "fix", "undo"].contains(&page.command),
    }
}

fn write_section(out: &mut impl Write, title: &str, fill: impl FnOnce(&mut Roff)) -> io::Result<()> {
    let mut roff = Roff::default();
    roff.control("SH", [title]);
    fill(&mut roff);
    roff.to_writer(out)
}

fn rows(roff: &mut Roff, rows: impl IntoIterator<Item = (&'static str, &'static str)>) {
    for (name, what) in rows {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(what)]);
    }
}

fn examples(roff: &mut Roff, page: &Page) {
    for (index, (what, line)) in page.examples.iter().enumerate() {
        if !what.is_empty() {
            if index > 0 {
                roff.control("PP", []);
            }
            roff.text([roman(*what)]);
        }
        roff.control("PP", []);
        roff.control("RS", ["4"]);
        roff.control("nf", []);
        roff.text([bold(*line)]);
        roff.control("fi", []);
        roff.control("RE", []);
    }
}

fn see_also(roff: &mut Roff, page: &Page) {
    let tool = (!page.command.is_empty()).then(|| "ssm-profile".to_owned());
    let others = page.see.iter().map(|other| format!("ssm-profile-{other}"));
    let mut inlines: Vec<Inline> = Vec::new();
    for name in tool.into_iter().chain(others) {
        if !inlines.is_empty() {
            inlines.push(roman(", "));
        }
        inlines.extend([bold(name), roman("(1)")]);
    }
    roff.text(inlines);
}

/// Corrects what `mandoc -Tlint` complains of in the parts of clap_mangen: a space at the end of the synopsis, and line breaks around an empty
/// line, which separates by itself.
fn tidy(page: &str) -> String {
    let page: String = page.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    page.replace(".br\n\n.br\n", "\n")
}
