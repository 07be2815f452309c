//! How this tool talks to AWS: configuration, credentials, and what an error means.

mod assume;
mod credentials;
mod error;
mod http;
mod raw;
mod settings;
mod traffic;
mod whole;

pub use error::{Failure, cause, classify};
pub use raw::RawInstances;
pub use settings::{Connection, Settings, SettingsError};
pub use traffic::Traffic;
