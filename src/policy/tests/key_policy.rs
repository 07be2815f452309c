//! Key policies: whom a statement means, and what that makes of a request.
//!
//! Source: [Key policies in AWS KMS](https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html).

use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/team/web";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k";

use Applies::{No, Unknown, Yes};

fn as_applies(truth: &Truth) -> Applies {
    match truth {
        Truth::True => Yes,
        Truth::False => No,
        Truth::Unknown(_) => Unknown,
    }
}

/// What a key policy says: whether it leaves it to the role, whether it allows, whether it denies.
fn answer_in(text: &str, session: Option<&str>) -> [Applies; 3] {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, expand(text));
    let document = Document::parse(&text, DocumentKind::Resource).unwrap_or_else(|error| panic!("{error}: {text}"));
    let user = KeyUser { account: "111122223333", role_arn: ROLE, role_name: "web", session };
    let mut context = Context::default();
    context.set("kms:ViaService", Value::Absent);
    let request = Request { action: "kms:Decrypt".to_owned(), resource: Resource::Arn(Text::known(KEY)), context };
    let answer = evaluate_key_policy(&document, &user, &request);
    [&answer.leaves_to_role, &answer.allows, &answer.denies].map(as_applies)
}

fn answer(text: &str) -> [Applies; 3] {
    answer_in(text, Some("i-0123456789abcdef0"))
}

const LEFT_TO_ROLE: [Applies; 3] = [Yes, No, No];
const ALLOWED: [Applies; 3] = [No, Yes, No];
const DENIED: [Applies; 3] = [No, No, Yes];
const SILENT: [Applies; 3] = [No, No, No];

#[test]
fn whom_a_statement_means() {
    // As of an allow; and whether a deny to the same denies.
    for (principal, expected, denies) in [
        // The account: its own policies decide.
        (r#""Principal": {"AWS": "arn:aws:iam::111122223333:root"}"#, LEFT_TO_ROLE, true),
        (r#""Principal": {"AWS": "111122223333"}"#, LEFT_TO_ROLE, true),
        (r#""Principal": {"AWS": ["444455556666", "111122223333"]}"#, LEFT_TO_ROLE, true),
        (r#""Principal": {"AWS": "arn:aws:iam::444455556666:root"}"#, SILENT, false),
        (r#""Principal": {"AWS": "444455556666"}"#, SILENT, false),
        // The number may be the same, the account is not.
        (r#""Principal": {"AWS": "arn:aws-cn:iam::111122223333:root"}"#, SILENT, false),
        (r#""Principal": {"AWS": "arn:aws-us-gov:iam::111122223333:root"}"#, SILENT, false),
        // The role, with its path; and its session, without.
        (r#""Principal": {"AWS": "arn:aws:iam::111122223333:role/team/web"}"#, ALLOWED, true),
        (r#""Principal": {"AWS": "arn:aws:iam::111122223333:role/web"}"#, SILENT, false),
        (r#""Principal": {"AWS": "arn:aws:iam::111122223333:role/TEAM/web"}"#, SILENT, false),
        (r#""Principal": {"AWS": "arn:aws:iam::444455556666:role/team/web"}"#, SILENT, false),
        (r#""Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef0"}"#, ALLOWED, true),
        (r#""Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef1"}"#, SILENT, false),
        (r#""Principal": {"AWS": "arn:aws-cn:sts::111122223333:assumed-role/web/i-0123456789abcdef0"}"#, SILENT, false),
        // There are no wildcards in the names of principals.
        (r#""Principal": {"AWS": "arn:aws:iam::111122223333:role/*"}"#, SILENT, false),
        (r#""Principal": {"AWS": "arn:aws:iam::*:root"}"#, SILENT, false),
        // One that was deleted, and others.
        (r#""Principal": {"AWS": "AROAEXAMPLEDELETED000"}"#, SILENT, false),
        (r#""Principal": {"AWS": "arn:aws:iam::111122223333:user/web"}"#, SILENT, false),
        (r#""Principal": {"AWS": []}"#, SILENT, false),
        (r#""Principal": {"Service": "ec2.amazonaws.com"}"#, SILENT, false),
        (r#""Principal": {"Service": "*"}"#, SILENT, false),
        (r#""Principal": {"Federated": "111122223333"}"#, SILENT, false),
        // Everybody, in its three spellings.
        (r#""Principal": "*""#, ALLOWED, true),
        (r#""Principal": {"AWS": "*"}"#, ALLOWED, true),
        (r#""Principal": {"AWS": ["444455556666", "*"]}"#, ALLOWED, true),
        (r#""Principal": {"AWS": "111122223333", "Service": "ec2.amazonaws.com"}"#, LEFT_TO_ROLE, true),
    ] {
        assert_eq!(answer(&format!("{{ALLOW, {principal}}}")), expected, "{principal}");
        assert_eq!(answer(&format!("{{DENY, {principal}}}")), if denies { DENIED } else { SILENT }, "{principal}");
    }
}

#[test]
fn whom_a_statement_means_may_be_unclear() {
    for principal in [
        r#""NotPrincipal": {"AWS": "arn:aws:iam::111122223333:role/team/web"}"#,
        r#""NotPrincipal": {"AWS": "444455556666"}"#,
        r#""Principal": {"AWS": 7}"#,
        r#""Principal": 7"#,
        r#""Principal": "111122223333""#,
        r#""Sid": "none""#,
    ] {
        assert_eq!(answer(&format!("{{ALLOW, {principal}}}")), [Unknown, Unknown, No], "{principal}");
        assert_eq!(answer(&format!("{{DENY, {principal}}}")), [No, No, Unknown], "{principal}");
    }
}

#[test]
fn a_statement_counts_only_where_it_applies() {
    let role = r#""Principal": {"AWS": "arn:aws:iam::111122223333:role/team/web"}"#;
    for (elements, expected) in [
        (r#""Action": "kms:Decrypt", "Resource": "*""#, Yes),
        (r#""Action": "KMS:decrypt", "Resource": "*""#, Yes),
        (r#""Action": "kms:*", "Resource": "arn:aws:kms:us-east-1:111122223333:key/k""#, Yes),
        (r#""Action": "kms:*", "Resource": "arn:aws:kms:us-east-1:111122223333:key/other""#, No),
        (r#""Action": "kms:Encrypt", "Resource": "*""#, No),
        (r#""NotAction": "kms:Decrypt", "Resource": "*""#, No),
        (r#""NotAction": "kms:Encrypt", "Resource": "*""#, Yes),
        (r#""Action": "kms:*", "Resource": "*", "Condition": {"StringEquals": {"kms:ViaService": "s3"}}"#, No),
        (r#""Action": "kms:*", "Resource": "*", "Condition": {"StringNotEquals": {"kms:ViaService": "s3"}}"#, Yes),
        (r#""Action": "kms:*", "Resource": "*", "Condition": {"Null": {"kms:ViaService": "true"}}"#, Yes),
        (r#""Action": "kms:*", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceVpce": "v"}}"#, Unknown),
        (r#""Action": "kms:*", "Resource": "*", "Condition": {"Odd": {"aws:SourceVpce": "v"}}"#, Unknown),
    ] {
        assert_eq!(answer(&format!(r#"{{"Effect": "Allow", {role}, {elements}}}"#)), [No, expected, No], "{elements}");
        assert_eq!(answer(&format!(r#"{{"Effect": "Deny", {role}, {elements}}}"#)), [No, No, expected], "{elements}");
    }
}

#[test]
fn statements_add_up() {
    let root = r#"{ALLOW, "Principal": {"AWS": "111122223333"}}"#;
    let role = r#"{ALLOW, "Principal": {"AWS": "arn:aws:iam::111122223333:role/team/web"}}"#;
    let deny = r#"{DENY, "Principal": "*"}"#;
    assert_eq!(answer(""), SILENT);
    assert_eq!(answer(&format!("{root}, {role}")), [Yes, Yes, No]);
    assert_eq!(answer(&format!("{root}, {role}, {deny}")), [Yes, Yes, Yes]);
    // What certainly applies wins over what may.
    assert_eq!(answer(&format!(r#"{root}, {{ALLOW, "NotPrincipal": {{"AWS": "444455556666"}}}}"#)), [Yes, Unknown, No]);
}

#[test]
fn a_session_is_known_by_the_instance() {
    let session = r#"{ALLOW, "Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef0"}}"#;
    assert_eq!(answer_in(session, Some("i-0123456789abcdef0")), ALLOWED);
    assert_eq!(answer_in(session, Some("i-0")), SILENT);
}
