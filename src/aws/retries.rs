//! How often a call is tried: what the environment and the shared config files say.

use aws_config::profile::ProfileSet;
use aws_config::retry::{RetryConfig, RetryMode};

use super::settings::SettingsError;
use crate::limits;

/// Calls in all until a throttled or failed one is given up; with the SDK's back-off some ten seconds.
const ATTEMPTS: u32 = 5;

/// Standard retries, unless the environment or the shared config files ask for other ones.
///
/// Adaptive ones learn a rate that AWS bears from many calls. A run of ten calls has none to learn from, and one
/// throttled answer made it wait for twenty seconds where a retry takes a fraction of one.
///
/// The SDK reads the same settings, but it ends the process over one that it does not understand.
pub(super) fn retry_config(profiles: Option<&ProfileSet>) -> Result<RetryConfig, SettingsError> {
    let in_profile = |key: &str| profiles.and_then(|set| set.get(key)).map(str::to_owned);
    let setting = |variable: &str, key: &str| match std::env::var(variable) {
        Ok(value) => Some((format!("`{variable}`"), value)),
        Err(_) => in_profile(key).map(|value| (format!("`{key}` in the shared config files"), value)),
    };
    let mut retry = RetryConfig::standard().with_max_attempts(ATTEMPTS);
    if let Some((name, value)) = setting("AWS_MAX_ATTEMPTS", "max_attempts") {
        retry = retry.with_max_attempts(attempts(&name, &value)?);
    }
    // Only the modes that the SDK has; `legacy` is one of other SDKs.
    if let Some((_, value)) = setting("AWS_RETRY_MODE", "retry_mode")
        && value.parse::<RetryMode>().is_ok_and(|mode| mode == RetryMode::Adaptive)
    {
        retry = retry.with_retry_mode(RetryMode::Adaptive);
    }
    Ok(retry)
}

fn attempts(name: &str, value: &str) -> Result<u32, SettingsError> {
    value.trim().parse().ok().filter(|attempts| limits::ATTEMPTS.contains(attempts)).ok_or_else(|| {
        let (least, most) = (limits::ATTEMPTS.start(), limits::ATTEMPTS.end());
        SettingsError::new(format!("{name} is `{value}`; a whole number from {least} to {most} is expected"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_attempts() {
        assert_eq!(attempts("x", " 5 "), Ok(5));
        for value in ["0", "", "many", "-1", "101", "99999999999"] {
            let error = attempts("`AWS_MAX_ATTEMPTS`", value).unwrap_err().to_string();
            assert!(error.contains("AWS_MAX_ATTEMPTS"), "{error}");
        }
    }
}
