//! `undo` of a backup that somebody edited: it is refused, or takes back no more than what the fix did.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use serde_json::{Value, json};

use crate::support::chains::{Account, CHAINS, CREATE, Chain, NEW, POLICY, REPLACE, STOPPED, undo};
use crate::support::command::Sandbox;
use crate::support::model::{EC2_TRUST, Instance, Profile, Role};
use crate::support::stub::Stub;
use crate::support::world::INSTANCE;

const SECOND: &str = "i-00000000000000002";
const CORE: &str = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
const GUARD: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:*","Resource":"*"},{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"*"}]}"#;

/// An account in which a fix of this kind was made, with an administrator's role, profile and instance beside, and its backup.
fn fixed(chain: &Chain) -> (Stub, Sandbox, Value, Account) {
    let mut world = (chain.world)();
    let trust = EC2_TRUST.replace(
        r#""Statement":["#,
        r#""Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"},"#,
    );
    assert_ne!(trust, EC2_TRUST);
    world.roles.push(Role::new("admin").inline("guard", GUARD).trust(trust));
    world.profiles.push(Profile::new("admin").role("admin"));
    world.instances.push(Instance::new(SECOND).profile("admin"));
    let stub = world.serve();
    let beginning = Account::of(&stub);
    let sandbox = Sandbox::at(&stub);
    let backup = chain.fix(&sandbox).expect(0).backup.unwrap();
    let backup = serde_json::from_str(&fs::read_to_string(backup).unwrap()).unwrap();
    (stub, sandbox, backup, beginning)
}

/// What there is in an account, each part by its name: a role, its documents, what is attached and held. A document is what it
/// says, not how it is written.
fn parts(account: &Account) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    let said = |text: &str| serde_json::from_str::<Value>(text).unwrap().to_string();
    for role in account.roles.values() {
        parts.insert(format!("role {}", role.name), role.id.clone());
        parts.insert(format!("trust of {}", role.name), said(&role.trust));
        let inline = role.inline.iter().map(|(name, text)| (format!("{name} of {}", role.name), said(text)));
        parts.extend(inline);
        parts.extend(role.attached.iter().map(|arn| (format!("{arn} of {}", role.name), String::new())));
    }
    for profile in account.profiles.values() {
        parts.insert(format!("profile {}", profile.name), profile.id.clone());
        parts.extend(profile.role.clone().map(|role| (format!("role of profile {}", profile.name), role)));
    }
    let held = account.held.iter().filter_map(|(id, held)| Some((format!("profile of {id}"), held.as_ref()?)));
    parts.extend(held.map(|(name, (arn, id))| (name, format!("{arn} {id}"))));
    parts
}

/// Whether each part is as the fix left it or as it was before, or is the profile of the instance, which may be gone for good.
fn is_harmless(now: &Account, fixed: &Account, beginning: &Account) -> bool {
    let (now, fixed, beginning) = (parts(now), parts(fixed), parts(beginning));
    let names = now.keys().chain(fixed.keys()).chain(beginning.keys());
    names.into_iter().all(|name| {
        let is = now.get(name);
        let gone = is.is_none() && *name == format!("profile of {INSTANCE}") && fixed.get(name) != beginning.get(name);
        is == fixed.get(name) || is == beginning.get(name) || gone
    })
}

/// Other texts in the place of one.
fn other_texts(text: &str) -> Vec<Value> {
    let renamed = ["web", NEW, "other"].into_iter().map(|name| text.replace(&format!("/{name}"), "/admin"));
    let elsewhere = [text.replace("111122223333", "999988887777"), text.replace("arn:aws:", "arn:aws-cn:")];
    let others = renamed.chain(elsewhere).chain([text.replace(INSTANCE, SECOND), text.replace(POLICY, "guard")]);
    others.filter(|other| other != text).map(Value::from).chain([Value::Null]).collect()
}

/// Other documents in the place of one.
fn other_documents(document: &Value) -> Vec<Value> {
    let statements = match &document["Statement"] {
        Value::Array(statements) => statements.clone(),
        single => vec![single.clone()],
    };
    let with = |statements: &[Value]| {
        let mut other = document.clone();
        other["Statement"] = statements.into();
        other
    };
    let mut all = vec![with(&[])];
    let deny = json!({"Effect": "Deny", "Action": "iam:*", "Resource": "*"});
    let admin = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    for (index, new) in [(0, &deny), (statements.len(), &deny), (statements.len(), &admin)] {
        let mut more = statements.clone();
        more.insert(index, new.clone());
        all.push(with(&more));
    }
    for index in 0..statements.len() {
        let edits: [fn(&mut Value); 5] = [
            |statement| statement["Effect"] = json!("Deny"),
            |statement| statement["Action"] = json!("*"),
            |statement| statement["Principal"] = json!("*"),
            |statement| statement["Condition"] = json!({}),
            |statement| {
                let action = statement.as_object_mut().unwrap().remove("Action");
                statement["NotAction"] = action.unwrap_or_default();
            },
        ];
        let edited = edits.into_iter().map(|edit| {
            let mut edited = statements.clone();
            edit(&mut edited[index]);
            edited
        });
        let mut fewer = statements.clone();
        fewer.remove(index);
        all.extend(edited.chain([fewer]).map(|statements| with(&statements)));
    }
    let mut older = document.clone();
    older["Version"] = json!("2008-10-17");
    all.push(older);
    all
}

/// The places of all texts and documents in a value, each with what can stand there instead.
fn places(value: &Value, place: &str, found: &mut Vec<(String, Vec<Value>)>) {
    match value {
        Value::String(text) => found.push((place.to_owned(), other_texts(text))),
        Value::Object(members) if members.contains_key("Statement") => {
            found.push((place.to_owned(), other_documents(value)));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| places(value, &format!("{place}/{name}"), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| places(value, &format!("{place}/{index}"), found));
        }
        _ => {}
    }
}

/// The backup with one thing in it changed, each with what it is.
fn tampered(backup: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    let mut found = Vec::new();
    places(&backup["changes"], "/changes", &mut found);
    for (place, others) in found {
        for other in others {
            let mut edited = backup.clone();
            *edited.pointer_mut(&place).unwrap() = other.clone();
            all.push((format!("{place} {other}"), edited));
        }
    }
    let list = backup["changes"].as_array().unwrap();
    for index in 0..list.len() {
        let edits: [fn(&mut Vec<Value>, usize); 5] = [
            |list, index| drop(list.remove(index)),
            |list, index| list.insert(index, list[index].clone()),
            |list, index| {
                let change = &mut list[index]["change"];
                (change["before"], change["after"]) = (change["after"].clone(), change["before"].clone());
            },
            |list, index| list[index]["change"]["before"] = json!("absent"),
            |list, index| list[index]["change"]["after"] = json!("absent"),
        ];
        for (number, edit) in edits.into_iter().enumerate() {
            let mut edited = backup.clone();
            edit(edited["changes"].as_array_mut().unwrap(), index);
            all.push((format!("edit {number} of change {index}"), edited));
        }
    }
    all
}

#[test]
fn an_undo_of_a_tampered_backup_takes_back_what_the_fix_did_or_nothing() {
    thread::scope(|scope| {
        for chain in &CHAINS {
            let run = move || {
                let (stub, sandbox, backup, beginning) = fixed(chain);
                let after = Account::of(&stub);
                let (mut refused, mut all) = (0, 0);
                for (what, edited) in tampered(&backup) {
                    // Most are refused at once; an account that was changed is served anew.
                    let file = sandbox.file("edited.json", edited.to_string()).display().to_string();
                    let calls = stub.calls().len();
                    let output = sandbox.run(&["undo", &file, "--yes", "-o", "json"]);
                    let now = Account::of(&stub);
                    assert!(is_harmless(&now, &after, &beginning), "{what} of {chain:?}: {now:#?}\n{output:?}");
                    all += 1;
                    if output.code == 2 {
                        refused += 1;
                        let only_asked = stub.actions()[calls..].iter().all(|action| action == "GetCallerIdentity");
                        assert!(now == after && only_asked, "{what} of {chain:?}: {output:?}");
                    }
                    stub.world(|world| {
                        world.roles = after.roles.values().cloned().collect();
                        world.profiles = after.profiles.values().cloned().collect();
                        for instance in &mut world.instances {
                            let held = after.held[&instance.id].clone();
                            instance.profile = held.map(|(arn, _)| arn.rsplit('/').next().unwrap().to_owned());
                        }
                    });
                    assert_eq!(Account::of(&stub), after, "it is as it was after the fix");
                }
                assert!(refused * 2 > all, "{refused} of {all} were refused as no backup of a fix: {chain:?}");
                // Nothing but the edits is the reason.
                let file = sandbox.file("genuine.json", backup.to_string()).display().to_string();
                undo(&sandbox, &file).expect(0);
            };
            thread::Builder::new().name(format!("{chain:?}")).spawn_scoped(scope, run).unwrap();
        }
    });
}

/// As a backup holds it.
fn document(text: &str) -> Value {
    json!({"document": serde_json::from_str::<Value>(text).unwrap()})
}

fn entry(thing: &Value, before: &Value, after: &Value) -> Value {
    json!({"progress": "made", "change": {"thing": thing, "before": before, "after": after}})
}

/// Changes that no fix made, of things that are as the backup says they are.
#[test]
fn what_no_fix_did_is_not_undone() {
    let (stub, sandbox, backup, _) = fixed(&CREATE);
    let after = Account::of(&stub);
    let arn = |kind: &str, name: &str| format!("arn:aws:iam::111122223333:{kind}/{name}");
    let admin = stub.role("admin").unwrap();
    let (role, profile) = (arn("role", "admin"), arn("instance-profile", "admin"));
    let (own, absent) = (arn("instance-profile", NEW), json!("absent"));
    let instance = |id: &str| json!({"profile_of_instance": {"instance": id, "region": "us-east-1"}});
    let has = |name: &str, id: Option<&str>| json!({"has": {"profile": arn("instance-profile", name), "id": id}});
    let inline = json!({"inline_policy": {"role": role, "name": "guard"}});
    let allow_alone = json!({"document": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]}});
    let admins = stub.profile("admin").unwrap();
    let (own_id, admins_id) = (stub.profile(NEW).unwrap().id, Some(admins.id.as_str()));
    // Each with whether the file alone tells.
    let cases = [
        ("a deny policy is deleted", true, entry(&inline, &absent, &document(GUARD))),
        ("a deny is taken out of a policy", true, entry(&inline, &allow_alone, &document(GUARD))),
        (
            "a deny is taken out of a trust policy",
            true,
            entry(&json!({"trust_policy": role}), &document(EC2_TRUST), &document(&admin.trust)),
        ),
        (
            "the administrator's role is deleted",
            true,
            entry(
                &json!({"role": role}),
                &absent,
                &json!({"role": {"trust": document(&admin.trust)["document"], "id": admin.id}}),
            ),
        ),
        (
            "the administrator's profile is deleted",
            false,
            entry(&json!({"instance_profile": profile}), &absent, &json!({"instance_profile": {"id": admins.id}})),
        ),
        (
            "the administrator's role leaves its profile",
            false,
            entry(&json!({"role_of_profile": profile}), &absent, &json!({"holds": role})),
        ),
        ("an instance loses its profile", false, entry(&instance(SECOND), &absent, &has("admin", admins_id))),
        (
            "an instance gets the administrator's profile",
            false,
            entry(&instance(INSTANCE), &has("admin", admins_id), &has(NEW, Some(&own_id))),
        ),
        (
            "the administrator's policy is attached",
            true,
            entry(
                &json!({"attached_policy": {"role": arn("role", NEW), "policy": "arn:aws:iam::aws:policy/AdministratorAccess"}}),
                &json!("attached"),
                &absent,
            ),
        ),
        (
            "a policy is detached",
            true,
            entry(&json!({"attached_policy": {"role": role, "policy": CORE}}), &json!("attached"), &absent),
        ),
    ];
    for (what, told_by_the_file, change) in cases {
        let mut edited = backup.clone();
        edited["changes"] = json!([change]);
        let file = sandbox.file("edited.json", edited.to_string()).display().to_string();
        let calls = stub.calls().len();
        let output = sandbox.run(&["undo", &file, "--yes"]).expect(if told_by_the_file { 2 } else { 1 });
        assert_eq!(Account::of(&stub), after, "{what}");
        if told_by_the_file {
            assert_eq!(stub.calls().len(), calls, "{what}");
            for words in
                ["edited.json", "it holds a change that `fix` does not make, `iam:", "undo that change manually"]
            {
                assert!(output.stderr.contains(words), "{what}: `{words}`: {output:?}");
            }
        } else {
            assert!(output.stdout.contains("refused"), "{what}: {output:?}");
        }
    }
    // No id means any: the profile that it had is another one, and the instance is left without.
    let mut edited = backup.clone();
    edited["changes"] =
        json!([entry(&instance(INSTANCE), &has("admin", None), &json!({"has": {"profile": own, "id": null}}))]);
    let file = sandbox.file("edited.json", edited.to_string()).display().to_string();
    let ran = undo(&sandbox, &file).expect(0);
    assert!(ran.lines("warnings").contains("left without a profile"), "{ran:#?}");
    assert_eq!(stub.profile_of(INSTANCE), None);
}

/// Ids are given once, so that a profile with the old id means that it was never gone.
#[test]
fn a_profile_that_was_never_gone_is_not_given_back() {
    for chain in [REPLACE, STOPPED] {
        let (stub, sandbox, backup, _) = fixed(&chain);
        let mut edited = backup.to_string();
        let id = stub.profile("web").unwrap().id;
        for (old, new) in [(id.as_str(), "AIPAOTHER"), ("AIPAOLD", id.as_str())] {
            edited = edited.replace(old, new);
        }
        stub.world(|world| world.instances[0].profile_id = Some("AIPAOTHER".into()));
        let after = Account::of(&stub);
        let file = sandbox.file("edited.json", edited).display().to_string();
        let ran = undo(&sandbox, &file).expect(1);
        assert!(ran.json["refusals"].to_string().contains("was not deleted"), "{ran:#?}");
        assert_eq!((Account::of(&stub), ran.statuses().contains(&"done")), (after, false));
    }
}
