//! Secrets, taken out of text that comes from outside before it becomes a fact or a message.
//!
//! What AWS, a proxy, a credential process or the SDK says may quote the request that it speaks of, and with it the session
//! token; what a person types may hold a password. Such text passes [`secrets`], which knows the credentials in use by their
//! values (see [`remember`]) and all others by the form in which they are written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
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

/// The values that are in use, of this whole process: an error of one account may quote the credentials of another.
static IN_USE: LazyLock<RwLock<InUse>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct InUse {
    /// Values too short to have pieces, each in its plain writing.
    short: Vec<Vec<u8>>,
    /// Every piece, with the value that it is of and where it begins there.
    pieces: HashMap<[u8; PIECE], (Arc<[u8]>, usize)>,
}

impl InUse {
    fn add(&mut self, value: Vec<u8>) {
        if value.len() < 2 * PIECE {
            if !self.short.contains(&value) {
                self.short.push(value);
            }
            return;
        }
        let value: Arc<[u8]> = Arc::from(value);
        let ends = (PIECE..=value.len()).step_by(STRIDE).chain([value.len()]);
        for start in ends.map(|end| end - PIECE) {
            if let Some(piece) = piece_at(&value, start) {
                self.pieces.entry(piece).or_insert_with(|| (Arc::clone(&value), start));
            }
        }
    }

    /// Where the values stand in `text`, in order; one may reach into the next.
    fn places(&self, text: &str) -> Vec<(usize, usize)> {
        if self.short.is_empty() && self.pieces.is_empty() {
            return Vec::new();
        }
        // An escape may be cut by the end of a line, and what stands on both sides of white space may look like one.
        let plain = [
            Plain::raw(text).in_standard_letters(),
            Plain::of(text, White::WithEachLayer),
            Plain::of(text, White::AtTheEnd),
        ];
        let mut places: Vec<(usize, usize)> = plain.iter().flat_map(|plain| self.places_in(plain)).collect();
        places.sort_unstable();
        places
    }

    fn places_in(&self, Plain { bytes, spans }: &Plain) -> Vec<(usize, usize)> {
        let mut places: Vec<(usize, usize)> = Vec::new();
        for value in &self.short {
            let found = bytes.windows(value.len()).enumerate().filter(|(_, window)| window == value);
            places.extend(found.map(|(start, _)| (start, start + value.len())));
        }
        let mut next = 0;
        while let Some(piece) = piece_at(bytes, next).filter(|_| !self.pieces.is_empty()) {
            let Some((value, offset)) = self.pieces.get(&piece) else {
                next += 1;
                continue;
            };
            let same = |(one, other): &(&u8, &u8)| one == other;
            let (text_before, text_after) = bytes.split_at(next);
            let (value_before, value_after) = value.split_at(*offset);
            let back = text_before.iter().rev().zip(value_before.iter().rev()).take_while(same).count();
            let ahead = text_after.iter().zip(value_after).take_while(same).count();
            places.push((next - back, next + ahead));
            next += ahead;
        }
        let written = |(start, end): (usize, usize)| Some((spans.get(start)?.0, spans.get(end.checked_sub(1)?)?.1));
        places.into_iter().filter_map(written).collect()
    }
}

fn piece_at(bytes: &[u8], start: usize) -> Option<[u8; PIECE]> {
    bytes.get(start..start + PIECE)?.try_into().ok()
}

/// So many layers of escapes are taken off: a URL in JSON in XML, say.
const LAYERS: usize = 4;

/// A text in the writing that all ways to write a value have in common: without escapes and white space, and with the letters of
/// standard Base64.
struct Plain {
    bytes: Vec<u8>,
    /// Where each byte begins and ends in the text.
    spans: Vec<(usize, usize)>,
}

/// When white space is taken out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum White {
    WithEachLayer,
    AtTheEnd,
}

impl Plain {
    fn of(text: &str, white: White) -> Plain {
        let mut plain = Plain::raw(text);
        for _ in 0..LAYERS {
            plain = plain.without_a_layer(white);
            if !plain.bytes.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&')) {
                break;
            }
        }
        if white == White::AtTheEnd {
            plain = plain.without_white_space();
        }
        plain.in_standard_letters()
    }

    /// The text as it is.
    fn raw(text: &str) -> Plain {
        let bytes = text.as_bytes().to_vec();
        Plain { spans: (0..bytes.len()).map(|at| (at, at + 1)).collect(), bytes }
    }

    fn in_standard_letters(mut self) -> Plain {
        for byte in &mut self.bytes {
            *byte = match *byte {
                b'-' => b'+',
                b'_' => b'/',
                other => other,
            };
        }
        self
    }

    fn without_white_space(self) -> Plain {
        let kept = self.bytes.into_iter().zip(self.spans).filter(|(byte, _)| !byte.is_ascii_whitespace());
        let (bytes, spans) = kept.unzip();
        Plain { bytes, spans }
    }

    fn without_a_layer(&self, white: White) -> Plain {
        let mut plain = Plain { bytes: Vec::new(), spans: Vec::new() };
        let mut at = 0;
        while let (Some(byte), Some((start, end))) = (self.bytes.get(at), self.spans.get(at)) {
            let (byte, length) = self.bytes.get(at..).and_then(escaped).unwrap_or((*byte, 1));
            let end = self.spans.get(at + length - 1).map_or(*end, |(_, end)| *end);
            if white == White::AtTheEnd || !byte.is_ascii_whitespace() {
                plain.bytes.push(byte);
                plain.spans.push((*start, end));
            }
            at += length;
        }
        plain
    }
}

/// The ASCII character that an escape stands for at the beginning of a text, and the length of the escape: percent-encoding, escapes of
/// JSON and shells, references of XML and HTML.
fn escaped(text: &[u8]) -> Option<(u8, usize)> {
    let number = |digits: &[u8], radix: u32| {
        let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
        u8::try_from(number).ok().filter(u8::is_ascii)
    };
    match text {
        [b'%', a, b, ..] => Some((number(&[*a, *b], 16)?, 3)),
        [b'\\', b'u', a, b, c, d, ..] => Some((number(&[*a, *b, *c, *d], 16)?, 6)),
        [b'\\', b'x', a, b, ..] => Some((number(&[*a, *b], 16)?, 4)),
        [b'\\', b'n' | b'r' | b't', ..] => Some((b' ', 2)),
        [b'\\', other, ..] if other.is_ascii() && !other.is_ascii_alphanumeric() => Some((*other, 2)),
        [b'&', rest @ ..] => {
            let end = rest.iter().take(10).position(|byte| *byte == b';')?;
            let byte = match rest.get(..end)? {
                [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
                [b'#', digits @ ..] => number(digits, 10)?,
                b"sol" => b'/',
                b"plus" => b'+',
                b"equals" => b'=',
                b"amp" => b'&',
                b"bsol" => b'\\',
                b"percnt" => b'%',
                _ => return None,
            };
            Some((byte, end + 2))
        }
        _ => None,
    }
}

/// Takes note of a value that is in use, such as a session token: from now on [`secrets`] takes it out wherever it stands, in whatever
/// writing: with escapes, on several lines, or in Base64.
///
/// Values of fewer than eight characters are not taken note of: no credential is that short.
pub fn remember(value: &str) {
    let value = value.trim();
    if value.len() < SHORTEST {
        return;
    }
    let plain = Plain::of(value, White::WithEachLayer).bytes;
    let mut in_use = IN_USE.write().unwrap_or_else(PoisonError::into_inner);
    // Base64 writes three bytes as four letters, so that what stands before the value moves it. The letters at both ends hold bits of
    // what is around it.
    for skipped in 0..3 {
        let whole = value.as_bytes().get(skipped..).unwrap_or_default().chunks_exact(3).flatten().copied();
        let encoded = STANDARD_NO_PAD.encode(whole.collect::<Vec<u8>>());
        if encoded.len() >= PIECE {
            in_use.add(encoded.into_bytes());
        }
    }
    if plain.len() >= SHORTEST {
        in_use.add(plain);
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
        for (text, clean) in [
            (format!("got {value}."), "got REDACTED."),
            (format!("{value}{value}"), "REDACTED"),
            (format!("cut {}", &value[..40]), "cut REDACTED"),
            (format!("of another {}0th3r", &value[..20]), "of another REDACTED"),
            (format!("é{}é", &value[20..]), "éREDACTEDé"),
            ("the hunter2-hunter2 is".to_owned(), "the REDACTED is"),
            ("a short text".to_owned(), "a short text"),
        ] {
            assert_eq!(secrets(&text), clean);
        }
    }

    type Write = fn(&str) -> String;

    /// Each writes a text so that somebody can read it back.
    const WRITINGS: [(&str, Write); 14] = [
        ("percent", |text| each(text, |byte| format!("%{byte:02X}"))),
        ("lower-case percent", |text| each(text, |byte| format!("%{byte:02x}"))),
        ("percent of the percent", |text| each(text, |byte| format!("%25{byte:02X}"))),
        ("slashes of JSON", |text| text.replace('/', "\\/")),
        ("JSON", |text| each(text, |byte| format!("\\u{byte:04x}"))),
        ("JSON in JSON", |text| each(text, |byte| format!("\\\\u{byte:04X}"))),
        ("a shell", |text| each(text, |byte| format!("\\{}", char::from(byte)))),
        ("hexadecimal of HTML", |text| each(text, |byte| format!("&#x{byte:X};"))),
        ("decimal of HTML", |text| each(text, |byte| format!("&#{byte};"))),
        ("HTML in HTML", |text| each(text, |byte| format!("&amp;#x{byte:x};"))),
        ("names of HTML", |text| text.replace('/', "&sol;").replace('+', "&plus;").replace('=', "&equals;")),
        ("lines", |text| text.chars().map(|c| format!("{c}\r\n  ")).collect()),
        ("lines in JSON", |text| text.chars().map(|c| format!("{c}\\n")).collect()),
        ("Base64 for URLs", |text| text.replace('+', "-").replace('/', "_")),
    ];

    fn each(text: &str, write: impl Fn(u8) -> String) -> String {
        let escape = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { write(byte) };
        text.bytes().map(escape).collect()
    }

    #[test]
    fn a_value_in_use_is_found_however_it_is_written() {
        let value = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY==EXAMPLE/KEY/of+writings/and/more";
        remember(value);
        for (name, write) in WRITINGS {
            let written = write(value);
            let clean = secrets(&format!("é: {written}, é")).split_whitespace().collect::<String>().replace("\\n", "");
            assert_eq!(clean, "é:REDACTED,é", "{name}: {written}");
        }
        for before in ["", "a", "ab", "abc"] {
            for engine in [&base64::engine::general_purpose::STANDARD, &base64::engine::general_purpose::URL_SAFE] {
                let clean = secrets(&engine.encode(format!("{before}{value}:x"))).into_owned();
                // Some letters at its ends hold bits of what is around it.
                assert!(clean.contains(MARK) && clean.len() <= MARK.len() + 16, "{clean}");
            }
        }
    }

    /// What stands before a value is no part of an escape in it.
    #[test]
    fn a_percent_sign_before_a_value_hides_nothing_of_it() {
        remember("0AA0aA=/");
        assert_eq!(secrets("% 0AA0aA%253D%252F"), format!("% {MARK}"));
        assert_eq!(secrets("%0AA0aA=/"), format!("%{MARK}"));
        assert_eq!(secrets("\\ 0AA0aA%3D%2F"), format!("\\ {MARK}"));
    }

    #[test]
    fn what_only_looks_like_an_escape_stays() {
        remember("a-value-in-use-that-is-nowhere");
        for text in [
            "100% of it, 5%",
            "C:\\users\\new",
            "a & b; c &#x110000; &#xe9; &nbsp; &unknown;",
            "\\",
            "%",
            "&",
            "\\u00",
            "%e9",
        ] {
            assert_eq!(secrets(text), text);
        }
    }

    proptest! {
        #[test]
        fn a_value_in_use_never_comes_out_in_another_writing(
            value in "[A-Za-z0-9+/=]{8,200}", before in any::<String>(), after in any::<String>(),
            writing in 0..WRITINGS.len(), again in 0..WRITINGS.len(),
        ) {
            remember(&value);
            let write = |writing: usize, text: &str| WRITINGS[writing].1(text);
            // A line that ends within an escape looks like one that is continued.
            let again = if WRITINGS[again].0.starts_with("lines") { 0 } else { again };
            let written = write(again, &write(writing, &value));
            let clean = secrets(&format!("{before} {written} {after}")).into_owned();
            prop_assert!(!clean.contains(&written), "{clean}");
        }

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
