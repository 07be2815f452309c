//! How this tool talks to AWS: configuration, credentials, and what an error means.

mod assume;
mod bounded;
mod credentials;
mod error;
pub(crate) mod excerpt;
mod http;
mod mfa;
pub mod pages;
mod process;
mod raw;
mod retries;
mod settings;
mod traffic;
mod unanswered;
mod whole;

pub use error::{Failure, cause, classify};
pub use mfa::{AskCode, NoCode};
pub use raw::RawAnswer;
pub use settings::{Connection, CredentialSource, NoCredentials, Settings, SettingsError, profiles};
pub use traffic::Traffic;
