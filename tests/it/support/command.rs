//! Runs the real binary, shut off from the environment, the files and the credentials of whoever runs the tests.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::emulator::Account;
use super::report::Report;
use super::stub::Stub;
use super::world::ACCOUNT;

/// Only against hanging for ever.
const PATIENCE: Duration = Duration::from_secs(120);

/// A home directory of its own and the environment variables to run with.
pub struct Sandbox {
    directory: TempDir,
    variables: BTreeMap<String, String>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A run that has not ended yet.
pub struct Running {
    process: Child,
    streams: Receiver<(bool, Vec<u8>)>,
}

impl Sandbox {
    /// Fake credentials, Region `us-east-1`, no instance metadata, two attempts a call, and no AWS to talk to.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let home = directory.path().display().to_string();
        let sandbox = Self { directory, variables: BTreeMap::new() };
        sandbox
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", &format!("{home}/.config"))
            .env("XDG_CACHE_HOME", &format!("{home}/.cache"))
            .env("XDG_DATA_HOME", &format!("{home}/.local/share"))
            .env("XDG_STATE_HOME", &format!("{home}/.local/state"))
            .env("AWS_ACCESS_KEY_ID", ACCOUNT)
            .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_MAX_ATTEMPTS", "2")
            // Nothing listens there: a call that a test did not foresee fails at once and never leaves this machine.
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    }

    /// A sandbox that calls an account of the emulator.
    pub fn on(account: &Account) -> Self {
        Self::new().env("AWS_ENDPOINT_URL", &account.endpoint).env("AWS_ACCESS_KEY_ID", &account.id)
    }

    /// A sandbox that calls a stub.
    pub fn at(stub: &Stub) -> Self {
        Self::new().env("AWS_ENDPOINT_URL", &stub.url())
    }

    /// Takes the stub for the instance metadata service, as if this ran on an instance.
    pub fn with_metadata(self, stub: &Stub) -> Self {
        self.without("AWS_EC2_METADATA_DISABLED").env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &stub.url())
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Takes an environment variable away.
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// The home directory, in which the binary also runs.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file below the home directory; gives its path.
    pub fn file(&self, name: &str, content: impl ToString) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a file lies in a directory")).expect("the directory can be made");
        fs::write(&path, content.to_string()).expect("the file can be written");
        path
    }

    /// Runs the binary with nothing on standard input.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.start(arguments, b"").wait()
    }

    /// Runs the binary with this on standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
        self.start(arguments, input.as_ref()).wait()
    }

    /// Starts the binary and does not wait for it.
    pub fn start(&self, arguments: &[&str], input: &[u8]) -> Running {
        let mut process = Command::new(env!("CARGO_BIN_EXE_ssm-profile"))
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let (sender, streams) = mpsc::channel();
        let (mut stdin, input) = (process.stdin.take().expect("stdin is piped"), input.to_vec());
        // A binary that does not read its input closes it: no fault of the test.
        thread::spawn(move || stdin.write_all(&input));
        collect(process.stdout.take().expect("stdout is piped"), true, sender.clone());
        collect(process.stderr.take().expect("stderr is piped"), false, sender);
        Running { process, streams }
    }
}

fn collect(mut stream: impl Read + Send + 'static, standard: bool, sender: mpsc::Sender<(bool, Vec<u8>)>) {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        sender.send((standard, bytes))
    });
}

impl Running {
    /// Interrupts it, as Ctrl-C does.
    pub fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "`kill` can send the signal");
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Output {
        let mut output = Output { code: -1, stdout: String::new(), stderr: String::new() };
        for _ in 0..2 {
            let received = self.streams.recv_timeout(PATIENCE);
            let (standard, bytes) = received.unwrap_or_else(|_| panic!("the binary did not end; so far {output:?}"));
            let text = String::from_utf8(bytes).expect("the binary writes UTF-8");
            *(if standard { &mut output.stdout } else { &mut output.stderr }) = text;
        }
        let status = self.process.wait().expect("the binary can be waited for");
        output.code = status.code().unwrap_or_else(|| panic!("the binary ended by a signal: {status}; {output:?}"));
        output
    }
}

impl Drop for Running {
    /// A test that failed before it waited leaves nothing behind.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Output {
    /// Standard output as JSON of any shape.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("standard output is not JSON: {error}\n{self:?}"))
    }

    /// Standard output as the machine report, which must keep its contract.
    pub fn report(&self) -> Report {
        assert!(!self.stdout.is_empty(), "there is no report: {self:?}");
        Report::read(&self.stdout)
    }

    /// Fails the test unless the run ended with this code.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code\n--- standard output\n{}\n--- standard error\n{}",
            self.stdout, self.stderr
        );
        self
    }
}
