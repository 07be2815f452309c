//! Installs an emulator, or the AWS CLI, into a virtual environment below cargo's target directory, once for all test processes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program from a package index.
pub struct Package {
    /// Its name, which is that of the module as well.
    pub name: &'static str,
    /// Its version, which also names the directory.
    pub version: &'static str,
    /// Exact versions and hashes of it and of all that it needs.
    pub requirements: &'static str,
}

/// Fast, and knows the life of instance profiles.
pub const MINISTACK: Package =
    Package { name: "ministack", version: "1.5.33", requirements: include_str!("ministack-requirements.txt") };

/// Knows networks.
pub const MOTO: Package =
    Package { name: "moto", version: "5.2.5", requirements: include_str!("moto-requirements.txt") };

/// Runs the commands that are printed.
pub const AWS_CLI: Package =
    Package { name: "awscli", version: "1.46.3", requirements: include_str!("awscli-requirements.txt") };

/// What to say where there is no usable Python.
const NEEDS_PYTHON: &str = "the tests against an emulated AWS need `python3`, version 3.10 or later, with its `venv` module \
    (on Debian and Ubuntu: packages python3 and python3-venv)";

/// Where the tools of the tests live.
pub fn tools() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("cargo's temporary directory lies in its target directory")
        .join("test-tools")
}

impl Package {
    /// The Python of a complete virtual environment; makes it where it is missing.
    pub fn python(&self) -> Result<PathBuf, String> {
        let tools = tools();
        fs::create_dir_all(&tools).map_err(|error| format!("cannot create `{}`: {error}", tools.display()))?;
        let directory = format!("{}-{}", self.name, self.version);
        // The kernel releases the lock however its holder ends, so a killed test run leaves nothing to clean up.
        let lock = File::create(tools.join(format!("{directory}.lock")))
            .map_err(|error| format!("cannot create the lock file: {error}"))?;
        lock.lock().map_err(|error| format!("cannot lock the installation of `{directory}`: {error}"))?;

        let venv = tools.join(directory);
        let python = venv.join("bin").join("python");
        // What is in place is complete; it is made anew when the pins change or the Python below it is gone.
        let current = fs::read_to_string(venv.join("requirements.txt")).is_ok_and(|pins| pins == self.requirements);
        if current && self.works(&python) {
            return Ok(python);
        }
        check_version()?;
        // Made elsewhere and moved into place whole: pip may go on writing after a test run was killed.
        let prefix = format!("partial-{}-", self.name);
        sweep(&tools, &prefix);
        let partial = tempfile::Builder::new().prefix(&prefix).tempdir_in(&tools);
        let partial =
            partial.map_err(|error| format!("cannot create a directory in `{}`: {error}", tools.display()))?;
        self.install(partial.path())?;
        if venv.exists() {
            fs::remove_dir_all(&venv)
                .map_err(|error| format!("cannot remove the outdated `{}`: {error}", venv.display()))?;
        }
        fs::rename(partial.path(), &venv).map_err(|error| format!("cannot create `{}`: {error}", venv.display()))?;
        Ok(python)
    }

    /// Makes the whole environment in this directory.
    fn install(&self, venv: &Path) -> Result<(), String> {
        run(Command::new("python3").args(["-m", "venv"]).arg(venv), NEEDS_PYTHON)?;
        let requirements = venv.join("requirements.txt");
        fs::write(&requirements, self.requirements)
            .map_err(|error| format!("cannot write `{}`: {error}", requirements.display()))?;
        run(
            // Only wheels: building from source would run code that no hash here covers.
            Command::new(venv.join("bin").join("python"))
                .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"])
                .args(["--only-binary", ":all:", "--require-hashes", "--requirement"])
                .arg(&requirements),
            "the first run of these tests installs it with pip and needs a package index for that",
        )
    }

    /// Whether this Python still starts: the one below it may have been upgraded or removed.
    fn works(&self, python: &Path) -> bool {
        let import = format!("import {}", self.name);
        Command::new(python).args(["-c", &import]).output().is_ok_and(|output| output.status.success())
    }
}

/// Removes what killed runs left, as far as that goes: something may still be writing there.
fn sweep(tools: &Path, prefix: &str) {
    for entry in fs::read_dir(tools).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn check_version() -> Result<(), String> {
    run(
        Command::new("python3").args(["-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))"]),
        NEEDS_PYTHON,
    )
}

fn run(command: &mut Command, hint: &str) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{hint}\ncannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{hint}\n{command:?} failed:\n{}", said.trim()))
}
