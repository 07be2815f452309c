//! No secret leaves: whatever AWS, a proxy, a credential process or a person says, no form of output, snapshot or backup holds a
//! token, a signature or a password.

use std::fs;

use crate::live_stub::{policy, with_role};
use crate::support::answer::Answer;
use crate::support::command::{Output, Sandbox};
use crate::support::model::Role;
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, INSTANCE, World};

/// What must never come out: a session token in use, a part of it, and what only the messages below hold.
const TOKEN: &str = "IQoJb3JpZ2luX2VjEAAaCXVzLWVhc3QtMSJHMEUCIQDtokenInUse/abc+defghijklmnopqrstuvwxyz0123456789==";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYinUseSecret";
const OTHERS: [&str; 5] = ["0th3rT0ken", "5ign4ture", "P4ssw0rd", "B3arer", "tokenInUse"];

/// What AWS answers to a request whose signature is wrong: the request, with its headers.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
fn signature_does_not_match() -> String {
    format!(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and \
         signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have \
         been\n'POST\n/\n\ncontent-type:application/x-www-form-urlencoded\nhost:iam.amazonaws.com\nx-amz-date:20261128T161000Z\n\
         x-amz-security-token:{TOKEN}\n\ncontent-type;host;x-amz-date;x-amz-security-token\n5ign4ture'\n\nThe String-to-Sign \
         should have been\n'AWS4-HMAC-SHA256\n20261128T161000Z\n20261128/us-east-1/iam/aws4_request\n5ign4ture'"
    )
}

/// Ways in which a message may quote a request.
fn messages() -> Vec<String> {
    let encoded = TOKEN.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D");
    vec![
        signature_does_not_match(),
        "'x' not a valid key=value pair in Authorization header: 'AWS4-HMAC-SHA256 Credential=A/x, Signature=5ign4ture'".to_owned(),
        format!("GET /?Action=x&X-Amz-Security-Token={encoded}&X-Amz-Signature=5ign4ture failed"),
        format!("half of it: {}", &TOKEN[20..70]),
        "{\"headers\": {\"authorization\": \"Bearer B3arer\", \"x-amz-security-token\": \"0th3rT0ken\"}}".to_owned(),
        "cannot forward to https://me:P4ssw0rd@proxy.example:3128".to_owned(),
    ]
}

fn sandbox(stub: &Stub) -> Sandbox {
    Sandbox::at(stub)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_SESSION_TOKEN", TOKEN)
        .env("AWS_MAX_ATTEMPTS", "1")
}

fn holds_none(text: &str) {
    for secret in OTHERS.into_iter().chain([SECRET_KEY, TOKEN, &TOKEN[30..60]]) {
        assert!(!text.contains(secret), "`{secret}` is in {text}");
    }
}

fn shows_none(output: &Output) {
    holds_none(&output.stdout);
    holds_none(&output.stderr);
}

/// Every file below the home directory.
fn files(sandbox: &Sandbox) -> Vec<String> {
    let (mut open, mut texts) = (vec![sandbox.path().to_owned()], Vec::new());
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                texts.push(String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
            }
        }
    }
    texts
}

/// A role that has no permission at all.
fn unfit() -> World {
    with_role(Role::new("web").inline("own", policy("Allow", "s3:*")))
}

#[test]
fn a_request_that_aws_quotes_is_shown_in_no_form() {
    for message in messages() {
        for action in ["DescribeInstances", "GetRole", "GetServiceSetting"] {
            let answer = Answer::Error { status: 403, code: "SignatureDoesNotMatch".into(), message: message.clone() };
            let stub = unfit().fail(action, answer).serve();
            for form in ["text", "json", "ndjson", "junit", "sarif", "markdown"] {
                let output = sandbox(&stub).run(&["check", "-v", "-o", form, INSTANCE]);
                shows_none(&output);
                assert!(action != "DescribeInstances" || output.stdout.contains("SignatureDoesNotMatch"), "{output:?}");
            }
            let saved = sandbox(&stub).run(&["snapshot", INSTANCE]);
            shows_none(&saved);
            // Nothing of the instance could be read, and there is no snapshot of that.
            assert!(action != "DescribeInstances" || saved.stderr.contains("SignatureDoesNotMatch"), "{saved:?}");
        }
    }
}

#[test]
fn a_write_that_fails_shows_none_and_keeps_none() {
    for message in messages() {
        for form in ["text", "json"] {
            let answer = Answer::Error { status: 403, code: "SignatureDoesNotMatch".into(), message: message.clone() };
            let stub = unfit().fail("PutRolePolicy", answer).serve();
            let sandbox = sandbox(&stub);
            let output = sandbox.run(&["fix", "--yes", "--backup", "undo.json", "-o", form, INSTANCE]);
            assert!(output.stdout.contains("SignatureDoesNotMatch"), "{output:?}");
            shows_none(&output);
            files(&sandbox).iter().for_each(|text| holds_none(text));
        }
    }
}

/// As older versions wrote them.
#[test]
fn a_snapshot_with_a_secret_in_a_reason_is_read_without_it() {
    let stub = unfit().fail("GetRole", Answer::error("ValidationError", "MARKER of the reason")).serve();
    let sandbox = sandbox(&stub);
    let saved = sandbox.run(&["snapshot", INSTANCE]).stdout;
    assert!(saved.contains("MARKER of the reason"), "{saved}");
    sandbox.file("old.json", saved.replace("MARKER", "x-amz-security-token:0th3rT0ken"));
    let output = sandbox.run(&["check", "-v", "--snapshot", "old.json"]);
    assert!(output.stdout.contains("of the reason"), "{output:?}");
    shows_none(&output);
}

#[cfg(unix)]
#[test]
fn what_a_credential_process_says_is_shown_without_its_secrets() {
    use std::os::unix::fs::PermissionsExt as _;
    for said in [
        "echo 'x-amz-security-token: 0th3rT0ken refused' >&2; exit 1",
        "echo 'Authorization: Bearer B3arer' >&2; exit 1",
        // It has no form that tells.
        "echo 'cannot unlock the vault with P4ssw0rd' >&2; exit 1",
        "echo '{\"Version\": 2, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"P4ssw0rd\", \"SessionToken\": \"0th3rT0ken\"}'",
    ] {
        let sandbox = Sandbox::new().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
        let script = sandbox.file("credentials.sh", format!("#!/bin/sh\n{said}\n"));
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        sandbox.file(".aws/config", format!("[default]\ncredential_process = {}\n", script.display()));
        let output = sandbox.run(&["check", "-v", INSTANCE]).expect(3);
        assert!(output.stderr.contains("could not be loaded") && output.stdout.is_empty(), "{output:?}");
        shows_none(&output);
    }
}

/// A profile, and one that assumes a role with its credentials.
#[cfg(unix)]
#[test]
fn a_credential_process_that_never_stops_is_not_read_on() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::new().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let script = sandbox.file("credentials.sh", "#!/bin/sh\nexec cat /dev/zero\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let role = "role_arn = arn:aws:iam::111122223333:role/admin";
    let config = format!(
        "[profile a]\ncredential_process = {}\n[profile b]\n{role}\nsource_profile = a\n\
         [profile c]\n{role}\nsource_profile = c\ncredential_process = {0}\n\
         [profile d]\n{role}\nsource_profile = b\nmfa_serial = arn:aws:iam::111122223333:mfa/me\n",
        script.display()
    );
    sandbox.file(".aws/config", config);
    for profile in ["a", "b", "c", "d"] {
        let output = sandbox.run(&["check", INSTANCE, "--profile", profile]).expect(3);
        assert!(output.stderr.contains("the credential process prints more than 4 MiB"), "{output:?}");
        assert!(output.memory < 1 << 30, "{}", output.memory);
    }
}

/// What a process prints is used, also to assume roles, and shown nowhere.
#[cfg(unix)]
#[test]
fn a_credential_process_gives_credentials() {
    use std::os::unix::fs::PermissionsExt as _;
    let role = |name: &str, source: &str| {
        format!("[profile {name}]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/{name}\nsource_profile = {source}\n")
    };
    for (profile, roles) in [("own", &[][..]), ("first", &["first"]), ("second", &["first", "second"])] {
        let stub = Stub::accounts([World::ready()]);
        let sandbox = Sandbox::at(&stub).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
        let printed = serde_json::json!({
            "Version": 1, "AccessKeyId": ACCOUNT, "SecretAccessKey": SECRET_KEY, "SessionToken": TOKEN,
        });
        let script = sandbox.file("credentials.sh", format!("#!/bin/sh\necho '{printed}'\n"));
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let own = format!("[profile own]\ncredential_process = {}\n", script.display());
        sandbox.file(".aws/config", own + &role("first", "own") + &role("second", "first"));
        let output = sandbox.run(&["check", INSTANCE, "--profile", profile, "--debug"]).expect(0);
        shows_none(&output);
        let assumed: Vec<String> =
            stub.calls_of("AssumeRole").iter().map(|call| call.parameter("RoleArn").into()).collect();
        let expected: Vec<String> = roles.iter().map(|role| format!("arn:aws:iam::{ACCOUNT}:role/{role}")).collect();
        assert_eq!(assumed, expected, "{profile}");
        let first = &stub.calls()[0];
        assert_eq!(first.session_token.as_deref(), Some(TOKEN), "{profile}: {first:?}");
        let last = stub.calls_of("GetRole").remove(0);
        assert_eq!(last.session_token.as_deref() == Some(TOKEN), roles.is_empty(), "{profile}: {last:?}");
    }
}

#[test]
fn a_password_that_was_typed_is_not_repeated() {
    let stub = unfit().serve();
    let with_password = stub.url().replace("http://", "http://me:P4ssw0rd@");
    for (url, args) in [
        ("", vec!["check", INSTANCE, "--endpoint-url", "http://me:P4ssw0rd@127.0.0.1:9"]),
        ("", vec!["check", INSTANCE, "--endpoint-url", "ftp://me:P4ssw0rd@127.0.0.1:9"]),
        ("", vec!["check", INSTANCE, "--endpoint-uri", "http://me:P4ssw0rd@127.0.0.1:9"]),
        ("", vec!["check", INSTANCE, "--endpoint-uri=http://me:P4ssw0rd@127.0.0.1:9"]),
        ("", vec!["check", "http://me:P4ssw0rd@127.0.0.1:9"]),
        ("", vec!["http://me:P4ssw0rd@127.0.0.1:9"]),
        ("http://me:P4ssw0rd@127.0.0.1:9", vec!["check", INSTANCE]),
        ("", vec!["check", "--all", "-v", "--endpoint-url", &with_password]),
        ("", vec!["fix", "--dry-run", INSTANCE, "--endpoint-url", &with_password]),
    ] {
        let sandbox = sandbox(&stub);
        let sandbox = if url.is_empty() { sandbox } else { sandbox.env("AWS_ENDPOINT_URL", url) };
        let output = sandbox.run(&args);
        assert_ne!(output.code, 0, "{args:?}");
        shows_none(&output);
    }
}

/// Whoever makes a person paste a command line must not write to the terminal through the error.
#[test]
fn a_usage_error_shows_what_a_terminal_would_obey() {
    for args in [
        &["check", "--no-such-\u{1b}[2Jflag"][..],
        &["check", INSTANCE, "--output", "te\u{1b}]0;title\u{7}xt"],
        &["che\u{202e}ck"],
        &["check", INSTANCE, "--color=\u{9b}31m\u{2066}"],
        &["check", INSTANCE, "--fail-on", "a\nerror: forged"],
    ] {
        let output = Sandbox::new().run(args).expect(2);
        let obeyed =
            |character: char| character.is_control() && character != '\n' || "\u{202e}\u{2066}".contains(character);
        assert!(!output.stderr.contains(obeyed), "{:?}", output.stderr);
        assert!(!output.stderr.lines().any(|line| line.starts_with("error: forged")), "{:?}", output.stderr);
        assert!(output.stderr.contains("\\u{") || output.stderr.contains("\\n"), "{:?}", output.stderr);
    }
}
