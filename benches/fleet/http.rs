//! As much HTTP/1.1 and as much of the AWS protocols as the endpoint needs.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

/// A call, as far as the endpoint looks at it. Signatures are not checked.
#[derive(Debug, Default)]
pub struct Request {
    /// The first part of the credential scope, which says whose account this is.
    pub access_key_id: String,
    pub region: String,
    /// The service as the credential scope has it: `ec2`, `iam`, `ssm`.
    pub service: String,
    pub action: String,
    /// The parameters of a query protocol.
    parameters: BTreeMap<String, String>,
    /// The body of a JSON protocol.
    pub json: Value,
}

/// An answer, in whatever protocol.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    content_type: &'static str,
    pub body: Vec<u8>,
}

impl Request {
    /// A parameter of a query protocol; empty if it is not there.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The parameters `NAME.1`, `NAME.2` and so on.
    pub fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|index| self.parameters.get(&format!("{name}.{index}"))).map(String::as_str).collect()
    }

    /// The account: the access key id of the start, or what `AssumeRole` gave out for one.
    pub fn account(&self) -> &str {
        self.access_key_id.strip_prefix("ASIA").unwrap_or(&self.access_key_id)
    }

    fn sign(&mut self, authorization: &str) {
        let scope = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
        let mut scope = scope.split([',', ' ']).next().unwrap_or_default().split('/');
        self.access_key_id = scope.next().unwrap_or_default().to_owned();
        self.region = scope.nth(1).unwrap_or_default().to_owned();
        self.service = scope.next().unwrap_or_default().to_owned();
    }
}

impl Answer {
    pub fn xml(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, content_type: "text/xml;charset=UTF-8", body: body.into() }
    }

    pub fn json(body: &Value) -> Self {
        Self::json_text(body.to_string().into_bytes())
    }

    pub fn json_text(body: Vec<u8>) -> Self {
        Self { status: 200, content_type: "application/x-amz-json-1.1", body }
    }

    pub fn json_error(code: &str, message: &str) -> Self {
        Self { status: 400, ..Self::json(&json!({ "__type": code, "message": message })) }
    }

    pub fn ec2_error(status: u16, code: &str, message: &str) -> Self {
        let error = format!("<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>");
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        Self { status, ..Self::xml(format!("{head}<Response>{error}<RequestID>bench</RequestID></Response>")) }
    }

    /// An error of IAM or STS.
    pub fn query_error(status: u16, code: &str, message: &str) -> Self {
        let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
        let namespace = "https://iam.amazonaws.com/doc/2010-05-08/";
        let body = format!("<ErrorResponse xmlns=\"{namespace}\">{error}<RequestId>bench</RequestId></ErrorResponse>");
        Self { status, ..Self::xml(body) }
    }
}

/// Reads one request; `None` where the client has closed the connection.
pub fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut request = Request::default();
    let (mut length, mut target) = (0, None);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?,
            "authorization" => request.sign(value),
            "x-amz-target" => target = value.rsplit('.').next().map(|action| action.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    match target {
        Some(action) => {
            request.action = action;
            request.json = serde_json::from_slice(&body).unwrap_or_default();
        }
        None => {
            request.parameters = form(&String::from_utf8_lossy(&body));
            request.action = request.parameter("Action").to_owned();
        }
    }
    Ok(Some(request))
}

/// Writes an answer; gives the number of bytes.
pub fn write(mut stream: &TcpStream, answer: &Answer) -> io::Result<()> {
    let (status, content_type, length) = (answer.status, answer.content_type, answer.body.len());
    let head = format!(
        "HTTP/1.1 {status} Bench\r\nx-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\n\
         Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    );
    // Small answers in one packet; large ones are not copied once more.
    if length < 16_384 {
        return stream.write_all(&[head.as_bytes(), &answer.body].concat());
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(&answer.body)
}

/// Percent-encodes all but what RFC 3986 leaves as it is, as IAM does with documents.
pub fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn form(body: &str) -> BTreeMap<String, String> {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

fn decode(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).unwrap_or_default();
        decoded.push(match byte {
            b'%' => u8::try_from(digit(bytes.next()) * 16 + digit(bytes.next())).unwrap_or_default(),
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
