//! Profiles that take a code of an MFA device.

use crate::support::answer::Answer;
use crate::support::command::Sandbox;
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, INSTANCE, World};

const DEVICE: &str = "arn:aws:iam::111122223333:mfa/phone";

/// The profile `ops`, whose role takes a code, and its source `base`; `own` is its own source.
fn sandbox(stub: &Stub) -> Sandbox {
    let sandbox = Sandbox::at(stub).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let keys = |name: &str| format!("[{name}]\naws_access_key_id = {ACCOUNT}\naws_secret_access_key = secret\n");
    sandbox.file(".aws/credentials", keys("base") + &keys("own"));
    let role = |name: &str, source: &str| {
        format!(
            "[profile {name}]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/Ops\nsource_profile = {source}\nmfa_serial = {DEVICE}\n\
             role_session_name = night\nduration_seconds = 1800\nregion = us-east-1\n"
        )
    };
    sandbox.file(".aws/config", role("ops", "base") + &role("own", "own"));
    sandbox
}

#[test]
fn on_a_terminal_the_code_is_asked_for_once() {
    for profile in ["ops", "own"] {
        let stub = Stub::accounts([World::ready()]);
        let arguments = ["check", INSTANCE, "--profile", profile];
        let shown =
            sandbox(&stub).run_on_terminal(&arguments, &[("code of the MFA device", "123456\r")]).expect(0).stdout;
        assert!(shown.contains(DEVICE) && shown.contains("assumed-role/Ops/night"), "{shown}");
        let [call] = &stub.calls_of("AssumeRole")[..] else { panic!("{:?}", stub.counts()) };
        let sent = ["SerialNumber", "TokenCode", "RoleSessionName", "DurationSeconds"].map(|name| call.parameter(name));
        assert_eq!(sent, [DEVICE, "123456", "night", "1800"]);
        // The same profile from the environment.
        let sandbox = sandbox(&stub).env("AWS_PROFILE", profile);
        sandbox.run_on_terminal(&["check", INSTANCE], &[("code of the MFA device", "123456\r")]).expect(0);
    }
}

#[test]
fn without_a_terminal_or_a_code_the_run_says_what_to_do() {
    let stub = Stub::accounts([World::ready()]);
    let output = sandbox(&stub).run(&["check", INSTANCE, "--profile", "ops"]).expect(3);
    for said in [DEVICE, "no terminal", "aws configure export-credentials --profile ops"] {
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
    assert_eq!((output.stdout.as_str(), output.stderr.lines().count()), ("", 1));
    let shown = sandbox(&stub)
        .run_on_terminal(&["check", INSTANCE, "--profile", "ops"], &[("code of the MFA device", "\r")])
        .expect(3)
        .stdout;
    assert!(shown.contains("none was given"), "{shown}");
    assert_eq!(stub.calls().len(), 0);
}

#[test]
fn a_code_that_aws_refuses_is_an_error_in_its_words() {
    let refusal =
        Answer::error("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.");
    let stub = Stub::accounts([World::ready().fail("AssumeRole", refusal)]);
    let shown = sandbox(&stub)
        .run_on_terminal(&["check", INSTANCE, "--profile", "ops"], &[("code of the MFA device", "000000\r")])
        .expect(3)
        .stdout;
    assert!(shown.replace('\n', " ").contains("invalid MFA one time pass code"), "{shown}");
}

#[test]
fn credentials_of_the_environment_take_no_code() {
    let stub = Stub::accounts([World::ready()]);
    let sandbox = sandbox(&stub)
        .env("AWS_PROFILE", "ops")
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "secret");
    sandbox.run(&["check", INSTANCE]).expect(0);
    assert_eq!(stub.counts().get("AssumeRole"), None);
}
