//! The machine report of `fix` and `undo` in types, as `report` has that of `check`.

use serde::Deserialize;
use serde_json::Value;

use super::report::{Outcome, Summary, Tool};
use super::schema::{self, Format};

/// The whole report of `fix -o json` and `undo -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Record {
    pub schema_version: u32,
    pub tool: Tool,
    pub command: Command,
    pub dry_run: bool,
    pub changes: Vec<Change>,
    pub refusals: Vec<Refusal>,
    pub warnings: Vec<String>,
    pub reach: Vec<Reach>,
    pub backup: Option<String>,
    #[serde(default)]
    pub backups: Vec<String>,
    pub stopped: Option<String>,
    pub next: Vec<String>,
    /// With `results`: of a fix only.
    pub summary: Option<Summary>,
    #[serde(default)]
    pub results: Vec<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Fix,
    Undo,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Change {
    pub action: String,
    pub target: String,
    pub name: Option<String>,
    pub region: Option<String>,
    pub account: Option<String>,
    pub before: Value,
    pub after: Value,
    pub mends: Vec<String>,
    pub status: Status,
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Planned,
    Done,
    Failed,
    NotDone,
    RolledBack,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    pub target: String,
    pub reason: Reason,
    pub message: String,
    pub remedy: String,
    /// What the message says, as data.
    pub details: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    NeedsProfile,
    NameTaken,
    InvalidPolicy,
    ManagedElsewhere,
    ReservedRole,
    QuotaExceeded,
    OutOfReach,
    ChangedSince,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reach {
    pub role: String,
    pub instance_profiles: Option<Vec<String>>,
    pub other_instances: Option<Vec<String>>,
    pub regions: Vec<String>,
    pub incomplete: Option<String>,
}

impl Record {
    /// Reads a report and holds it against the rules that every report of a fix or an undo keeps.
    pub fn read(json: &str) -> Self {
        let value = schema::read(Format::Fix, json);
        let record: Self =
            serde_json::from_value(value).unwrap_or_else(|error| panic!("not a report of a fix: {error}\n{json}"));
        assert_eq!((record.schema_version, record.tool.name.as_str()), (1, "ssm-profile"));
        let summary = (record.command == Command::Fix).then(|| Summary::of(&record.results));
        assert_eq!(record.summary, summary, "the summary of a fix counts the results: {json}");
        record.results.iter().for_each(Outcome::check);
        record.changes.iter().for_each(Change::check);
        for change in record.changes.iter().filter(|_| record.command == Command::Fix) {
            assert!(!change.mends.is_empty(), "a change that is for nobody: {change:?}");
        }
        for Refusal { target, message, remedy, .. } in &record.refusals {
            assert!(![target, message, remedy].into_iter().any(String::is_empty), "{json}");
        }
        let planned = record.statuses().contains(&Status::Planned);
        assert_eq!(
            planned,
            record.dry_run && !record.changes.is_empty(),
            "only a dry run leaves it at the plan: {json}"
        );
        record
    }

    /// The calls, in their order.
    pub fn actions(&self) -> Vec<&str> {
        self.changes.iter().map(|change| change.action.as_str()).collect()
    }

    /// What became of the changes, in their order.
    pub fn statuses(&self) -> Vec<Status> {
        self.changes.iter().map(|change| change.status).collect()
    }

    /// Why the targets that stay as they are do so.
    pub fn reasons(&self) -> Vec<Reason> {
        self.refusals.iter().map(|refusal| refusal.reason).collect()
    }
}

impl Change {
    fn check(&self) {
        let (before, after) = match self.action.as_str() {
            "iam:CreateRole" => ("nothing", "role"),
            "iam:DeleteRole" => ("role", "nothing"),
            "iam:UpdateAssumeRolePolicy" => ("document", "document"),
            "iam:PutRolePolicy" if self.before.is_null() => ("nothing", "document"),
            "iam:PutRolePolicy" => ("document", "document"),
            "iam:DeleteRolePolicy" => ("document", "nothing"),
            "iam:CreateInstanceProfile" => ("nothing", "profile"),
            "iam:DeleteInstanceProfile" => ("profile", "nothing"),
            "iam:AttachRolePolicy" | "iam:AddRoleToInstanceProfile" => ("nothing", "arn"),
            "iam:DetachRolePolicy" | "iam:RemoveRoleFromInstanceProfile" => ("arn", "nothing"),
            "ec2:AssociateIamInstanceProfile" => ("nothing", "association"),
            "ec2:ReplaceIamInstanceProfileAssociation" => ("association", "association"),
            "ec2:DisassociateIamInstanceProfile" => ("association", "nothing"),
            other => panic!("`{other}` is not known as a call that changes something"),
        };
        assert_eq!((shape(&self.before), shape(&self.after)), (before, after), "{self:?}");
        assert_eq!(self.target.starts_with("i-"), self.region.is_some(), "{self:?}");
        let of_policy = self.action.ends_with("RolePolicy") && self.action != "iam:UpdateAssumeRolePolicy";
        assert_eq!(of_policy, self.name.is_some(), "{self:?}");
    }
}

/// What kind of state a value shows.
fn shape(value: &Value) -> &'static str {
    let keys = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>().join(" ");
    match value {
        Value::Null => "nothing",
        Value::String(text) if text.starts_with("arn:") => "arn",
        Value::Object(object) => match keys(object).as_str() {
            "assume_role_policy id tags" => "role",
            "id tags" => "profile",
            "id instance_profile" => "association",
            _ => "document",
        },
        other => panic!("not the state of a thing: {other}"),
    }
}
