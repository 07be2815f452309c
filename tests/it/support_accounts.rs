//! Tests of several accounts behind one stub, and of the roles that one assumes in another.

use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use jiff::Timestamp;
use serde_json::json;

use crate::live_stub::check;
use crate::support::answer::Answer;
use crate::support::command::Sandbox;
use crate::support::model::{Instance, Level, Member, Policy, Profile, Role};
use crate::support::report::Verdict;
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, INSTANCE, World};
use crate::support::xml::text_of;
use crate::support_fleet::{CLOSED, Caller, ELSEWHERE, MEMBER, Refusal, refusal, tester};

const HOUR: i64 = 3600;
const FLEET: &str = "arn:aws:iam::444455556666:role/team/fleet";

/// Assumes a role.
fn assume(caller: &Caller, stub: &Stub, role: &str, more: &[(&str, &str)]) -> Result<(Caller, Timestamp), Refusal> {
    let parameters = [&[("RoleArn", role), ("RoleSessionName", "fleet")], more].concat();
    let answer = caller.query(stub, "sts:AssumeRole", &parameters)?;
    let (key, token) = (text_of(&answer, "AccessKeyId").unwrap(), text_of(&answer, "SessionToken"));
    let ends = text_of(&answer, "Expiration").unwrap().parse().unwrap();
    Ok((Caller { key, token, region: caller.region.clone() }, ends))
}

#[test]
fn each_account_answers_for_itself() {
    let member = World::new(MEMBER).instance(Instance::new(ELSEWHERE)).fail_some(
        "DescribeInstances",
        2..=2,
        Answer::unauthorized(),
    );
    let stub = Stub::accounts([World::ready(), member]);
    let (member, nobody) = (Caller::new(MEMBER), Caller::new(CLOSED));
    let instances = |caller: &Caller| {
        let answer = caller.query(&stub, "ec2:DescribeInstances", &[]);
        answer.map(|answer| text_of(&answer, "instanceId").unwrap())
    };
    assert_eq!(instances(&tester()), Ok(INSTANCE.to_string()));
    assert_eq!(instances(&member), Ok(ELSEWHERE.to_string()));
    // Calls are counted in each account.
    assert_eq!(instances(&tester()), Ok(INSTANCE.to_string()));
    assert_eq!(instances(&member), refusal(403, "UnauthorizedOperation"));
    assert_eq!(instances(&nobody), refusal(401, "AuthFailure"));
    assert_eq!(member.identity(&stub), Ok((MEMBER.into(), "arn:aws:iam::444455556666:user/tester".into())));
    assert_eq!(nobody.identity(&stub), refusal(403, "InvalidClientTokenId"));
    assert_eq!((stub.calls_in(MEMBER).len(), stub.calls_in(CLOSED).len()), (3, 2));
    assert_eq!(stub.world_of(MEMBER, |world| world.instances.len()), 1);
    assert_eq!(stub.world(|world| world.account.clone()), ACCOUNT);

    let report = check(&Sandbox::at(&stub), &[INSTANCE]);
    assert_eq!(report.only().verdict, Verdict::Ready);
}

#[test]
fn a_role_of_another_account_can_be_assumed() {
    let stub = Stub::accounts([World::ready(), World::new(MEMBER).role(Role::new("web")), World::new(CLOSED)]);
    let before = Timestamp::now();
    let (fleet, ends) = assume(&tester(), &stub, FLEET, &[]).unwrap();
    assert!(fleet.key.starts_with("ASIA444455556666") && fleet.key.len() == 20, "{fleet:?}");
    let seconds = ends.as_second() - before.as_second();
    assert!((HOUR..HOUR + 60).contains(&seconds), "{seconds}");
    let arn = "arn:aws:sts::444455556666:assumed-role/fleet/fleet";
    assert_eq!(fleet.identity(&stub), Ok((MEMBER.into(), arn.into())));
    assert!(fleet.query(&stub, "iam:GetRole", &[("RoleName", "web")]).unwrap().contains("::444455556666:role/web"));
    assert_eq!(stub.calls_in(MEMBER).len(), 2);

    // The key alone is worth nothing, nor is one that was never given out.
    let bare = Caller { token: None, ..fleet.clone() };
    assert_eq!(bare.identity(&stub), refusal(403, "InvalidClientTokenId"));
    let made_up = Caller { key: "ASIA4444555566660099".into(), ..fleet.clone() };
    assert_eq!(made_up.query(&stub, "ec2:DescribeInstances", &[]), refusal(401, "AuthFailure"));

    // From role to role, and each time with another key.
    let (again, _) = assume(&fleet, &stub, FLEET, &[("DurationSeconds", "900")]).unwrap();
    assert_ne!(again.key, fleet.key);
    for broken in [[("DurationSeconds", "10")], [("DurationSeconds", "x")]] {
        assert_eq!(assume(&tester(), &stub, FLEET, &broken).unwrap_err(), (400, "ValidationError".into()));
    }
    let unnamed = tester().query(&stub, "sts:AssumeRole", &[("RoleArn", FLEET)]);
    assert_eq!(unnamed, refusal(400, "ValidationError"));
    assert!(stub.writes().is_empty());
}

#[test]
fn a_role_is_refused_where_it_should_be() {
    let role = |account: &str, name: &str| format!("arn:aws:iam::{account}:role/{name}");
    let stub = Stub::accounts([
        World::ready(),
        World::new(MEMBER).assumable_role("fleet").external_id("secret"),
        World::new(CLOSED).not_assumable(),
    ]);
    let code = |role: &str, more: &[(&str, &str)]| assume(&tester(), &stub, role, more).map(|_| ());
    let secret = [("ExternalId", "secret")];
    assert_eq!(code(&role(MEMBER, "fleet"), &secret), Ok(()));
    for (role, more) in [
        (role(MEMBER, "fleet"), &[][..]),
        (role(MEMBER, "other"), &secret),
        (role(CLOSED, "fleet"), &secret),
        (role("999999999999", "fleet"), &secret),
    ] {
        assert_eq!(code(&role, more), refusal(403, "AccessDenied"), "{role}");
    }
    for broken in ["fleet", "arn:aws:iam::444455556666:user/fleet", "arn:aws:sts::444455556666:role/fleet"] {
        assert_eq!(code(broken, &secret), refusal(400, "ValidationError"), "{broken}");
    }
    stub.world_of(CLOSED, |world| world.assumable.refused = false);
    assert_eq!(code(&role(CLOSED, "fleet"), &[]), Ok(()));
}

#[test]
fn the_credentials_of_a_role_expire() {
    let stub = Stub::accounts([World::ready(), World::new(MEMBER).sessions_last(Duration::ZERO)]);
    let (gone, ends) = assume(&tester(), &stub, FLEET, &[]).unwrap();
    assert!(ends <= Timestamp::now());
    assert_eq!(gone.identity(&stub), refusal(403, "ExpiredToken"));
    assert_eq!(gone.query(&stub, "ec2:DescribeInstances", &[]), refusal(400, "RequestExpired"));
    assert_eq!(gone.json(&stub, "ssm:GetServiceSetting", &json!({})), refusal(400, "ExpiredTokenException"));
    stub.world_of(MEMBER, |world| world.assumable.lasts = Some(Duration::from_secs(60)));
    let (fresh, _) = assume(&tester(), &stub, FLEET, &[]).unwrap();
    assert!(fresh.identity(&stub).is_ok());
}

/// What is written by hand here is what the SDK reads.
#[test]
fn the_sdk_understands_the_answers() {
    let role = Role::new("app").inline("p", json!({"v": 1})).attach("own").boundary("own").tag("a", "b");
    let member = World::new(MEMBER)
        .role(role)
        .profile(Profile::new("app").role("app"))
        .policy(Policy::new("own", json!({"v": 2})).version("v2").older("v1", "{}"))
        .organization("o-a", MEMBER, [Level::new("r-root"), Level::new(MEMBER)])
        .member(Member::new(CLOSED).status("SUSPENDED"))
        .regions(["us-east-1"])
        .region_off("ap-east-1");
    let stub = Stub::accounts([World::ready(), member]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = |credentials: Credentials| {
            let loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::from_static("us-east-1"));
            loader.endpoint_url(stub.url()).credentials_provider(credentials).load()
        };
        let own = config(Credentials::new(ACCOUNT, "not-a-secret", None, None, "test")).await;
        let assumed = aws_sdk_sts::Client::new(&own).assume_role().role_arn(FLEET).role_session_name("fleet");
        let assumed = assumed.send().await.unwrap().credentials.unwrap();
        let ends = SystemTime::try_from(assumed.expiration).unwrap();
        assert!(ends > SystemTime::now());
        let token = Some(assumed.session_token);
        let fleet = Credentials::new(assumed.access_key_id, assumed.secret_access_key, token, Some(ends), "test");
        let fleet = config(fleet).await;

        let details = aws_sdk_iam::Client::new(&fleet).get_account_authorization_details().send().await.unwrap();
        let role = &details.role_detail_list()[0];
        assert_eq!(role.instance_profile_list()[0].roles()[0].role_name, "app");
        assert_eq!(role.role_policy_list()[0].policy_name(), Some("p"));
        let own = Some("arn:aws:iam::444455556666:policy/own");
        assert_eq!(role.attached_managed_policies()[0].policy_arn(), own);
        assert_eq!(role.permissions_boundary().unwrap().permissions_boundary_arn(), own);
        assert_eq!((role.tags()[0].key.as_str(), role.tags()[0].value.as_str()), ("a", "b"));
        let policy = &details.policies()[0];
        assert_eq!((policy.arn(), policy.attachment_count(), details.is_truncated()), (own, Some(1), false));
        assert_eq!(policy.policy_version_list()[1].version_id(), policy.default_version_id());

        let regions = aws_sdk_ec2::Client::new(&fleet).describe_regions().all_regions(true).send().await.unwrap();
        let regions: Vec<_> =
            regions.regions().iter().map(|region| (region.region_name(), region.opt_in_status())).collect();
        let (on, off) = (Some("opt-in-not-required"), Some("not-opted-in"));
        assert_eq!(regions, [(Some("us-east-1"), on), (Some("ap-east-1"), off)]);
        let accounts = aws_sdk_organizations::Client::new(&fleet).list_accounts().send().await.unwrap();
        let accounts: Vec<_> = accounts.accounts().iter().filter_map(|account| account.id()).collect();
        assert_eq!(accounts, [MEMBER, CLOSED]);
    });
}
