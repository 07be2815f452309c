//! The emulated AWS: one for a test process, with an account of its own for each test.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::http::{self, Request};
use super::install;

/// Serves ministack and ends with this process.
const SERVER: &str = include_str!("emulator.py");
/// Only against hanging for ever; a start takes about two seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// An account of the emulator that no other test uses.
#[derive(Debug, Clone)]
pub struct Account {
    /// Twelve digits, which are the access key id as well.
    pub id: String,
    /// The address of the emulator, for `AWS_ENDPOINT_URL`.
    pub endpoint: String,
}

/// Gives a fresh, empty account; the first call starts the emulator.
pub fn account() -> Account {
    static NEXT: AtomicU64 = AtomicU64::new(100_000_000_001);
    static EMULATOR: OnceLock<Result<Emulator, String>> = OnceLock::new();
    // The failure is kept, so that every test says the same and none waits for a second attempt.
    match EMULATOR.get_or_init(start) {
        Ok(emulator) => {
            Account { id: NEXT.fetch_add(1, Ordering::Relaxed).to_string(), endpoint: emulator.endpoint.clone() }
        }
        Err(reason) => panic!("{reason}"),
    }
}

struct Emulator {
    endpoint: String,
    /// Never written to: that it closes with this process tells the emulator to end.
    _lifeline: ChildStdin,
    _process: Child,
}

fn start() -> Result<Emulator, String> {
    let python = install::python()?;
    let run = install::tools().join("run").join(std::process::id().to_string());
    fs::create_dir_all(&run).map_err(|error| format!("cannot create `{}`: {error}", run.display()))?;
    let log = run.join("log");
    let log_file = File::create(&log).map_err(|error| format!("cannot create `{}`: {error}", log.display()))?;
    let mut process = Command::new(python)
        .args(["-c", SERVER])
        .arg(&run)
        .arg(install::tools().join("ministack-last.log"))
        .env_clear()
        .env("HOME", &run)
        .env("TMPDIR", &run)
        .env("STATE_DIR", run.join("state"))
        .env("S3_DATA_DIR", run.join("s3"))
        .env("PERSIST_STATE", "0")
        .env("S3_PERSIST", "0")
        .env("LOG_LEVEL", "WARNING")
        .env("SERVICES", "iam,sts,ec2,ssm,kms,organizations")
        // No listeners beside the one port, and no look for a container engine.
        .env("SFTP_ENABLED", "0")
        .env("IOT_MTLS_ENABLED", "0")
        .env("DOCKER_HOST", format!("unix://{}", run.join("no-docker.sock").display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log_file)
        .spawn()
        .map_err(|error| format!("cannot start the emulator: {error}"))?;
    let lifeline = process.stdin.take().expect("stdin is piped");
    let mut output = BufReader::new(process.stdout.take().expect("stdout is piped"));

    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = output.read_line(&mut line);
        let _ = sender.send(line);
    });
    let failed = |what: &str| {
        let said = fs::read_to_string(&log).unwrap_or_default();
        format!("the emulator {what}; it logged:\n{}", said.trim())
    };
    let line = receiver.recv_timeout(PATIENCE).map_err(|_| failed("does not start"))?;
    let port: u16 = line.trim().parse().map_err(|_| failed("ended before it listened"))?;
    let address = format!("127.0.0.1:{port}");
    // The port is open before the emulator is ready: the first answer waits until it is.
    http::send(&address, &Request::get("/_ministack/health"))
        .map_err(|error| failed(&format!("does not answer ({error})")))?;
    Ok(Emulator { endpoint: format!("http://{address}"), _lifeline: lifeline, _process: process })
}
