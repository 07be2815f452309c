//! The way to AWS: proxies, certificates, and endpoints that others can listen to.

use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::command::{Output, Sandbox};
use crate::support::http::read_request;
use crate::support::world::{INSTANCE, World};

/// An authority of these tests alone, whose key nobody has.
const AUTHORITY: &str = include_str!("certificates/authority.pem");
const CERTIFICATE: &str = include_str!("certificates/localhost.pem");
const KEY: &str = include_str!("certificates/localhost.key");

/// No way to AWS but the one that a test gives.
fn bare() -> Sandbox {
    Sandbox::new().without("AWS_ENDPOINT_URL").env("AWS_MAX_ATTEMPTS", "1")
}

fn check(sandbox: &Sandbox) -> Output {
    sandbox.run(&["check", "-v", INSTANCE])
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let output = check(&bare().env(variable, "http://me:P4ssw0rd@127.0.0.1:9")).expect(3);
        assert!(output.stderr.contains("through the proxy `http://127.0.0.1:9`"), "{output:?}");
        assert!(!output.stdout.contains("P4ssw0rd") && !output.stderr.contains("P4ssw0rd"), "{output:?}");
    }
    // Where it is not to be used it has no part in what fails.
    let output = check(&bare().env("HTTPS_PROXY", "http://127.0.0.1:9").env("AWS_ENDPOINT_URL", "http://127.0.0.1:9"));
    assert!(!output.expect(3).stderr.contains("proxy"));
    let excepted = bare().env("HTTP_PROXY", "http://127.0.0.1:9").env("NO_PROXY", "127.0.0.1");
    let output = check(&excepted.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9"));
    assert!(!output.expect(3).stderr.contains("proxy"));
}

#[test]
fn a_proxy_that_cannot_be_one_is_never_passed_by() {
    let stub = World::ready().serve();
    for variable in ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"] {
        for value in ["socks5://127.0.0.1:9", "http://", "http://me:P4ssw0rd@proxy:port", "http://pro xy"] {
            for command in [&["check", INSTANCE][..], &["fix", INSTANCE, "--yes"], &["snapshot", INSTANCE]] {
                let output = Sandbox::at(&stub).env(variable, value).run(command).expect(2);
                assert!(output.stderr.contains(variable) && !output.stderr.contains("P4ssw0rd"), "{output:?}");
            }
        }
    }
    assert!(stub.calls().is_empty());
    Sandbox::at(&stub).env("HTTPS_PROXY", "").run(&["check", INSTANCE]).expect(0);
}

/// Serves with the certificate for `localhost`; notes whether a request came through.
fn secure_server() -> (u16, Arc<AtomicBool>) {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (config, asked) = (Arc::new(config), Arc::new(AtomicBool::new(false)));
    let note = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream.unwrap());
            if read_request(&mut BufReader::new(&mut stream)).is_ok_and(|request| request.is_some()) {
                note.store(true, Ordering::Release);
                let body = "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>";
                let head = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/xml";
                let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (port, asked)
}

#[test]
fn certificates_are_those_that_the_aws_cli_takes() {
    let other = AUTHORITY.replace(AUTHORITY.lines().nth(3).unwrap(), "");
    for (in_environment, in_profile, trusted) in [
        (None, None, false),
        (Some(AUTHORITY), None, true),
        (None, Some(AUTHORITY), true),
        // Text around certificates, and other things beside them, as bundles have.
        (Some(&*format!("# of our own\n{AUTHORITY}\n{KEY}\n{CERTIFICATE}")), None, true),
        // The environment wins.
        (Some(AUTHORITY), Some("no certificate"), true),
    ] {
        let (port, asked) = secure_server();
        let sandbox = bare().env("AWS_ENDPOINT_URL_EC2", &format!("https://localhost:{port}"));
        let sandbox = sandbox.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        let sandbox = match in_environment {
            Some(text) => {
                let file = sandbox.file("environment.pem", text);
                sandbox.env("AWS_CA_BUNDLE", &file.display().to_string())
            }
            None => sandbox,
        };
        if let Some(text) = in_profile {
            let file = sandbox.file("profile.pem", text);
            sandbox.file(".aws/config", format!("[default]\nca_bundle = {}\n", file.display()));
        }
        let output = check(&sandbox).expect(3);
        assert_eq!(asked.load(Ordering::Acquire), trusted, "{in_environment:?} {in_profile:?}: {output:?}");
        assert_eq!(output.stdout.contains("UnauthorizedOperation"), trusted, "{output:?}");
        assert!(trusted || output.stderr.contains("certificate"), "{output:?}");
    }
    let stub = World::ready().serve();
    for (name, text) in [
        ("missing.pem", None),
        ("empty.pem", Some("")),
        ("text.pem", Some("no certificate")),
        ("key.pem", Some(KEY)),
        ("broken.pem", Some(&*other)),
        ("cut.pem", Some(&AUTHORITY[..AUTHORITY.len() / 2])),
    ] {
        let sandbox = Sandbox::at(&stub).env("AWS_CA_BUNDLE", name);
        if let Some(text) = text {
            sandbox.file(name, text);
        }
        let output = sandbox.run(&["check", INSTANCE]).expect(2);
        assert!(output.stderr.contains(name) && output.stderr.contains("AWS_CA_BUNDLE"), "{output:?}");
        assert!(!output.stderr.contains("panicked"), "{output:?}");
    }
    assert!(stub.calls().is_empty());
}

#[test]
fn plain_http_to_another_host_is_warned_of() {
    let warned = |output: &Output| output.stderr.contains("plain HTTP to another host");
    // A name that does not resolve: nothing leaves this machine.
    let host = "http://me:P4ssw0rd@no-such-host.invalid";
    for command in
        [&["check", INSTANCE][..], &["fix", INSTANCE, "--dry-run"], &["snapshot", INSTANCE], &["check", "--all"]]
    {
        for sandbox in [
            bare().env("AWS_ENDPOINT_URL", host),
            bare().env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_ENDPOINT_URL_IAM", host),
        ] {
            let output = sandbox.run(command);
            assert!(warned(&output), "{output:?}");
            assert!(!output.stderr.contains("P4ssw0rd"), "{output:?}");
            // What was typed wins over the environment.
            assert!(!warned(&sandbox.run(&[command, &["--endpoint-url", "http://127.0.0.1:9"]].concat())));
        }
        assert!(warned(&bare().run(&[command, &["--endpoint-url", host]].concat())));
        assert!(!warned(&bare().env("AWS_ENDPOINT_URL", "http://localhost:9").run(command)));
    }
}

/// A profile that does not exist is the same mistake however it was named; credentials in the environment come before it.
#[test]
fn a_profile_that_does_not_exist_is_the_same_mistake_from_every_side() {
    let bare = || Sandbox::new().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let check = ["check", "i-0123456789abcdef0", "--region", "us-east-1"];
    let typed = bare().run(&[&check[..], &["--profile", "zz"]].concat()).expect(2).stderr;
    assert!(typed.contains("`zz` is in none of the shared config files"), "{typed}");
    for variable in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"] {
        assert_eq!(bare().env(variable, "zz").run(&check).expect(2).stderr, typed, "{variable}");
    }
    let both = bare().env("AWS_PROFILE", "zz").env("AWS_DEFAULT_PROFILE", "yy").run(&check).expect(2).stderr;
    assert_eq!(both, typed);
}
