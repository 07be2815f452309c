//! Runs the real binary, shut off from the environment, the files and the credentials of whoever runs the tests.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use wait4::Wait4 as _;

use super::emulator::Account;
use super::record::Record;
use super::report::{Outcome, Report};
use super::schema::{self, Format};
use super::stub::Stub;
use super::world::ACCOUNT;

/// Only against hanging for ever.
pub const PATIENCE: Duration = Duration::from_secs(120);

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
    /// The most memory that it had at a time, in bytes.
    pub memory: u64,
}

/// A run that has not ended yet.
pub struct Running {
    process: Child,
    /// Whether it was waited for, so that its number may be another one's by now.
    ended: bool,
    said: Arc<Said>,
}

/// What a run has written so far.
#[derive(Default)]
struct Said {
    streams: Mutex<Streams>,
    changed: Condvar,
}

#[derive(Default)]
struct Streams {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// How many of the two have come to their end.
    ended: usize,
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

    /// The environment variables that the binary runs with.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Runs the binary with nothing on standard input.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.start(arguments, b"").wait()
    }

    /// Runs the binary with this on standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
        self.start(arguments, input.as_ref()).wait()
    }

    /// Runs the binary with nobody reading what it writes to standard output; gives the exit code.
    pub fn run_unread(&self, arguments: &[&str]) -> i32 {
        let mut process = self.command(arguments).stderr(Stdio::null()).spawn().expect("the binary starts");
        drop(process.stdout.take());
        let status = process.wait().expect("the binary can be waited for");
        status.code().unwrap_or_else(|| panic!("the binary ended by a signal: {status}"))
    }

    /// Runs the binary with somebody who reads but the first byte that it writes to standard output, and then interrupts it; gives
    /// the exit code.
    pub fn interrupt_unread(&self, arguments: &[&str]) -> i32 {
        let mut process = self.command(arguments).stderr(Stdio::null()).spawn().expect("the binary starts");
        let mut stdout = process.stdout.take().expect("stdout is piped");
        stdout.read_exact(&mut [0]).expect("the binary writes something");
        interrupt(&process);
        let status = process.wait().expect("the binary can be waited for");
        status.code().unwrap_or_else(|| panic!("the binary ended by a signal: {status}"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ssm-profile"));
        command.args(arguments).env_clear().envs(&self.variables).current_dir(self.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the binary and does not wait for it.
    pub fn start(&self, arguments: &[&str], input: &[u8]) -> Running {
        let mut process = self.command(arguments).spawn().expect("the binary starts");
        let said = Arc::<Said>::default();
        let (mut stdin, input) = (process.stdin.take().expect("stdin is piped"), input.to_vec());
        // A binary that does not read its input closes it: no fault of the test.
        thread::spawn(move || stdin.write_all(&input));
        collect(process.stdout.take().expect("stdout is piped"), Arc::clone(&said), |streams| &mut streams.stdout);
        collect(process.stderr.take().expect("stderr is piped"), Arc::clone(&said), |streams| &mut streams.stderr);
        Running { process, ended: false, said }
    }
}

fn interrupt(process: &Child) {
    let status = Command::new("kill").args(["-INT", &process.id().to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "`kill` can send the signal");
}

fn collect(mut stream: impl Read + Send + 'static, said: Arc<Said>, which: fn(&mut Streams) -> &mut Vec<u8>) {
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        loop {
            let read = match stream.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.unwrap_or(0),
            };
            let mut streams = said.streams();
            which(&mut streams).extend_from_slice(&chunk[..read]);
            streams.ended += usize::from(read == 0);
            said.changed.notify_all();
            if read == 0 {
                return;
            }
        }
    });
}

impl Said {
    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for this or for the end of patience.
    fn wait_until(&self, condition: impl Fn(&Streams) -> bool) -> MutexGuard<'_, Streams> {
        let waited = self.changed.wait_timeout_while(self.streams(), PATIENCE, |streams| !condition(streams));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Streams {
    fn have(&self, text: &str) -> bool {
        [&self.stdout, &self.stderr].into_iter().any(|stream| String::from_utf8_lossy(stream).contains(text))
    }

    fn all(&self) -> String {
        format!("{}\n{}", String::from_utf8_lossy(&self.stdout), String::from_utf8_lossy(&self.stderr))
    }
}

impl Running {
    /// Interrupts it, as Ctrl-C does.
    pub fn interrupt(&self) {
        interrupt(&self.process);
    }

    /// Kills it; says whether it had ended before.
    pub fn kill(mut self) -> bool {
        let ended = self.process.try_wait().expect("the binary can be waited for").is_some();
        self.process.kill().expect("the binary can be killed");
        self.process.wait().expect("the binary can be waited for");
        self.ended = true;
        ended
    }

    /// Waits until it has written this text, on either stream.
    pub fn wait_for(&self, text: &str) {
        let streams = self.said.wait_until(|streams| streams.have(text) || streams.ended == 2);
        assert!(streams.have(text), "the binary did not write `{text}`, but\n{}", streams.all());
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Output {
        let streams = mem::take(&mut *self.said.wait_until(|streams| streams.ended == 2));
        assert!(streams.ended == 2, "the binary did not end; so far it wrote\n{}", streams.all());
        let text = |bytes| String::from_utf8(bytes).expect("the binary writes UTF-8");
        let mut output = Output { code: -1, stdout: text(streams.stdout), stderr: text(streams.stderr), memory: 0 };
        let ended = self.process.wait4().expect("the binary can be waited for");
        self.ended = true;
        output.memory = ended.rusage.maxrss;
        let status = ended.status;
        output.code = status.code().unwrap_or_else(|| panic!("the binary ended by a signal: {status}; {output:?}"));
        output
    }
}

impl Drop for Running {
    /// A test that failed before it waited leaves nothing behind.
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

impl Output {
    /// Standard output as JSON of any shape, or of the machine format that it is.
    pub fn json(&self) -> Value {
        assert!(!self.stdout.is_empty(), "there is no JSON: {self:?}");
        schema::read_any(&self.stdout)
    }

    /// Standard output as the machine report, which must keep its contract.
    pub fn report(&self) -> Report {
        assert!(!self.stdout.is_empty(), "there is no report: {self:?}");
        Report::read(&self.stdout)
    }

    /// The results after a fix.
    pub fn report_of_fix(&self) -> Vec<Outcome> {
        self.record().results
    }

    /// Standard output as the machine report of a fix or an undo.
    pub fn record(&self) -> Record {
        assert!(!self.stdout.is_empty(), "there is no report: {self:?}");
        Record::read(&self.stdout)
    }

    /// Fails the test unless the run ended with this code, and a snapshot, which tests pass on as text, is what its schema says.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code\n--- standard output\n{}\n--- standard error\n{}",
            self.stdout, self.stderr
        );
        if self.stdout.starts_with("{\n  \"snapshot_version\"") {
            schema::read(Format::Snapshot, &self.stdout);
        }
        self
    }
}
