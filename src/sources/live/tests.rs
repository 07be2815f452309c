use super::*;
use crate::facts::{Association, Instance};

fn association(id: &str, state: &str, profile: &str) -> Association {
    Association { id: id.to_owned(), state: state.to_owned(), profile_arn: Some(profile.to_owned()) }
}

#[test]
fn the_association_of_the_profile_that_the_instance_has() {
    let old = || association("old", "disassociating", "a");
    for (associations, expected) in [
        (vec![], None),
        (vec![association("gone", "disassociated", "b")], None),
        (vec![old(), association("new", "associated", "b")], Some("new")),
        (vec![association("other", "associated", "a"), association("new", "associating", "b")], Some("new")),
        (vec![association("first", "associating", "b"), association("second", "associated", "b")], Some("second")),
        (vec![old()], Some("old")),
    ] {
        let chosen = ec2::choose(&associations, Some("b"));
        assert_eq!(chosen.known().map(|association| association.id.as_str()), expected);
    }
}

#[test]
fn what_belongs_to_another_account_is_never_judged() {
    let arn = |text: &str| Arn::parse(text).unwrap();
    let typed = arn("arn:aws:iam::111122223333:role/a/web");
    let expected = Expected { arn: Some(&typed), account: typed.account() };
    for (found, kind) in [
        ("arn:aws:iam::111122223333:role/a/web", None),
        ("arn:aws:iam::111122223333:role/a/WEB", None),
        ("arn:aws:iam::444455556666:role/a/web", Some(UnreadableKind::OtherAccount)),
        ("arn:aws:iam::111122223333:role/web", Some(UnreadableKind::OtherPath)),
    ] {
        let reason = expected.mismatch("iam:GetRole", "role", &arn(found));
        assert_eq!(reason.map(|reason| reason.kind), kind, "{found}");
    }
    let by_name = Expected { arn: None, account: None };
    assert_eq!(by_name.mismatch("iam:GetRole", "role", &typed), None);
    assert_eq!(by_name.seen("web", &typed).key, "111122223333/web");
    assert_eq!(expected.unseen("web").key, "111122223333/web");
    assert_ne!(expected.apart("web", &arn("arn:aws:iam::111122223333:role/web")).key, "111122223333/web");
    let without_path = Expected { arn: Some(&arn("arn:aws:iam::111122223333:role/web")), ..expected };
    assert_ne!(without_path.apart("web", &typed).key, "111122223333/web");
}

fn answer(fact: Fact<ec2::RegionalInstance>) -> BTreeMap<String, Fact<ec2::RegionalInstance>> {
    BTreeMap::from([("i-01234567".to_owned(), fact)])
}

fn found(account: &str) -> Fact<ec2::RegionalInstance> {
    let instance = Instance {
        id: "i-01234567".to_owned(),
        name: None,
        state: "running".to_owned(),
        profile: None,
        association: Fact::Absent,
        metadata: None,
        vpc: None,
        private_ip: None,
        tags: BTreeMap::new(),
        agent: Fact::Absent,
        interface: None,
        agent_started: Fact::Absent,
    };
    Fact::Known(ec2::RegionalInstance { account: Some(account.to_owned()), instance: Box::new(instance) })
}

fn subject(text: &str, regions: &[&str], answers: &Answers<'_>) -> (Option<String>, Fact<Box<Instance>>) {
    let subject = instance_subject(&Target::parse(text).unwrap(), "i-01234567", regions, answers, None);
    match subject.kind {
        SubjectKind::Instance(fact) => (subject.region, fact),
        _ => unreachable!(),
    }
}

#[test]
fn an_instance_is_absent_only_when_every_region_says_so() {
    let reason = Unreadable { api: "x".to_owned(), kind: UnreadableKind::Denied, message: "m".to_owned() };
    let regions = ["eu-west-1", "us-east-1"];
    let answers = |first, second| Answers::from([("eu-west-1", answer(first)), ("us-east-1", answer(second))]);
    let (region, fact) = subject("i-01234567", &regions, &answers(Fact::Absent, found("111122223333")));
    assert!(region.as_deref() == Some("us-east-1") && fact.known().is_some());
    let (region, fact) = subject("i-01234567", &regions, &answers(Fact::Absent, Fact::Absent));
    assert_eq!((region, fact), (None, Fact::Absent));
    let (_, fact) = subject("i-01234567", &regions, &answers(Fact::Absent, Fact::Unreadable(reason.clone())));
    assert_eq!(fact, Fact::Unreadable(reason));
    let (_, fact) = subject("i-01234567", &[], &Answers::new());
    assert!(fact.unreadable().is_some());
}

#[test]
fn an_instance_of_another_account_than_its_arn_says_is_not_judged() {
    let text = "arn:aws:ec2:eu-west-1:444455556666:instance/i-01234567";
    let (_, fact) = subject(text, &["eu-west-1"], &Answers::from([("eu-west-1", answer(found("111122223333")))]));
    assert_eq!(fact.unreadable().map(|reason| reason.kind), Some(UnreadableKind::OtherAccount));
}

#[test]
fn the_same_target_twice_is_one() {
    let targets = ["i-01234567", "role/web", "i-01234567", "arn:aws:iam::111122223333:role/web"];
    let targets: Vec<Target> = targets.iter().map(|text| Target::parse(text).unwrap()).collect();
    assert_eq!(distinct(&targets).len(), 3);
}
