//! Starts an emulator on a loopback port and lets it end with the test process.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::http::{self, Request};
use super::install::{self, Package};

/// Only against hanging for ever; a start takes some seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// How an emulator is started.
pub struct Program {
    /// What it is of.
    pub package: Package,
    /// Serves it and ends with this process.
    pub script: &'static str,
    /// Environment variables beside the home directory, given the directory that the run has for itself.
    pub environment: fn(&Path) -> Vec<(&'static str, String)>,
    /// A path that is answered once it is ready.
    pub ready: &'static str,
}

/// An emulator that runs.
pub struct Served {
    /// Its address, for `AWS_ENDPOINT_URL`.
    pub endpoint: String,
    /// Never written to: that it closes with this process tells the emulator to end.
    _lifeline: ChildStdin,
    _process: Child,
}

impl Program {
    /// Installs it where it is missing, and starts it.
    pub fn start(&self) -> Result<Served, String> {
        let name = self.package.name;
        let python = self.package.python()?;
        let run = install::tools().join("run").join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&run).map_err(|error| format!("cannot create `{}`: {error}", run.display()))?;
        let log = run.join("log");
        let log_file = File::create(&log).map_err(|error| format!("cannot create `{}`: {error}", log.display()))?;
        let mut process = Command::new(python)
            .args(["-c", self.script])
            .arg(&run)
            .arg(install::tools().join(format!("{name}-last.log")))
            .env_clear()
            .env("HOME", &run)
            .env("TMPDIR", &run)
            .envs((self.environment)(&run))
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
        http::send(&address, &Request::get(self.ready))
            .map_err(|error| failed(&format!("does not answer ({error})")))?;
        Ok(Served { endpoint: format!("http://{address}"), _lifeline: lifeline, _process: process })
    }
}
