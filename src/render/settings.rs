//! The settings that hold, and where each comes from: as text, and as JSON.

use std::fmt::Write as _;

use anstyle::Style;
use schemars::JsonSchema;
use serde::Serialize;

use super::json::{Heading, pretty};
use super::sanitize::terminal;

const DIM: Style = Style::new().dimmed();

/// What `config -o json` prints.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Config")]
pub struct Settings {
    #[serde(flatten)]
    heading: Heading,
    /// The configuration files that were read, those that win first.
    files: Vec<File>,
    /// The settings: one for each key, or several where commands differ.
    settings: Vec<Setting>,
}

/// A configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct File {
    /// What it is.
    pub kind: FileKind,
    /// Its path.
    pub path: String,
}

/// The kinds of configuration files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Found in the working directory or above it.
    Project,
    /// The user's own.
    User,
    /// Given with `--config`.
    Given,
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Setting {
    /// The long name of the flag.
    pub key: String,
    /// The commands for which it holds.
    pub commands: Vec<String>,
    /// The value; null where nothing is set.
    pub value: Option<Value>,
    /// Where it comes from.
    pub source: Source,
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// A flag without a value.
    Switch(bool),
    /// An integer.
    Number(i64),
    /// A text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

impl Value {
    /// As it stands in a file.
    fn in_words(&self) -> String {
        let text = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        match self {
            Value::Switch(switch) => switch.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Text(value) => text(value),
            Value::List(all) => format!("[{}]", all.iter().map(text).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// The environment variable.
    pub variable: Option<String>,
    /// The file.
    pub file: Option<String>,
    /// The line in the file, from 1.
    pub line: Option<usize>,
}

/// The kinds of sources, the one that wins first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// What was typed.
    Flag,
    /// An environment variable.
    Environment,
    /// A configuration file.
    File,
    /// Built in.
    Default,
}

impl Source {
    /// In a few words.
    pub fn in_words(&self) -> String {
        match (self.kind, &self.variable, &self.file, self.line) {
            (SourceKind::Environment, Some(variable), ..) => variable.clone(),
            (SourceKind::File, _, Some(file), Some(line)) => format!("{file}:{line}"),
            (SourceKind::Flag, ..) => "flag".to_owned(),
            _ => "default".to_owned(),
        }
    }
}

impl Settings {
    /// These files and settings.
    pub fn new(files: Vec<File>, settings: Vec<Setting>) -> Settings {
        Settings { heading: Heading::new(), files, settings }
    }

    /// One indented JSON object with a newline at its end.
    ///
    /// # Errors
    /// Only if a value cannot be written as JSON.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        pretty(self)
    }

    /// For people: the files, and a line for each setting; those that are not set only with `all`.
    pub fn text(&self, all: bool) -> String {
        let mut page = String::new();
        for File { kind, path } in &self.files {
            let kind = match kind {
                FileKind::Project => "project file",
                FileKind::User => "user file",
                FileKind::Given => "given file",
            };
            let _ = writeln!(page, "{DIM}{kind:<12}{DIM:#}  {}", terminal(path));
        }
        if self.files.is_empty() {
            page.push_str("no configuration file\n");
        }
        page.push('\n');
        let shown = self.settings.iter().filter(|setting| all || setting.value.is_some());
        let rows: Vec<[String; 4]> = shown
            .map(|setting| {
                let value = setting.value.as_ref().map_or_else(|| "-".to_owned(), Value::in_words);
                let value = terminal(&value).into_owned();
                let source = terminal(&setting.source.in_words()).into_owned();
                [setting.key.clone(), value, source, setting.commands.join(" ")]
            })
            .collect();
        let head = ["KEY", "VALUE", "FROM", "COMMANDS"].map(str::to_owned);
        let width = |column: fn(&[String; 4]) -> &String| {
            rows.iter().chain([&head]).map(|row| column(row).chars().count()).max().unwrap_or_default()
        };
        let (keys, values, sources) = (width(|row| &row[0]), width(|row| &row[1]), width(|row| &row[2]));
        for [key, value, source, commands] in [&head].into_iter().chain(&rows) {
            let _ = writeln!(page, "{key:<keys$}  {value:<values$}  {source:<sources$}  {commands}");
        }
        page
    }
}
