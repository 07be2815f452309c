use super::*;
use crate::fix::{Reason, Refusal, RefusalKind, Warning};

const NORMAL: Layout = Layout { detail: Detail::Normal, width: Some(80) };
const QUIET: Layout = Layout { detail: Detail::Quiet, width: Some(80) };
const ROLE: &str = "arn:aws:iam::111122223333:role/web";
const PROFILE: &str = "arn:aws:iam::111122223333:instance-profile/web";
const INSTANCE: &str = "i-0a1b2c3d400000001";
const HOSTILE: &str = "x\n1. done\r\u{1b}[31m\u{9b}2J\u{202e}y\u{200b}";

fn arn(text: &str) -> Arn {
    Arn::parse(text).unwrap()
}

fn document(text: &str) -> State {
    State::Document(PolicyText::new(text))
}

fn role(id: Option<&str>) -> State {
    let trust = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}"#;
    State::Role { trust: PolicyText::new(trust), id: id.map(str::to_owned) }
}

fn has(profile: &str, id: Option<&str>) -> State {
    State::Has { profile: arn(profile), id: id.map(str::to_owned) }
}

fn change(thing: Thing, before: State, after: State) -> Change {
    Change::new(thing, before, after).unwrap()
}

fn inline(name: &str, before: State, after: State) -> Change {
    change(Thing::InlinePolicy { role: arn(ROLE), name: name.to_owned() }, before, after)
}

fn attached() -> Change {
    let policy = arn("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore");
    change(Thing::AttachedPolicy { role: arn(ROLE), policy }, State::Absent, State::Attached)
}

fn of_instance(before: State, after: State) -> Change {
    change(Thing::ProfileOfInstance { instance: INSTANCE.to_owned(), region: "us-east-1".to_owned() }, before, after)
}

/// A change of each kind that has another side; the inverses are the rest.
fn one_of_each() -> Vec<Change> {
    vec![
        change(Thing::Role(arn(ROLE)), State::Absent, role(None)),
        change(Thing::TrustPolicy(arn(ROLE)), document("{}"), document("[]")),
        inline("SessionManagerPermissions", State::Absent, document("{}")),
        inline("SessionManagerPermissions", document("{}"), document("[]")),
        attached(),
        change(Thing::InstanceProfile(arn(PROFILE)), State::Absent, State::InstanceProfile { id: None }),
        change(Thing::RoleOfProfile(arn(PROFILE)), State::Absent, State::Holds(arn(ROLE))),
        of_instance(State::Absent, has(PROFILE, None)),
        of_instance(has("arn:aws:iam::111122223333:instance-profile/old", Some("AIPA1")), has(PROFILE, None)),
        of_instance(has(PROFILE, Some("AIPA1")), has(PROFILE, Some("AIPA2"))),
    ]
}

fn step(change: Change, status: Status, note: Option<&str>) -> Step {
    Step { change, targets: Vec::new(), status, note: note.map(str::to_owned) }
}

fn planned_record(changes: Vec<Change>) -> Record {
    let steps = changes.into_iter().map(|change| step(change, Status::Planned, None)).collect();
    Record { steps, ..Record::default() }
}

fn refusal(target: &str, message: &str, remedy: &str) -> Refusal {
    Refusal::sample(target, Reason::NeedsProfile, message, remedy)
}

fn reach(others: usize) -> Reach {
    Reach {
        role: ROLE.to_owned(),
        instance_profiles: Some(vec![PROFILE.to_owned(), PROFILE.replace("web", "batch")]),
        other_instances: Some((0..others).map(|number| format!("i-0a1b2c3d4{number:08}")).collect()),
        regions: vec!["us-east-1".to_owned(), "eu-west-1".to_owned()],
        incomplete: None,
    }
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Every style ends where its line ends, and nothing else is obeyed by a terminal.
fn assert_no_leak(text: &str) {
    for line in text.lines() {
        let (mut open, mut rest) = (false, line);
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            assert_eq!(clean(before), before);
            let (code, after) = after.strip_prefix('[').unwrap().split_once('m').unwrap();
            assert!(code.chars().all(|c| c.is_ascii_digit() || c == ';'), "{line:?}");
            open = code != "0";
            rest = after;
        }
        assert_eq!(clean(rest), rest);
        assert!(!open, "{line:?}");
    }
}

#[test]
fn a_plan() {
    let before = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Own","Effect":"Allow","Action":["s3:GetObject","ssm:UpdateInstanceInformation"],"Resource":"*"}]}"#;
    let after = before.replace(r#""ssm:Up"#, r#""ssmmessages:CreateDataChannel","ssm:Up"#);
    let record = Record {
        warnings: vec![Warning::Sample(
            "the role has a permissions boundary, and it was not read; the change may not be enough".to_owned(),
        )],
        refusals: vec![refusal(
            "i-0a1b2c3d400000002",
            "it has no instance profile, and no name for a new one was given",
            "give a name with `--profile-name`",
        )],
        reach: vec![Reach {
            incomplete: Some("`eu-west-1`: access denied to `ec2:DescribeInstances`".to_owned()),
            ..reach(3)
        }],
        ..planned_record(vec![inline("SessionManagerPermissions", document(before), document(&after)), attached()])
    };
    insta::assert_snapshot!(plain(&plan(&record, NORMAL)), @r#"
    1. update inline policy `SessionManagerPermissions` of role `web`
       call    iam:PutRolePolicy
       target  arn:aws:iam::111122223333:role/web

       @@ -6,6 +6,7 @@
              "Effect": "Allow",
              "Action": [
                "s3:GetObject",
       +        "ssmmessages:CreateDataChannel",
                "ssm:UpdateInstanceInformation"
              ],
              "Resource": "*"

    2. attach managed policy `AmazonSSMManagedInstanceCore` to role `web`
       call    iam:AttachRolePolicy
       target  arn:aws:iam::111122223333:role/web
       policy  arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore

    warning: the role has a permissions boundary, and it was not read; the change
      may not be enough

    refused `i-0a1b2c3d400000002`: it has no instance profile, and no name for a new
      one was given
      remedy: give a name with `--profile-name`

    also affects
      role       arn:aws:iam::111122223333:role/web
      profiles   arn:aws:iam::111122223333:instance-profile/web
                 arn:aws:iam::111122223333:instance-profile/batch
      instances  at least 3 others have it: i-0a1b2c3d400000000,
                 i-0a1b2c3d400000001, i-0a1b2c3d400000002
      searched   us-east-1, eu-west-1
      not read   `eu-west-1`: access denied to `ec2:DescribeInstances`

    2 changes; 1 target is left unchanged
    "#);
}

#[test]
fn everything_created_and_deleted() {
    let creation = change(Thing::Role(arn(ROLE)), State::Absent, role(None));
    let deletion = change(Thing::Role(arn(ROLE)), role(Some("AROAEXAMPLE")), State::Absent);
    let renewal = one_of_each().pop().unwrap();
    let profile = change(Thing::InstanceProfile(arn(PROFILE)), State::Absent, State::InstanceProfile { id: None });
    let holds = change(Thing::RoleOfProfile(arn(PROFILE)), State::Absent, State::Holds(arn(ROLE)));
    let record = Record { dry_run: true, ..planned_record(vec![creation, profile, holds, renewal, deletion]) };
    insta::assert_snapshot!(plain(&plan(&record, NORMAL)), @r#"
    1. create role `web`
       call    iam:CreateRole
       target  arn:aws:iam::111122223333:role/web
       tag     created-by=ssm-profile

       trust policy
       +{
       +  "Statement": {
       +    "Effect": "Allow",
       +    "Action": "sts:AssumeRole"
       +  }
       +}

    2. create instance profile `web`
       call    iam:CreateInstanceProfile
       target  arn:aws:iam::111122223333:instance-profile/web
       tag     created-by=ssm-profile

    3. add role `web` to instance profile `web`
       call    iam:AddRoleToInstanceProfile
       target  arn:aws:iam::111122223333:instance-profile/web
       role    arn:aws:iam::111122223333:role/web

    4. associate instance profile `web` again with instance `i-0a1b2c3d400000001`
       call    ec2:ReplaceIamInstanceProfileAssociation
       target  i-0a1b2c3d400000001 in us-east-1
       before  arn:aws:iam::111122223333:instance-profile/web (AIPA1)
       after   arn:aws:iam::111122223333:instance-profile/web (AIPA2)

    5. delete role `web`
       call    iam:DeleteRole
       target  arn:aws:iam::111122223333:role/web
       id      AROAEXAMPLE

       trust policy
       -{
       -  "Statement": {
       -    "Effect": "Allow",
       -    "Action": "sts:AssumeRole"
       -  }
       -}

    5 changes (dry run: nothing was changed)
    "#);
}

#[test]
fn a_result() {
    let mut changes = one_of_each().into_iter();
    let mut next = |status, note| step(changes.next().unwrap(), status, note);
    let long = "AWS answered `AccessDenied`: not authorized to perform `iam:PutRolePolicy` on the resource, as no identity-based policy allows it";
    let record = Record {
        steps: vec![
            next(Status::RolledBack, None),
            next(Status::Done, Some("it was already in the desired state")),
            next(Status::Failed, Some(long)),
            next(Status::NotDone, None),
        ],
        backup: Some("my backups/ssm-profile-undo.json".to_owned()),
        stopped: Some("a call failed".to_owned()),
        next: vec![
            "wait a minute, then run `ssm-profile check`: IAM takes its time to tell all its servers of a change"
                .to_owned(),
        ],
        ..Record::default()
    };
    insta::assert_snapshot!(plain(&result(&record, NORMAL)), @r#"
    1. rolled back  create role `web`
    2. done         update the trust policy of role `web`
                    it was already in the desired state
    3. failed       add inline policy `SessionManagerPermissions` to role `web`
                    AWS answered `AccessDenied`: not authorized to perform
                    `iam:PutRolePolicy` on the resource, as no identity-based policy
                    allows it
    4. not done     update inline policy `SessionManagerPermissions` of role `web`

    stopped: a call failed

    backup  my backups/ssm-profile-undo.json
    undo    ssm-profile undo 'my backups/ssm-profile-undo.json'

    1 done, 1 failed, 1 rolled back, 1 not done

    next
      wait a minute, then run `ssm-profile check`: IAM takes its time to tell all
        its servers of a change
    "#);
    insta::assert_snapshot!(plain(&result(&record, QUIET)), @r#"
    rolled back  create role `web`
    done  update the trust policy of role `web`: it was already in the desired state
    failed  add inline policy `SessionManagerPermissions` to role `web`: AWS answered `AccessDenied`: not authorized to perform `iam:PutRolePolicy` on the resource, as no identity-based policy allows it
    not done  update inline policy `SessionManagerPermissions` of role `web`
    stopped: a call failed
    backup  my backups/ssm-profile-undo.json
    undo    ssm-profile undo 'my backups/ssm-profile-undo.json'
    "#);
}

#[test]
fn phrases_of_all_actions_and_their_inverses() {
    let changes = one_of_each();
    let inverses = changes.iter().map(|change| change.inverse().unwrap());
    let phrases: Vec<String> =
        changes.iter().cloned().chain(inverses).map(|c| format!("{}: {}", c.action().name(), phrase(&c))).collect();
    insta::assert_snapshot!(phrases.join("\n"), @r#"
    iam:CreateRole: create role `web`
    iam:UpdateAssumeRolePolicy: update the trust policy of role `web`
    iam:PutRolePolicy: add inline policy `SessionManagerPermissions` to role `web`
    iam:PutRolePolicy: update inline policy `SessionManagerPermissions` of role `web`
    iam:AttachRolePolicy: attach managed policy `AmazonSSMManagedInstanceCore` to role `web`
    iam:CreateInstanceProfile: create instance profile `web`
    iam:AddRoleToInstanceProfile: add role `web` to instance profile `web`
    ec2:AssociateIamInstanceProfile: associate instance profile `web` with instance `i-0a1b2c3d400000001`
    ec2:ReplaceIamInstanceProfileAssociation: replace instance profile `old` of instance `i-0a1b2c3d400000001` with `web`
    ec2:ReplaceIamInstanceProfileAssociation: associate instance profile `web` again with instance `i-0a1b2c3d400000001`
    iam:DeleteRole: delete role `web`
    iam:UpdateAssumeRolePolicy: update the trust policy of role `web`
    iam:DeleteRolePolicy: delete inline policy `SessionManagerPermissions` of role `web`
    iam:PutRolePolicy: update inline policy `SessionManagerPermissions` of role `web`
    iam:DetachRolePolicy: detach managed policy `AmazonSSMManagedInstanceCore` from role `web`
    iam:DeleteInstanceProfile: delete instance profile `web`
    iam:RemoveRoleFromInstanceProfile: remove role `web` from instance profile `web`
    ec2:DisassociateIamInstanceProfile: disassociate instance profile `web` from instance `i-0a1b2c3d400000001`
    ec2:ReplaceIamInstanceProfileAssociation: replace instance profile `web` of instance `i-0a1b2c3d400000001` with `old`
    ec2:ReplaceIamInstanceProfileAssociation: associate instance profile `web` again with instance `i-0a1b2c3d400000001`
    "#);
}

#[test]
fn few_words_are_a_line_for_each_change() {
    let mut record = planned_record(one_of_each());
    assert_eq!(plain(&result(&record, QUIET)).lines().count(), record.steps.len());
    assert_eq!(plain(&plan(&record, QUIET)).lines().count(), record.steps.len() + 1);
    record.backup = Some("undo.json".to_owned());
    assert_eq!(plain(&result(&record, QUIET)).lines().count(), record.steps.len());
    assert_eq!(result(&Record::default(), QUIET), "");
}

#[test]
fn summaries() {
    let refused = vec![refusal("i-1", "a", "b")];
    let last = |record: &Record| plain(&plan(record, NORMAL)).lines().last().unwrap().to_owned();
    assert_eq!(last(&Record::default()), "nothing to do");
    assert_eq!(last(&Record { dry_run: true, ..Record::default() }), "nothing to do");
    assert_eq!(
        last(&Record { refusals: refused.clone(), ..Record::default() }),
        "no change; 1 target is left unchanged"
    );
    assert_eq!(last(&planned_record(vec![attached()])), "1 change");
    let twice = [refused.clone(), vec![refusal("i-1", "c", "d")]].concat();
    assert_eq!(last(&Record { refusals: twice, ..Record::default() }), "no change; 1 target is left unchanged");
    let refusals = [refused, vec![refusal("i-2", "a", "b")]].concat();
    let record = Record { refusals, ..planned_record(one_of_each()) };
    assert_eq!(last(&record), "10 changes; 2 targets are left unchanged");
    assert_eq!(plan(&Record::default(), QUIET), "nothing to do\n");
    assert_eq!(result(&Record::default(), NORMAL), "nothing was changed\n");
}

#[test]
fn other_instances_are_counted_and_listed() {
    let page = |reach: Reach, detail| {
        let record = Record { reach: vec![reach], ..Record::default() };
        plain(&plan(&record, Layout { detail, width: None }))
    };
    let many = page(reach(25), Detail::Normal);
    assert!(many.contains("25 others have it: i-0a1b2c3d400000000, "), "{many}");
    assert!(many.contains("i-0a1b2c3d400000019 and 5 more; `--verbose` lists all\n"), "{many}");
    assert!(page(reach(25), Detail::Verbose).contains(", i-0a1b2c3d400000024\n"));
    assert!(page(reach(1), Detail::Normal).contains("1 other has it: i-0a1b2c3d400000000\n"));
    assert!(page(reach(0), Detail::Normal).contains("no others\n"));
    let incomplete = |others| Reach { incomplete: Some("why".to_owned()), ..reach(others) };
    let unseen = Reach { other_instances: None, instance_profiles: None, ..incomplete(0) };
    let unseen = page(unseen, Detail::Normal);
    assert!(unseen.contains("  profiles   not known\n") && unseen.contains("  instances  not known\n"), "{unseen}");
    assert!(page(incomplete(2), Detail::Normal).contains("at least 2 others have it: "));
    let nowhere = page(
        Reach { regions: Vec::new(), instance_profiles: Some(Vec::new()), other_instances: None, ..reach(0) },
        Detail::Normal,
    );
    assert!(nowhere.contains("not looked for\n") && nowhere.contains("none\n"), "{nowhere}");
}

#[test]
fn nobody_forges_a_line_or_a_style() {
    let own = HOSTILE.to_owned();
    let hostile_arn = arn(&format!("{ROLE}{HOSTILE}"));
    let text = "{\"Sid\": \"\u{202e}\u{2028}\u{9b}2J\"}";
    let changes = vec![
        inline(HOSTILE, document(HOSTILE), document(text)),
        inline(HOSTILE, State::Absent, document(text)),
        change(Thing::RoleOfProfile(hostile_arn.clone()), State::Absent, State::Holds(hostile_arn.clone())),
        change(
            Thing::ProfileOfInstance { instance: own.clone(), region: own.clone() },
            State::Absent,
            State::Has { profile: hostile_arn, id: Some(own.clone()) },
        ),
    ];
    let steps = changes.into_iter().map(|change| step(change, Status::Failed, Some(HOSTILE))).collect();
    let record = Record {
        steps,
        warnings: vec![Warning::Sample(own.clone())],
        refusals: vec![refusal(HOSTILE, HOSTILE, HOSTILE)],
        reach: vec![Reach {
            role: own.clone(),
            instance_profiles: Some(vec![own.clone()]),
            other_instances: Some(vec![own.clone()]),
            regions: vec![own.clone()],
            incomplete: Some(own.clone()),
        }],
        backup: Some(own.clone()),
        stopped: Some(own.clone()),
        next: vec![own],
        ..Record::default()
    };
    for detail in [Detail::Quiet, Detail::Normal, Detail::Verbose] {
        for width in [None, Some(80), Some(1)] {
            for page in [plan(&record, Layout { detail, width }), result(&record, Layout { detail, width })] {
                assert_no_leak(&page);
                assert!(!plain(&page).lines().any(|line| line.starts_with("1. done")), "{page}");
            }
        }
    }
    assert!(plan(&record, NORMAL).contains(r#"+  "Sid": "\u{202e}\u{2028}\u{9b}2J""#));
}

#[test]
fn only_documents_commands_and_long_words_are_wider_than_a_page() {
    let long = "n".repeat(128);
    let deep = arn(&format!("arn:aws:iam::111122223333:role/{}/{long}", "path/".repeat(60)));
    let text = format!("{{\"Resource\":\"{}\"}}", "r".repeat(200));
    let inline = Thing::InlinePolicy { role: deep.clone(), name: long.clone() };
    let record = Record {
        refusals: vec![refusal(&deep.to_string(), &long, &long)],
        reach: vec![Reach {
            role: deep.to_string(),
            instance_profiles: Some(vec![deep.to_string()]),
            incomplete: Some(long.clone()),
            ..reach(25)
        }],
        backup: Some(format!("/{long}")),
        stopped: Some(long.clone()),
        next: vec![long.clone()],
        ..planned_record(vec![
            change(inline, State::Absent, document(&text)),
            change(Thing::RoleOfProfile(deep.clone()), State::Holds(deep), State::Absent),
        ])
    };
    let pages = plain(&plan(&record, NORMAL)) + &plain(&result(&record, NORMAL));
    for line in pages.lines() {
        let free = line.starts_with("   +") || line.starts_with("undo ");
        // A name, a path or a sentence's word that has no room stays whole.
        let has_long_word = line.split(' ').any(|word| word.chars().count() >= 80 - "instances".len() - 4);
        assert!(free || has_long_word || line.chars().count() <= 80, "{line}");
    }
    assert!(pages.contains(&format!("backup  /{long}\n")), "{pages}");
    assert!(pages.contains(&format!("\n   +  \"Resource\": \"{}\"\n", "r".repeat(200))), "{pages}");
    assert!(pages.contains(&format!("\nundo    ssm-profile undo /{long}\n")), "{pages}");
}

#[test]
fn additions_are_green_and_deletions_red() {
    let page = plan(&planned_record(vec![inline("x", document("[1]"), document("[2]"))]), NORMAL);
    assert!(page.contains("   \u{1b}[31m-  1\u{1b}[0m\n   \u{1b}[32m+  2\u{1b}[0m\n"), "{page:?}");
    assert_no_leak(&page);
}

#[test]
fn equal_refusals_are_told_together() {
    let needs = |target: &str| {
        let kind = Box::new(RefusalKind::NeedsProfile { was_deleted: false });
        let (instance, region) = (Some(target.to_owned()), Some("us-east-1".to_owned()));
        Refusal { target: target.to_owned(), instance, region, kind }
    };
    let mut refusals: Vec<Refusal> = (1..=5).map(|number| needs(&format!("i-{number}"))).collect();
    refusals.insert(2, refusal("i-6", "the role is somebody else's", "ask"));
    refusals.push(Refusal { kind: Box::new(RefusalKind::NeedsProfile { was_deleted: true }), ..needs("i-7") });
    let record = Record { refusals, ..Record::default() };
    let lines =
        |detail| plain(&plan(&record, Layout { detail, width: None })).lines().map(str::to_owned).collect::<Vec<_>>();
    let expected = [
        "refused 5 instances: the instance has no instance profile (such as `i-1`, `i-2`, `i-3`)",
        "refused `i-6`: the role is somebody else's",
        "refused `i-7`: the instance's profile was deleted",
        "no change; 7 targets are left unchanged",
    ];
    assert_eq!(lines(Detail::Quiet), expected);
    let normal = lines(Detail::Normal);
    let create = "`ssm-profile fix TARGET --region us-east-1 --create-profile SessionManager`";
    assert!(normal[1].starts_with(&format!("  remedy: create one for it: {create};")), "{}", normal[1]);
    assert_eq!(
        normal.iter().filter(|line| line.starts_with("refused ")).collect::<Vec<_>>(),
        expected[..3].iter().collect::<Vec<_>>()
    );
    assert!(lines(Detail::Verbose)[0].ends_with("(`i-1`, `i-2`, `i-3`, `i-4`, `i-5`)"));
}

#[test]
fn a_change_says_how_many_it_mends() {
    let mut record = planned_record(one_of_each().into_iter().skip(2).take(3).collect());
    let targets = |count: usize| (1..=count).map(|number| format!("i-{number}")).collect::<Vec<_>>();
    let fixes = |record: &Record, detail| {
        let page = plain(&plan(record, Layout { detail, width: None }));
        page.lines().filter_map(|line| line.strip_prefix("   fixes   ")).map(str::to_owned).collect::<Vec<_>>()
    };
    record.steps[0].targets = targets(1);
    // A single target needs not be told.
    assert_eq!(fixes(&record, Detail::Normal), [""; 0]);
    record.steps[1].targets = targets(21);
    record.steps[2].targets = vec!["i-1".to_owned(), "role/web".to_owned()];
    assert_eq!(fixes(&record, Detail::Normal), ["i-1", "21 instances", "2 targets"]);
    assert_eq!(fixes(&record, Detail::Verbose)[2], "2 targets: i-1, role/web");
    assert_eq!(fixes(&record, Detail::Quiet), [""; 0]);
}
