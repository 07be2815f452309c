//! Secrets, taken out of text that comes from outside before it becomes a fact or a message.
//!
//! What AWS, a proxy, a credential process or the SDK says may quote the request that it speaks of, and with it the session
//! token; what a person types may hold a password. Such text passes [`secrets`], which knows the credentials in use by their
//! values (see [`remember`]) and all others by the form in which they are written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex_lite::{Captures, Regex};
use serde::{Deserialize, Deserializer};

/// What stands in the place of a secret.
pub const MARK: &str = "REDACTED";

/// A shorter value may be any word, and taking it out would leave sentences with holes.
const SHORTEST: usize = 8;

/// So long a piece of a value gives it away. A value of twice that length is found by its pieces too, as in an answer that was cut.
const PIECE: usize = 16;

/// A piece begins at every so many bytes of a value.
const STRIDE: usize = 8;

/// What a request's address leaves as it is
/// ([URI encoding](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)).
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The values that are in use, of this whole process: an error of one account may quote the credentials of another.
static IN_USE: LazyLock<RwLock<InUse>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct InUse {
    /// Values too short to have pieces.
    short: Vec<String>,
    /// Every piece, with the value that it is of and where it begins there.
    pieces: HashMap<[u8; PIECE], (Arc<str>, usize)>,
}

impl InUse {
    fn add(&mut self, value: &str) {
        if value.len() < 2 * PIECE {
            if !self.short.iter().any(|known| known == value) {
                self.short.push(value.to_owned());
            }
            return;
        }
        let value: Arc<str> = Arc::from(value);
        let ends = (PIECE..=value.len()).step_by(STRIDE).chain([value.len()]);
        for start in ends.map(|end| end - PIECE) {
            if let Some(piece) = piece_at(value.as_bytes(), start) {
                self.pieces.entry(piece).or_insert_with(|| (Arc::clone(&value), start));
            }
        }
    }

    /// Where the values stand in `text`, in order; one may reach into the next.
    fn places(&self, text: &str) -> Vec<(usize, usize)> {
        let mut places: Vec<(usize, usize)> = Vec::new();
        for value in &self.short {
            places.extend(text.match_indices(value.as_str()).map(|(start, found)| (start, start + found.len())));
        }
        let (bytes, mut next) = (text.as_bytes(), 0);
        while let Some(piece) = piece_at(bytes, next).filter(|_| !self.pieces.is_empty()) {
            let Some((value, offset)) = self.pieces.get(&piece) else {
                next += 1;
                continue;
            };
            let same = |(one, other): &(&u8, &u8)| one == other;
            let (text_before, text_after) = bytes.split_at(next);
            let (value_before, value_after) = value.as_bytes().split_at(*offset);
            let back = text_before.iter().rev().zip(value_before.iter().rev()).take_while(same).count();
            let ahead = text_after.iter().zip(value_after).take_while(same).count();
            places.push((next - back, next + ahead));
            next += ahead;
        }
        places.sort_unstable();
        places
    }
}

fn piece_at(bytes: &[u8], start: usize) -> Option<[u8; PIECE]> {
    bytes.get(start..start + PIECE)?.try_into().ok()
}

/// Takes note of a value that is in use, such as a session token: from now on [`secrets`] takes it out wherever it stands.
///
/// Values of fewer than eight characters are not taken note of: no credential is that short.
pub fn remember(value: &str) {
    let value = value.trim();
    if value.len() < SHORTEST {
        return;
    }
    let encoded = utf8_percent_encode(value, &UNRESERVED).to_string();
    let mut in_use = IN_USE.write().unwrap_or_else(PoisonError::into_inner);
    in_use.add(value);
    if encoded != value {
        in_use.add(&encoded.replace('%', "%25"));
        in_use.add(&encoded);
    }
}

/// `text` without the secrets in it: each is [`MARK`].
///
/// It takes out the values in use, whole or in part, and what is written in the form of a secret: security token, signature,
/// `Authorization` header, secret access key, password, bearer token, the user of a URL, and the canonical request of
/// `SignatureDoesNotMatch`.
pub fn secrets(text: &str) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    for (index, Form { pattern, replace }) in FORMS.iter().enumerate() {
        if let Cow::Owned(changed) = pattern.replace_all(&clean, *replace) {
            clean = Cow::Owned(changed);
        }
        // Tokens that begin alike share a piece, and the rest of one that is not in use would no longer be told by its beginning.
        if index == 0 {
            let places = IN_USE.read().unwrap_or_else(PoisonError::into_inner).places(&clean);
            if !places.is_empty() {
                clean = Cow::Owned(without(&clean, &places));
            }
        }
    }
    clean
}

fn without(text: &str, places: &[(usize, usize)]) -> String {
    let (mut clean, mut end_of_last) = (String::with_capacity(text.len()), 0);
    for (start, end) in places {
        // Only whole characters are taken out.
        let (mut start, mut end) = ((*start).max(end_of_last), *end);
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        if end <= end_of_last {
            continue;
        }
        let between = text.get(end_of_last..start).unwrap_or_default();
        clean.push_str(between);
        if !between.is_empty() || end_of_last == 0 {
            clean.push_str(MARK);
        }
        end_of_last = end;
    }
    clean.push_str(text.get(end_of_last..).unwrap_or_default());
    clean
}

/// The URL or `HOST:PORT` `text` without its user and password: all before the last `@`, also where a password that was not
/// encoded looks like a port with a path. No endpoint or proxy has an `@` in its path.
pub fn url(text: &str) -> Cow<'_, str> {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let Some((_, host)) = rest.rsplit_once('@') else { return secrets(text) };
    let host = secrets(host);
    Cow::Owned(if scheme.is_empty() { format!("{MARK}@{host}") } else { format!("{scheme}://{MARK}@{host}") })
}

/// The password of a URL or of `USER:PASSWORD@HOST`, as it is written there.
pub fn password_in(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (user, _) = rest.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

/// Whether what follows the scheme of a URL begins with a user, also where the password holds a character that ends an
/// authority.
fn has_user(rest: &str) -> bool {
    let Some((before, _)) = rest.rsplit_once('@') else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    authority.contains('@')
        || !authority.starts_with('[')
            && before
                .split_once(':')
                .is_some_and(|(_, after)| !port(after.split(['/', '?', '#']).next().unwrap_or_default()))
}

/// Deserializes a text that may have been written before its secrets were taken out.
///
/// # Errors
/// If it is no text.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(secrets(&text).into_owned())
}

/// A way to write a secret.
struct Form {
    pattern: Regex,
    replace: fn(&Captures<'_>) -> String,
}

/// Between a name and its value: `: `, `=`, `":"`, `\": \"`, `=>`, `%3D`, `>` of XML, `", "` of a list.
const SEPARATOR: &str = r#"(?:\\?["']\s*,|(?:\\?["']|&quot;|%22)?\s*(?:=>|[:=>]|%3[adAD]))\s*(?:Some\()?"#;

/// A quoted value, or one that ends where a query parameter, an element or a word does.
const VALUE: &str = r#"(?:"(?:\\.|[^"\\])*"?|'[^']*'?|(?:\\?["']|&quot;|%22)?[^\s"'<>&]*[^\s"'<>&,;.)\]}])"#;

/// The names of the values that nobody else may see, in headers, queries, JSON, XML and configuration files.
const NAMES: &str = "x-amz-security-token|x-amz-signature|x-amz-sso[-_]bearer[-_]token|x-aws-ec2-metadata-token|x-api-key\
     |secret[-_]?(?:access[-_]?)?key|session[-_]?token|security[-_]?token|access[-_]?token|refresh[-_]?token|id[-_]?token\
     |auth[-_]?token|authorization[-_]?token|bearer[-_]?token|client[-_]?secret|api[-_]?key|signature|credential|password\
     |passwd|passphrase|set-cookie|cookie";

/// The forms, in the order in which they are looked for.
static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let forms = patterns().into_iter().filter_map(|(pattern, replace)| {
        let pattern = Regex::new(&pattern).ok()?;
        Some(Form { pattern, replace })
    });
    forms.collect()
});

type Replace = fn(&Captures<'_>) -> String;

fn patterns() -> Vec<(String, Replace)> {
    let named: Replace = |found| format!("{}{MARK}", group(found, 1));
    vec![
        // Session tokens of AWS, which are Base64 of a text that begins in one of these ways, and JSON Web Tokens.
        (
            r"\b(?:(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz|AQoDYXdz|AQoEXAMPLE)[A-Za-z0-9_~+/=%-]*|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9._-]+)"
                .to_owned(),
            |_| MARK.to_owned(),
        ),
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
        (
            r"(?is)(?:\bthe\s+)?(?:\bcanonical\s+(?:string|request)|\bstring[-\s]to[-\s]sign)\b.{0,80}?\bshould\s+have\s+been\b.*"
                .to_owned(),
            |_| String::new(),
        ),
        (format!(r"(?i)((?:proxy-)?authorization{SEPARATOR})[^\r\n]*"), named),
        (r"(?i)AWS4-(?:HMAC-SHA256|ECDSA-P256-SHA256)[^\r\n]*".to_owned(), |_| MARK.to_owned()),
        (format!("(?i)((?:{NAMES}){SEPARATOR}){VALUE}"), named),
        // What a credential process writes to standard error has any form, and the SDK repeats it whole.
        (r"(?is)(external process exited with code [^.]{0,80})\. Stderr: .*".to_owned(), |found| {
            format!("{}; its standard error is not shown", group(found, 1))
        }),
        (r"(?i)\b((?:bearer|basic|negotiate|ntlm)\s+)([A-Za-z0-9._~+/=-]{8,})".to_owned(), |found| {
            let (scheme, token) = (group(found, 1), group(found, 2));
            // `Basic authentication failed` is a sentence.
            let word = token.len() < 20 && token.bytes().skip(1).all(|byte| byte.is_ascii_lowercase() || byte == b'.');
            if word { format!("{scheme}{token}") } else { format!("{scheme}{MARK}") }
        }),
        (r#"(?i)\b([a-z][a-z0-9+.-]*://[^\s"'<>`]+)"#.to_owned(), |found| {
            let (scheme, rest) = group(found, 1).split_once("://").unwrap_or_default();
            match rest.rsplit_once('@') {
                Some((_, host)) if has_user(rest) => format!("{scheme}://{MARK}@{host}"),
                _ => format!("{scheme}://{rest}"),
            }
        }),
    ]
}

fn group<'a>(found: &Captures<'a>, index: usize) -> &'a str {
    found.get(index).map_or("", |found| found.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOKEN: &str = "IQoJb3JpZ2luX2VjEAAaCXVzLWVhc3QtMSJHMEUCIQDx+Ab/cd==";

    #[test]
    fn every_pattern_is_one() {
        assert_eq!(FORMS.len(), patterns().len());
        for (pattern, _) in patterns() {
            assert!(Regex::new(&pattern).is_ok(), "{pattern}");
        }
    }

    /// The value is none that was taken note of: its form alone gives it away.
    #[test]
    fn each_form_is_known() {
        for (text, clean) in [
            ("x-amz-security-token:S3CR3T/+=", "x-amz-security-token:REDACTED"),
            ("X-Amz-Security-Token: S3CR3T host", "X-Amz-Security-Token: REDACTED host"),
            ("?a=1&X-Amz-Security-Token=S3CR3T%2B&b=2", "?a=1&X-Amz-Security-Token=REDACTED&b=2"),
            ("x-amz-security-token%3DS3CR3T%26", "x-amz-security-token%3DREDACTED"),
            (r#"{"x-amz-security-token": "S3CR3T \" x", "a": 1}"#, r#"{"x-amz-security-token": REDACTED, "a": 1}"#),
            (r#"{\"SessionToken\":\"S3CR3T\/x\"}"#, r#"{\"SessionToken\":REDACTED"}"#),
            ("[\"x-amz-security-token\", \"S3CR3T\"]", "[\"x-amz-security-token\", REDACTED]"),
            ("<SessionToken>S3CR3T</SessionToken>", "<SessionToken>REDACTED</SessionToken>"),
            ("session_token: Some(\"S3CR3T\")", "session_token: Some(REDACTED)"),
            ("aws_secret_access_key = S3CR3T", "aws_secret_access_key = REDACTED"),
            ("AWS_SESSION_TOKEN='S3CR3T x' y", "AWS_SESSION_TOKEN=REDACTED y"),
            ("Authorization: Bearer S3CR3T, and more", "Authorization: REDACTED"),
            ("authorization:AWS4-HMAC-SHA256 S3CR3T\nhost:h", "authorization:REDACTED\nhost:h"),
            ("Proxy-Authorization: Basic S3CR3T", "Proxy-Authorization: REDACTED"),
            ("AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=S3CR3T", "REDACTED"),
            ("Use AWS4-ECDSA-P256-SHA256 Credential=AKIA/x\nnext", "Use REDACTED\nnext"),
            ("Signature=S3CR3T&x", "Signature=REDACTED&x"),
            ("?X-Amz-Signature=S3CR3T", "?X-Amz-Signature=REDACTED"),
            ("a bearer 53CR3T-x.y_z", "a bearer REDACTED"),
            ("with Basic dXNlcjpwYXNz", "with Basic REDACTED"),
            ("token eyJhbGciOi.eyJzdWIi.s-_x ends", "token REDACTED ends"),
            ("got IQoJb3JpZ2luX2VjS3CR3T+/=.", "got REDACTED."),
            ("at https://user:S3CR3T@host:8080/p", "at https://REDACTED@host:8080/p"),
            ("at http://user:S3/CR3T@host, really", "at http://REDACTED@host, really"),
            ("at http://S3CR3T@host", "at http://REDACTED@host"),
            ("password=S3CR3T", "password=REDACTED"),
            (
                "It does not match.\n\nThe Canonical String for this request should have been\n'POST\nS3CR3T'\n\nThe String-to-Sign",
                "It does not match.\n\n",
            ),
            (
                "error: external process exited with code exit status: 1. Stderr: wrong PIN\nhunter2",
                "error: external process exited with code exit status: 1; its standard error is not shown",
            ),
            ("x. The String-to-Sign should have been 'S3CR3T", "x. "),
        ] {
            assert_eq!(secrets(text), clean);
            assert_eq!(secrets(clean), clean, "twice is once");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "User: arn:aws:sts::111122223333:assumed-role/web/me@example.com is not authorized to perform: iam:GetRole",
            "the AWS Access Key Id `AKIAIOSFODNN7EXAMPLE` does not exist",
            "at https://vpce-1.ec2.us-east-1.vpce.amazonaws.com:443/path@x and http://[::1]:80/@",
            "basic authentication failed, bearer token missing",
            "the security token included in the request is expired",
            "x-amz-date;x-amz-security-token\n0123",
        ] {
            assert_eq!(secrets(text), text);
        }
    }

    #[test]
    fn the_user_of_a_url_is_taken_out() {
        for (whole, clean, password) in [
            ("http://user:pw@host:1/x", "http://REDACTED@host:1/x", Some("pw")),
            ("http://u:p@w/x@host", "http://REDACTED@host", Some("p@w/x")),
            ("http://u:\"p'w@host", "http://REDACTED@host", Some("\"p'w")),
            ("user:pw@proxy:3128", "REDACTED@proxy:3128", Some("pw")),
            ("user@proxy", "REDACTED@proxy", None),
            ("http://user:12/34X@host", "http://REDACTED@host", Some("12/34X")),
            ("proxy:3128", "proxy:3128", None),
        ] {
            assert_eq!(url(whole), clean);
            assert_eq!(password_in(whole), password);
        }
    }

    #[test]
    fn a_value_in_use_is_taken_out_in_every_writing() {
        let value = format!("{TOKEN}remembered/in+use/and+longer/than+a+piece==");
        remember(&value);
        remember("hunter2-hunter2");
        remember("short");
        let encoded = utf8_percent_encode(&value, &UNRESERVED).to_string();
        for (text, clean) in [
            (format!("got {value}."), "got REDACTED."),
            (format!("{value}{value}"), "REDACTED"),
            (format!("got {encoded}!"), "got REDACTED!"),
            (format!("cut {}", &value[..40]), "cut REDACTED"),
            (format!("of another {}0th3r", &value[..20]), "of another REDACTED"),
            (format!("é{}é", &value[20..]), "éREDACTEDé"),
            ("the hunter2-hunter2 is".to_owned(), "the REDACTED is"),
            ("a short text".to_owned(), "a short text"),
        ] {
            assert_eq!(secrets(&text), clean);
        }
    }

    proptest! {
        #[test]
        fn a_value_in_use_never_comes_out(
            value in "[A-Za-z0-9+/=]{8,400}", before in any::<String>(), after in any::<String>(),
        ) {
            remember(&value);
            let clean = secrets(&format!("{before}{value}{after}")).into_owned();
            prop_assert!(!clean.contains(&value), "{clean}");
        }

        #[test]
        fn a_named_value_never_comes_out(
            name in prop::sample::select(vec![
                "x-amz-security-token", "X-Amz-Security-Token", "Authorization", "X-Amz-Signature", "Signature",
                "aws_session_token", "SecretAccessKey", "SessionToken", "accessToken", "AWS4-HMAC-SHA256 Credential", "password",
            ]),
            separator in prop::sample::select(vec![":", ": ", "=", " = ", "\":\"", "\": \"", "%3D", "\\\":\\\"", "=>", "', '"]),
            value in "#[A-Za-z0-9+/_.~%=-]{12,80}", before in any::<String>(), after in any::<String>(),
        ) {
            let text = format!("{before} {name}{separator}{value} {after}");
            let clean = secrets(&text);
            prop_assert!(!clean.contains(&value), "{clean}");
        }

        #[test]
        fn a_password_never_comes_out(password in "#[A-Za-z0-9:/@?#%!$*+-]{8,20}", before in any::<String>()) {
            let whole = format!("https://me:{password}@host.example:8443");
            let text = format!("{before} {whole} x");
            prop_assert!(!secrets(&text).contains(&password));
        }

        #[test]
        fn a_password_of_a_url_never_comes_out(password in "[0-9:/@?#%!$*+-]{1,4}[A-Z:/@?#%!$*+-]{1,20}") {
            let whole = format!("https://me:{password}@host.example:8443");
            prop_assert_eq!(url(&whole), "https://REDACTED@host.example:8443");
            prop_assert_eq!(password_in(&whole), Some(password.as_str()));
        }

        #[test]
        fn nothing_breaks_it(text in any::<String>()) {
            let once = secrets(&text).into_owned();
            let _ = url(&text);
            let _ = password_in(&text);
            prop_assert!(secrets(&once).len() <= once.len() + MARK.len() * 8 + 64);
        }
    }
}
