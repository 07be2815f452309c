//! Runs a program as a user would, measures it, and reads what it prints while it prints it.
//!
//! Memory is what the system has counted for the ended process, which needs a call that std does not have: a few lines of Python
//! make it. Where there is no Python, the high-water mark is read every millisecond, as long as there is a `/proc`.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Starts a program, waits for it and writes down what it took. The peak is that of the program alone, but no less than that of
/// this very script: the system hands the mark on when it starts the program in its place.
const MEASURE: &str = "\
import json, os, sys, time
out, program, *rest = sys.argv[1:]
begin = time.perf_counter()
child = os.posix_spawnp(program, [program, *rest], os.environ)
_, status, used = os.wait4(child, 0)
wall = time.perf_counter() - begin
kib = used.ru_maxrss // (1024 if sys.platform == 'darwin' else 1)
with open(out, 'w') as file:
    json.dump({'wall': wall, 'cpu': used.ru_utime + used.ru_stime, 'kib': kib, 'code': os.waitstatus_to_exitcode(status)}, file)
";

/// Where runs happen and how they are measured.
pub struct Bench {
    /// The binary that is measured.
    pub binary: PathBuf,
    pub python: Option<PathBuf>,
    /// For everything that is written; gone when this is dropped.
    pub directory: PathBuf,
}

/// What to read from standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines of JSON, counted by verdict.
    Lines,
    /// Those, and kept to be looked at.
    KeptLines,
    /// Something else: only its start and its end are kept.
    Whole,
    /// As it is, in [`Bench::saved`].
    Saved,
}

/// How a run ended and what it took.
#[derive(Debug, Clone, Default)]
pub struct Run {
    pub code: i32,
    pub wall: Duration,
    pub cpu: Option<Duration>,
    pub peak_kib: Option<u64>,
    pub output: Output,
    pub error: String,
}

/// What a run printed.
#[derive(Debug, Clone, Default)]
pub struct Output {
    pub bytes: usize,
    pub lines: usize,
    pub verdicts: BTreeMap<String, usize>,
    pub kept: Vec<String>,
    pub start: String,
    pub end: String,
}

impl Bench {
    /// Takes the binary of this build, or the one that `SSM_PROFILE_BINARY` names.
    pub fn new() -> Self {
        let built = option_env!("CARGO_BIN_EXE_ssm-profile").map(OsString::from);
        let binary = env::var_os("SSM_PROFILE_BINARY").or(built).expect("SSM_PROFILE_BINARY names the binary");
        let temporary = option_env!("CARGO_TARGET_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
        let directory = temporary.join(format!("fleet-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory can be made");
        let mut python = Command::new("python3");
        python.args(["-c", "import os; os.posix_spawnp, os.waitstatus_to_exitcode"]).stderr(Stdio::null());
        let python = python.status().is_ok_and(|status| status.success());
        let binary = fs::canonicalize(binary).expect("the binary is there");
        Self { binary, python: python.then(|| "python3".into()), directory }
    }

    /// Whether the binary knows an option of `check`.
    pub fn knows(&self, option: &str) -> bool {
        let help = self.command(&self.binary, "").args(["check", "--help"]).output().expect("the binary runs");
        String::from_utf8_lossy(&help.stdout).contains(option)
    }

    /// Runs the binary with the credentials of an account.
    pub fn run(&self, account: &str, arguments: &[&str], form: Form) -> Run {
        self.run_program(&self.binary, account, arguments, form)
    }

    /// Runs another program in the same surroundings.
    pub fn run_program(&self, program: &Path, account: &str, arguments: &[&str], form: Form) -> Run {
        let error = self.directory.join("stderr");
        let measured = self.directory.join("measured.json");
        let _ = fs::remove_file(&measured);
        let mut command = match &self.python {
            Some(python) => {
                let mut command = self.command(python, account);
                // Without `site`, so that the script itself is small.
                command.args(["-I", "-S", "-c", MEASURE]).arg(&measured).arg(program);
                command
            }
            None => self.command(program, account),
        };
        let output = match form {
            Form::Saved => File::create(self.saved()).expect("a file can be made").into(),
            _ => Stdio::piped(),
        };
        command.args(arguments).stdin(Stdio::null()).stdout(output);
        command.stderr(File::create(&error).expect("a file can be made"));
        let begin = Instant::now();
        let mut child = command.spawn().expect("the program can be started");
        let watch = self.python.is_none().then(|| watch_memory(&child));
        let output = Output::read(&mut child, form);
        let status = child.wait().expect("the program was started here");
        let mut run = Run { output, wall: begin.elapsed(), code: status.code().unwrap_or(-1), ..Run::default() };
        run.peak_kib = watch.and_then(|watch| watch.join().expect("a thread ends well"));
        if let Ok(measured) = fs::read(&measured) {
            let measured: Value = serde_json::from_slice(&measured).expect("the script writes JSON");
            let seconds = |name: &str| measured[name].as_f64().map(Duration::from_secs_f64);
            run.wall = seconds("wall").unwrap_or(run.wall);
            run.cpu = seconds("cpu");
            run.peak_kib = measured["kib"].as_u64();
            run.code = measured["code"].as_i64().and_then(|code| i32::try_from(code).ok()).unwrap_or(-1);
        }
        run.error = String::from_utf8_lossy(&fs::read(&error).unwrap_or_default()).into_owned();
        run
    }

    /// Where [`Form::Saved`] goes.
    pub fn saved(&self) -> PathBuf {
        self.directory.join("saved")
    }

    /// Shut off from the settings and the credentials of whoever runs this.
    fn command(&self, program: &Path, account: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", &self.directory)
            .env("TMPDIR", &self.directory)
            .env("AWS_ACCESS_KEY_ID", account)
            .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(&self.directory);
        command
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Run {
    /// The last lines that went to standard error.
    pub fn last_words(&self) -> String {
        let lines: Vec<&str> = self.error.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

impl Output {
    fn read(child: &mut Child, form: Form) -> Self {
        let mut output = Self::default();
        let Some(stdout) = child.stdout.take() else { return output };
        let mut reader = BufReader::with_capacity(1 << 20, stdout);
        if form == Form::Whole {
            output.read_whole(&mut reader);
            return output;
        }
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).expect("a pipe can be read") > 0 {
            output.bytes += line.len();
            output.lines += 1;
            *output.verdicts.entry(verdict(&line)).or_default() += 1;
            if form == Form::KeptLines {
                output.kept.push(String::from_utf8_lossy(&line).into_owned());
            }
            line.clear();
        }
        output
    }

    fn read_whole(&mut self, reader: &mut impl Read) {
        const ENDS: usize = 4096;
        let (mut start, mut end, mut buffer) = (Vec::new(), Vec::new(), vec![0; 1 << 20]);
        loop {
            let read = reader.read(&mut buffer).expect("a pipe can be read");
            if read == 0 {
                break;
            }
            let new = &buffer[..read];
            self.bytes += read;
            self.lines += new.iter().filter(|byte| **byte == b'\n').count();
            start.extend_from_slice(&new[..read.min(ENDS.saturating_sub(start.len()))]);
            end.extend_from_slice(&new[read.saturating_sub(ENDS)..]);
            end.drain(..end.len().saturating_sub(ENDS));
        }
        self.start = String::from_utf8_lossy(&start).into_owned();
        self.end = String::from_utf8_lossy(&end).into_owned();
    }

    /// How many targets have this verdict.
    pub fn count(&self, verdict: &str) -> usize {
        self.verdicts.get(verdict).copied().unwrap_or_default()
    }
}

/// The verdict in a line of JSON. To parse the whole line would take longer than to write it.
fn verdict(line: &[u8]) -> String {
    const KEY: &[u8] = b"\"verdict\":\"";
    let found = line.windows(KEY.len()).position(|window| window == KEY);
    let rest = found.map_or(&[][..], |at| &line[at + KEY.len()..]);
    String::from_utf8_lossy(rest.split(|byte| *byte == b'"').next().unwrap_or_default()).into_owned()
}

/// Reads the high-water mark of the resident memory until the process is gone.
fn watch_memory(child: &Child) -> thread::JoinHandle<Option<u64>> {
    let status = format!("/proc/{}/status", child.id());
    thread::spawn(move || {
        let mut peak = None;
        // An ended process has no such line any more.
        while let Some(mark) = fs::read_to_string(&status).ok().and_then(|status| high_water_mark(&status)) {
            peak = Some(mark);
            thread::sleep(Duration::from_millis(1));
        }
        peak
    })
}

fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
