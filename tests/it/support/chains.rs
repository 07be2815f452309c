//! Accounts in which `fix` has something to do, one for each chain of writes that it can make, and what holds of every run.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::answer::Answer;
use super::command::{Output, Sandbox};
use super::model::{EC2_TRUST, Instance, Profile, Role};
use super::stub::Stub;
use super::world::{INSTANCE, World};

/// The name of the inline policy that a fix writes.
pub const POLICY: &str = "SessionManagerPermissions";
/// What `--create-profile` names.
pub const NEW: &str = "sessions";
/// A document of somebody else, spaced as nobody prints it.
pub const OWN: &str = "{ \"Version\": \"2012-10-17\",\n\t\"Statement\": [{\"Sid\": \"Mine\", \"Effect\": \"Allow\", \"Action\":\"s3:GetObject\", \"Resource\": \"arn:aws:s3:::bucket/*\"}] }";
/// Another one, which no plan ever saw.
pub const OTHER: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}"#;

/// A kind of account and the writes that a fix of its instance makes.
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    pub arguments: &'static [&'static str],
    pub writes: &'static [&'static str],
    pub world: fn() -> World,
    /// Whether what the instance had before can be put back: a profile that was deleted cannot.
    pub comes_back: bool,
}

/// The role's policy of the name lacks the permissions.
pub const PUT: Chain = Chain { arguments: &[], writes: &["PutRolePolicy"], world: poor, comes_back: true };

/// EC2 may not assume the role besides.
pub const TRUST_AND_PUT: Chain = Chain {
    writes: &["UpdateAssumeRolePolicy", "PutRolePolicy"],
    world: || {
        let mut world = poor();
        world.roles[0].trust = EC2_TRUST.replace("ec2.amazonaws.com", "lambda.amazonaws.com");
        world
    },
    ..PUT
};

/// The instance has no profile.
pub const CREATE: Chain = Chain {
    arguments: &["--create-profile", NEW],
    writes: &[
        "CreateRole",
        "PutRolePolicy",
        "CreateInstanceProfile",
        "AddRoleToInstanceProfile",
        "AssociateIamInstanceProfile",
    ],
    world: bare,
    comes_back: true,
};

/// The same with the managed policy.
pub const CREATE_MANAGED: Chain = Chain {
    arguments: &["--create-profile", NEW, "--attach-managed"],
    writes: &[
        "CreateRole",
        "AttachRolePolicy",
        "CreateInstanceProfile",
        "AddRoleToInstanceProfile",
        "AssociateIamInstanceProfile",
    ],
    ..CREATE
};

/// The instance holds a profile that was deleted and made again since.
pub const REPLACE: Chain = Chain {
    arguments: &[],
    writes: &["ReplaceIamInstanceProfileAssociation"],
    world: || stale("running"),
    comes_back: false,
};

/// The same while it is stopped.
pub const STOPPED: Chain = Chain {
    writes: &["DisassociateIamInstanceProfile", "AssociateIamInstanceProfile"],
    world: || stale("stopped"),
    ..REPLACE
};

/// The instance's profile holds no role.
pub const EMPTY: Chain = Chain {
    arguments: &[],
    writes: &["CreateRole", "PutRolePolicy", "AddRoleToInstanceProfile"],
    world: || {
        let mut world = World::ready();
        world.profiles[0].role = None;
        world.roles.clear();
        world
    },
    comes_back: true,
};

/// The role has nothing, and gets the managed policy.
pub const ATTACH: Chain =
    Chain { arguments: &["--attach-managed"], writes: &["AttachRolePolicy"], world: poor, comes_back: true };

/// All of them.
pub const CHAINS: [Chain; 8] = [PUT, TRUST_AND_PUT, CREATE, CREATE_MANAGED, REPLACE, STOPPED, EMPTY, ATTACH];

/// The ready account, its role with policies that say nothing of Session Manager.
fn poor() -> World {
    let mut world = World::ready();
    world.roles = vec![Role::new("web").inline("first", OTHER).inline(POLICY, OWN).tag("team", "a")];
    world
}

fn bare() -> World {
    let mut world = World::ready();
    world.instances = vec![Instance::new(INSTANCE)];
    world.profiles = vec![Profile::new("other")];
    world.roles = vec![Role::new("other").inline("first", OTHER)];
    world
}

fn stale(state: &str) -> World {
    let mut world = World::ready();
    world.instances = vec![Instance::new(INSTANCE).profile("web").stale_profile_id("AIPAOLD").state(state)];
    world
}

impl Chain {
    /// `fix --yes -o json` of the instance with the arguments of this chain.
    pub fn fix(&self, sandbox: &Sandbox) -> Ran {
        self.fix_with(sandbox, &[])
    }

    /// The same with more arguments.
    pub fn fix_with(&self, sandbox: &Sandbox, more: &[&str]) -> Ran {
        Ran::of(sandbox.run(&self.typed(&[&["--yes", "-o", "json"], more].concat())))
    }

    /// The arguments of a `fix` of the instance.
    pub fn typed<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        [&["fix", INSTANCE], self.arguments, more].concat()
    }
}

/// The actions of a policy document.
pub fn allowed_actions(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().expect("a list of statements");
    let actions = statements.iter().flat_map(|statement| statement["Action"].as_array().expect("a list of actions"));
    actions.map(|action| action.as_str().expect("an action is text").to_string()).collect()
}

/// The calls that were made, as the actions that they need; `sts:GetCallerIdentity` needs none.
pub fn made_actions(stub: &Stub) -> BTreeSet<String> {
    let calls = stub.calls().into_iter().map(|call| match call.action.as_str() {
        "GetBucketEncryption" => "s3:GetEncryptionConfiguration".to_owned(),
        action => format!("{}:{action}", call.service),
    });
    // A bucket says where it is to whoever asks.
    calls.filter(|action| action != "sts:GetCallerIdentity" && action != "s3:HeadBucket").collect()
}

/// Serves the account as it is now once more, with nothing in the way any more.
pub fn go_on(stub: &Stub) -> World {
    let mut next = World::new("");
    stub.world(|world| {
        next.account.clone_from(&world.account);
        next.instances.clone_from(&world.instances);
        next.profiles.clone_from(&world.profiles);
        next.roles.clone_from(&world.roles);
        next.policies.clone_from(&world.policies);
        next.keys.clone_from(&world.keys);
        next.buckets.clone_from(&world.buckets);
        next.log_groups.clone_from(&world.log_groups);
        next.made = world.made;
    });
    next
}

/// Everything that a fix can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub roles: BTreeMap<String, Role>,
    pub profiles: BTreeMap<String, Profile>,
    /// The profiles of the instances: ARN and id.
    pub held: BTreeMap<String, Option<(String, String)>>,
}

impl Account {
    pub fn of(stub: &Stub) -> Self {
        stub.world(|world| Self {
            roles: world.roles.iter().map(|role| (role.name.clone(), role.clone())).collect(),
            profiles: world.profiles.iter().map(|profile| (profile.name.clone(), profile.clone())).collect(),
            held: world.instances.iter().map(|instance| (instance.id.clone(), world.profile_of(instance))).collect(),
        })
    }

    /// The roles and profiles that `earlier` did not have, by ARN.
    pub fn new_since(&self, earlier: &Self) -> Vec<String> {
        let arn = |kind: &str, path: &str, name: &str| format!("arn:aws:iam::111122223333:{kind}{path}{name}");
        let roles = self.roles.values().filter(|role| !earlier.roles.contains_key(&role.name));
        let profiles = self.profiles.values().filter(|profile| !earlier.profiles.contains_key(&profile.name));
        let roles = roles.map(|role| arn("role", &role.path, &role.name));
        roles.chain(profiles.map(|profile| arn("instance-profile", &profile.path, &profile.name))).collect()
    }

    /// All documents: where, and what they say.
    fn documents(&self) -> Vec<(String, Value)> {
        let read = |text: &str| serde_json::from_str(text).expect("what a world holds is JSON");
        let mut all = Vec::new();
        for role in self.roles.values() {
            all.push((format!("trust of {}", role.name), read(&role.trust)));
            all.extend(role.inline.iter().map(|(name, text)| (format!("{name} of {}", role.name), read(text))));
        }
        all
    }
}

/// A planned change, and what the run says became of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    pub action: String,
    pub target: String,
    pub name: Option<String>,
    pub before: Value,
    pub after: Value,
    pub status: String,
    pub note: Option<String>,
}

/// A run of `fix` or `undo` with `-o json`.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub rows: Vec<Row>,
    pub backup: Option<String>,
    pub stopped: Option<String>,
    pub json: Value,
    pub output: Output,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let json = output.json();
        let rows = json["changes"].as_array().expect("there are `changes`").iter();
        let read = |row: &Value| Row::deserialize(row).unwrap_or_else(|error| panic!("{error}: {row}"));
        let text = |name: &str| json[name].as_str().map(ToString::to_string);
        Self {
            code: output.code,
            rows: rows.map(read).collect(),
            backup: text("backup"),
            stopped: text("stopped"),
            json,
            output,
        }
    }

    /// Fails the test unless the run ended with this code.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code of {self:#?}");
        self
    }

    pub fn statuses(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.status.as_str()).collect()
    }

    /// The row of this action.
    pub fn row(&self, action: &str) -> &Row {
        let found = self.rows.iter().find(|row| row.action.ends_with(&format!(":{action}")));
        found.unwrap_or_else(|| panic!("no `{action}` in {:?}", self.rows))
    }

    /// Why the run stopped.
    pub fn reason(&self) -> &str {
        self.stopped.as_deref().unwrap_or_else(|| panic!("it did not stop: {self:#?}"))
    }

    /// The texts of a list at the top level, one in each line.
    pub fn lines(&self, name: &str) -> String {
        let lines = self.json[name].as_array().unwrap_or_else(|| panic!("there are `{name}`"));
        lines.iter().map(|line| line.as_str().unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }

    /// Holds the statuses against the account: what is `done` is as planned, everything else as it was.
    pub fn tells_the_truth(&self, stub: &Stub) {
        for (index, row) in self.rows.iter().enumerate() {
            let same = |other: &&Row| other.thing() == row.thing();
            if self.rows[index + 1..].iter().any(|later| same(&later) && later.status == "done") {
                continue;
            }
            let mut earlier = self.rows[..index].iter().filter(same);
            let first = earlier.clone().next().unwrap_or(row);
            let expected = match (row.status.as_str(), earlier.rfind(|other| other.status == "done")) {
                ("done", _) => &row.after,
                (_, Some(earlier)) => &earlier.after,
                (_, None) => &first.before,
            };
            assert!(row.is(stub, expected), "it is not so: {row:#?}\nin {:#?}", Account::of(stub));
        }
    }

    /// Holds the account against what it was: no document is another one than before or as planned, and whatever is new and
    /// stays after a run that failed is named, with a note.
    pub fn lost_nothing(&self, stub: &Stub, beginning: &Account) {
        let now = Account::of(stub);
        let (before, documents) = (beginning.documents(), now.documents());
        for (place, document) in &documents {
            let was = before.iter().any(|(known, text)| known == place && text == document);
            let planned = self.rows.iter().any(|row| match row.action.as_str() {
                "iam:CreateRole" => row.after["assume_role_policy"] == *document,
                _ => row.after == *document,
            });
            assert!(was || planned, "{place} is neither as before nor as planned: {document}");
        }
        for (place, _) in &before {
            assert!(documents.iter().any(|(known, _)| known == place), "{place} is gone");
        }
        for arn in now.new_since(beginning) {
            let row = self.rows.iter().find(|row| row.target == arn && row.action.contains(":Create"));
            let row = row.unwrap_or_else(|| panic!("nothing names `{arn}`: {self:#?}"));
            assert!(["done", "failed"].contains(&row.status.as_str()), "{row:#?}");
            assert!(self.code != 3 || row.note.is_some(), "nothing says that it stays: {self:#?}");
        }
    }
}

impl Row {
    /// What it changes.
    fn thing(&self) -> (&str, Option<&str>, &str) {
        let kind = match self.action.as_str() {
            "iam:CreateRole" | "iam:DeleteRole" => "role",
            "iam:UpdateAssumeRolePolicy" => "trust",
            "iam:PutRolePolicy" | "iam:DeleteRolePolicy" => "document",
            "iam:AttachRolePolicy" | "iam:DetachRolePolicy" => "attached",
            "iam:CreateInstanceProfile" | "iam:DeleteInstanceProfile" => "profile",
            "iam:AddRoleToInstanceProfile" | "iam:RemoveRoleFromInstanceProfile" => "held role",
            action if action.starts_with("ec2:") => "held profile",
            action => panic!("`{action}` changes what?"),
        };
        (&self.target, self.name.as_deref(), kind)
    }

    /// Whether the thing is so in the account; an id that is not said is any.
    fn is(&self, stub: &Stub, wanted: &Value) -> bool {
        let (target, part, kind) = self.thing();
        let name = target.rsplit('/').next().unwrap_or_default();
        let part = part.unwrap_or_default();
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let id_fits = |id: &str| wanted["id"].is_null() || wanted["id"] == id;
        let role = stub.role(name);
        match kind {
            "role" => match role {
                Some(role) => wanted["assume_role_policy"] == read(&role.trust) && id_fits(&role.id),
                None => wanted.is_null(),
            },
            "trust" => role.map_or(Value::Null, |role| read(&role.trust)) == *wanted,
            "document" => role.and_then(|role| role.document(part).map(read)).unwrap_or(Value::Null) == *wanted,
            "attached" => {
                let attached = role.is_some_and(|role| role.attached.iter().any(|policy| policy == part));
                attached != wanted.is_null()
            }
            "profile" => match stub.profile(name) {
                Some(profile) => !wanted.is_null() && id_fits(&profile.id),
                None => wanted.is_null(),
            },
            "held role" => {
                let held = stub.profile(name).and_then(|profile| profile.role);
                held.as_deref() == wanted.as_str().and_then(|arn| arn.rsplit('/').next())
            }
            _ => match stub.profile_of(target) {
                Some((arn, id)) => wanted["instance_profile"] == arn && id_fits(&id),
                None => wanted.is_null(),
            },
        }
    }
}

/// The caller may not do this, in the words of its service.
pub fn denied(action: &str) -> Answer {
    if action.contains("sociat") { Answer::unauthorized() } else { Answer::denied(&format!("iam:{action}")) }
}

/// `undo --yes -o json`.
pub fn undo(sandbox: &Sandbox, backup: &str) -> Ran {
    Ran::of(sandbox.run(&["undo", backup, "--yes", "-o", "json"]))
}
