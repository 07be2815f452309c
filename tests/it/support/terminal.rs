//! Runs the real binary on a terminal, as a person does.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::command::{Output, PATIENCE, Sandbox};

/// Opens the terminal: the standard library of Rust has no such thing.
const TERMINAL: &str = include_str!("terminal.py");

impl Sandbox {
    /// Runs the binary on a terminal of 80 columns. The dialogue says what is typed as soon as a text is to be seen, in this
    /// order: `[("continue?", "y\r")]`; `"\x03"` is Ctrl-C. A text that never comes fails the test. What was on the screen is
    /// `stdout` of the result, with its control sequences, with what was typed where the terminal echoes it, and with plain
    /// line ends.
    pub fn run_on_terminal(&self, arguments: &[&str], dialogue: &[(&str, &str)]) -> Output {
        let (code, screen, _) = self.on_terminal(arguments, dialogue, false);
        Output { code, stdout: screen, stderr: String::new(), memory: 0 }
    }

    /// The same with standard output going elsewhere, as by `> file`: that is `stdout` of the result, and the screen is
    /// `stderr`.
    pub fn run_on_terminal_with_output_elsewhere(&self, arguments: &[&str], dialogue: &[(&str, &str)]) -> Output {
        let (code, screen, stdout) = self.on_terminal(arguments, dialogue, true);
        Output { code, stdout, stderr: screen, memory: 0 }
    }

    fn on_terminal(&self, arguments: &[&str], dialogue: &[(&str, &str)], piped: bool) -> (i32, String, String) {
        let mut environment = self.variables().clone();
        environment.entry("TERM".into()).or_insert_with(|| "xterm-256color".into());
        let order = json!({
            "program": env!("CARGO_BIN_EXE_ssm-profile"), "arguments": arguments, "environment": environment,
            "directory": self.path(), "dialogue": dialogue, "piped": piped, "columns": 80, "patience": PATIENCE.as_secs(),
        });
        let mut python = Command::new("python3");
        let python = python.args(["-c", TERMINAL]).arg(order.to_string()).stdin(Stdio::null());
        let output = python.output().expect("`python3` starts");
        let said = String::from_utf8_lossy(&output.stderr);
        let told: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("the terminal failed:\n{said}"));
        let screen = told["screen"].as_str().unwrap_or_default().replace("\r\n", "\n");
        assert_eq!(told["hangs"], json!(false), "the binary did not end; the screen:\n{screen}");
        assert_eq!(told["unanswered"], json!([]), "these were never to be seen on the screen:\n{screen}");
        let code = told["code"].as_i64().and_then(|code| i32::try_from(code).ok()).expect("there is an exit code");
        assert!(code >= 0, "the binary ended by signal {}; the screen:\n{screen}", -code);
        (code, screen, String::from_utf8(output.stdout).expect("the binary writes UTF-8"))
    }
}
