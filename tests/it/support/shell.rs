//! Scripts that are run by `sh` with the real AWS CLI.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::{env, fs};

use super::emulator::Account;
use super::install::AWS_CLI;

/// Runs a script against an account of an emulator.
pub fn run(account: &Account, script: &str) -> Output {
    let python = AWS_CLI.python().unwrap_or_else(|reason| panic!("{reason}"));
    let folder = tempfile::tempdir().unwrap();
    let aws = format!("#!/bin/sh\nexec '{}' -m awscli \"$@\"\n", python.display());
    fs::write(folder.path().join("aws"), aws).unwrap();
    fs::set_permissions(folder.path().join("aws"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("script"), script).unwrap();
    let path = format!("{}:{}", folder.path().display(), env::var("PATH").unwrap());
    Command::new("sh")
        .arg("script")
        .current_dir(&folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder.path())
        .env("AWS_ENDPOINT_URL", &account.endpoint)
        .env("AWS_ACCESS_KEY_ID", &account.id)
        .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap()
}
