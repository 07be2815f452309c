//! Installs the emulator into a virtual environment below cargo's target directory, once for all test processes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of ministack, which also names the directory.
const VERSION: &str = "1.5.33";
/// Exact versions and hashes of it and of all that it needs.
const REQUIREMENTS: &str = include_str!("requirements.txt");
/// How the names of environments in the making begin.
const PARTIAL: &str = "partial-";
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

/// The Python of a complete virtual environment; makes it where it is missing.
pub fn python() -> Result<PathBuf, String> {
    let tools = tools();
    fs::create_dir_all(&tools).map_err(|error| format!("cannot create `{}`: {error}", tools.display()))?;
    // The kernel releases the lock however its holder ends, so a killed test run leaves nothing to clean up.
    let lock = File::create(tools.join(format!("ministack-{VERSION}.lock")))
        .map_err(|error| format!("cannot create the lock file: {error}"))?;
    lock.lock().map_err(|error| format!("cannot lock the installation of the emulator: {error}"))?;

    let venv = tools.join(format!("ministack-{VERSION}"));
    let python = venv.join("bin").join("python");
    // What is in place is complete; it is made anew when the pins change or the Python below it is gone.
    let current = fs::read_to_string(venv.join("requirements.txt")).is_ok_and(|pins| pins == REQUIREMENTS);
    if current && works(&python) {
        return Ok(python);
    }
    check_version()?;
    // Made elsewhere and moved into place whole: pip may go on writing after a test run was killed.
    sweep(&tools);
    let partial = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(&tools);
    let partial = partial.map_err(|error| format!("cannot create a directory in `{}`: {error}", tools.display()))?;
    install(partial.path())?;
    if venv.exists() {
        fs::remove_dir_all(&venv)
            .map_err(|error| format!("cannot remove the outdated `{}`: {error}", venv.display()))?;
    }
    fs::rename(partial.path(), &venv).map_err(|error| format!("cannot create `{}`: {error}", venv.display()))?;
    Ok(python)
}

/// Makes the whole environment in this directory.
fn install(venv: &Path) -> Result<(), String> {
    run(Command::new("python3").args(["-m", "venv"]).arg(venv), NEEDS_PYTHON)?;
    let requirements = venv.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)
        .map_err(|error| format!("cannot write `{}`: {error}", requirements.display()))?;
    run(
        // Only wheels: building from source would run code that no hash here covers.
        Command::new(venv.join("bin").join("python"))
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"])
            .args(["--only-binary", ":all:", "--require-hashes", "--requirement"])
            .arg(&requirements),
        "the first run of these tests installs the emulator with pip and needs a package index for that",
    )
}

/// Removes what killed runs left, as far as that goes: something may still be writing there.
fn sweep(tools: &Path) {
    for entry in fs::read_dir(tools).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether this Python still starts: the one below it may have been upgraded or removed.
fn works(python: &Path) -> bool {
    Command::new(python).args(["-c", "import ministack"]).output().is_ok_and(|output| output.status.success())
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
