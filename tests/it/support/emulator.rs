//! The emulated AWS: one for a test process, with an account of its own for each test.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::install::MINISTACK;
use super::served::{Program, Served};

const PROGRAM: Program = Program {
    package: MINISTACK,
    script: concat!(include_str!("lifeline.py"), include_str!("ministack.py")),
    environment: |run| {
        let of_run = |name: &str| run.join(name).display().to_string();
        vec![
            ("STATE_DIR", of_run("state")),
            ("S3_DATA_DIR", of_run("s3")),
            ("PERSIST_STATE", "0".into()),
            ("S3_PERSIST", "0".into()),
            ("LOG_LEVEL", "WARNING".into()),
            ("SERVICES", "iam,sts,ec2,ssm,kms,organizations,cloudformation".into()),
            // No listeners beside the one port, and no look for a container engine.
            ("SFTP_ENABLED", "0".into()),
            ("IOT_MTLS_ENABLED", "0".into()),
            ("DOCKER_HOST", format!("unix://{}", of_run("no-docker.sock"))),
        ]
    },
    ready: "/_ministack/health",
};

/// An account of the emulator that no other test uses.
#[derive(Debug, Clone)]
pub struct Account {
    /// Twelve digits, which are the access key id as well.
    pub id: String,
    /// The address of the emulator, for `AWS_ENDPOINT_URL`.
    pub endpoint: String,
}

impl Account {
    /// An account of this emulator that was not given before.
    pub fn of(emulator: &Result<Served, String>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(100_000_000_001);
        match emulator {
            Ok(emulator) => {
                Self { id: NEXT.fetch_add(1, Ordering::Relaxed).to_string(), endpoint: emulator.endpoint.clone() }
            }
            Err(reason) => panic!("{reason}"),
        }
    }
}

/// Gives a fresh, empty account; the first call starts the emulator.
pub fn account() -> Account {
    // A failure is kept, so that every test says the same and none waits for a second attempt.
    static EMULATOR: OnceLock<Result<Served, String>> = OnceLock::new();
    Account::of(EMULATOR.get_or_init(|| PROGRAM.start()))
}
