//! Policies of resources: whom a statement means, and what that makes of a request.
//!
//! Sources: [`Principal`](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html),
//! [`NotPrincipal`](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html),
//! [Permissions boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html) and
//! [Key policies in AWS KMS](https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html).

use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/team/web";
const ROLE_ID: &str = "AROAEXAMPLEWEB000000";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k";
const SESSION: &str = "i-0123456789abcdef0";

use Applies::{No, Unknown, Yes};

fn as_applies(truth: &Truth) -> Applies {
    match truth {
        Truth::True => Yes,
        Truth::False => No,
        Truth::Unknown(_) => Unknown,
    }
}

/// `true` only where nothing that is asked can make a difference.
#[test]
fn a_policy_that_allows_everything() {
    let whole = r#""Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*""#;
    let other = r#""Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*""#;
    for (statements, expected) in [
        (format!("{{{whole}}}"), true),
        (format!("[{{{whole}}}]"), true),
        (format!("[{{{other}}}, {{{whole}}}]"), true),
        (whole.replace(r#""*", "Action""#, r#"{"AWS": "*"}, "Action""#), true),
        (whole.replace(r#""Action": "*""#, r#""Action": ["s3:*", "*:*"]"#), true),
        (format!("{{{other}}}"), false),
        (format!("[{{{whole}}}, {{{}}}]", other.replace("Allow", "Deny")), false),
        (format!(r#"{{{whole}, "Condition": {{"Null": {{"aws:PrincipalArn": "true"}}}}}}"#), false),
        (whole.replace(r#""Action""#, r#""NotAction""#), false),
        (whole.replace(r#""Resource""#, r#""NotResource""#), false),
        (whole.replace(r#""Principal": "*""#, r#""NotPrincipal": {"AWS": "*"}"#), false),
        (whole.replace(r#""Principal": "*""#, r#""Principal": {"Service": "*"}"#), false),
        (whole.replace(r#""Resource": "*""#, r#""Resource": "arn:aws:ssm:*:*:*""#), false),
        (whole.replace("Allow", "allow"), false),
    ] {
        let statements = if statements.starts_with(['{', '[']) { statements } else { format!("{{{statements}}}") };
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#);
        let document = Document::parse(&text, DocumentKind::Resource).unwrap();
        assert_eq!(document.allows_everything(), expected, "{text}");
    }
}

fn session() -> RoleSession<'static> {
    RoleSession {
        account: "111122223333",
        role_arn: ROLE,
        role_name: "web",
        role_id: Some(ROLE_ID),
        name: Some(SESSION),
        has_boundary: false,
        at_gateway_endpoint: false,
    }
}

fn request_for_key() -> Request {
    let mut context = Context::default();
    context.set("kms:ViaService", Value::Absent);
    Request { action: "kms:Decrypt".to_owned(), resource: Resource::Arn(Text::known(KEY)), context }
}

fn answer_to(text: &str, session: &RoleSession<'_>) -> ResourceAnswer {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, expand(text));
    let document = Document::parse(&text, DocumentKind::Resource).unwrap_or_else(|error| panic!("{error}: {text}"));
    evaluate_resource_policy(&document, KEY, session, &request_for_key())
}

/// What a policy says: whether it leaves it to the account, whether it allows by itself, whether it denies.
fn answer_in(text: &str, name: Option<&str>) -> [Applies; 3] {
    let answer = answer_to(text, &RoleSession { name, ..session() });
    let by_itself = answer.role.truth.clone().or(answer.session.truth.clone());
    [&answer.account.truth, &by_itself, &answer.denies.truth].map(as_applies)
}

fn answer(text: &str) -> [Applies; 3] {
    answer_in(text, Some(SESSION))
}

const LEFT_TO_ROLE: [Applies; 3] = [Yes, No, No];
const ALLOWED: [Applies; 3] = [No, Yes, No];
const DENIED: [Applies; 3] = [No, No, Yes];
const SILENT: [Applies; 3] = [No, No, No];

/// At a gateway endpoint an account is its root user, and everybody is to be named.
#[test]
fn whom_a_statement_of_a_gateway_endpoint_means() {
    let session = RoleSession { at_gateway_endpoint: true, ..session() };
    for (principal, allows, denies) in [
        (r#""*""#, Yes, Yes),
        (r#"{"AWS": "*"}"#, Yes, Yes),
        (r#"{"AWS": "111122223333"}"#, No, No),
        (r#"{"AWS": "arn:aws:iam::111122223333:root"}"#, No, No),
        (r#"{"AWS": "arn:aws:iam::111122223333:role/team/web"}"#, Unknown, Unknown),
        (r#"{"AWS": "arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef0"}"#, Unknown, Unknown),
        (r#"{"AWS": "arn:aws:sts::111122223333:assumed-role/web/i-1"}"#, No, No),
        (r#"{"AWS": ["111122223333", "*"]}"#, Yes, Yes),
    ] {
        let of = |effect: &str| {
            answer_to(
                &format!(r#"{{"Effect": "{effect}", "Principal": {principal}, "Action": "*", "Resource": "*"}}"#),
                &session,
            )
        };
        assert_eq!(as_applies(&of("Allow").allows()), allows, "{principal}");
        assert_eq!(as_applies(&of("Deny").denies.truth), denies, "{principal}");
    }
}

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
    for principal in
        [r#""Principal": {"AWS": 7}"#, r#""Principal": 7"#, r#""Principal": "111122223333""#, r#""Sid": "none""#]
    {
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

/// One of the two holds whatever the key is.
#[test]
fn what_holds_in_every_case_of_a_key_is_certain() {
    let deny = |operator: &str| {
        format!(r#"{{DENY, "Principal": "*", "Condition": {{"{operator}": {{"aws:SourceVpce": "vpce-1"}}}}}}"#)
    };
    assert_eq!(answer(&deny("StringEquals")), [No, No, Unknown]);
    let both = format!("{}, {}", deny("StringEquals"), deny("StringNotEquals"));
    assert_eq!(answer(&both), DENIED);
    assert_eq!(answer_to(&both, &session()).denies.statements.len(), 2);
}

#[test]
fn a_session_is_known_by_the_instance() {
    let session = r#"{ALLOW, "Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef0"}}"#;
    assert_eq!(answer_in(session, Some("i-0123456789abcdef0")), ALLOWED);
    assert_eq!(answer_in(session, Some("i-0")), SILENT);
    // Where the instance is not known, its session may be that one.
    assert_eq!(answer_in(session, None), [No, Unknown, No]);
    let another = r#"{ALLOW, "Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/db/i-0"}}"#;
    assert_eq!(answer_in(another, None), SILENT);
}

#[test]
fn a_deny_to_all_but_some_spares_a_session_that_is_left_out_in_full() {
    let all_but = |names: &str| format!(r#"{{DENY, "NotPrincipal": {{"AWS": [{names}]}}}}"#);
    let (account, role) = (r#""arn:aws:iam::111122223333:root""#, format!(r#""{ROLE}""#));
    let of_session = format!(r#""arn:aws:sts::111122223333:assumed-role/web/{SESSION}""#);
    for (names, denies) in [
        (r#""444455556666""#.to_owned(), Yes),
        (r#""arn:aws:iam::111122223333:role/db""#.to_owned(), Yes),
        (account.to_owned(), Unknown),
        (role.clone(), Unknown),
        (format!("{account}, {role}"), Unknown),
        (format!("{account}, {role}, {of_session}"), No),
    ] {
        assert_eq!(answer(&all_but(&names)), [No, No, denies], "{names}");
        // "Will always deny any IAM principal that has a permissions boundary policy attached".
        let bounded = answer_to(&all_but(&names), &RoleSession { has_boundary: true, ..session() });
        assert_eq!(as_applies(&bounded.denies.truth), Yes, "{names}");
    }
    // It is not supported with `Allow`.
    assert_eq!(answer(r#"{ALLOW, "NotPrincipal": {"AWS": "444455556666"}}"#), [Unknown, Unknown, No]);
}

#[test]
fn what_is_not_documented_of_a_principal_stays_open() {
    // The id of a role that exists, and the canonical user id of an account.
    let canonical = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be";
    assert_eq!(answer(&format!(r#"{{ALLOW, "Principal": {{"AWS": "{ROLE_ID}"}}}}"#)), [No, Unknown, No]);
    assert_eq!(answer(&format!(r#"{{ALLOW, "Principal": {{"CanonicalUser": "{canonical}"}}}}"#)), [Unknown, No, No]);
    assert_eq!(answer(r#"{ALLOW, "Principal": {"AWS": "AROAEXAMPLEDB0000000"}}"#), SILENT);
}

#[test]
fn the_statements_that_say_it_and_those_that_nearly_do() {
    let role = format!(r#""Principal": {{"AWS": "{ROLE}"}}"#);
    let via = r#""Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}"#;
    let text = format!(
        r#"{{"Sid": "ThroughS3", ALLOW, "Principal": "*", {via}}},
           {{"Sid": "Deleted", ALLOW, "Principal": {{"AWS": "AROAEXAMPLEGONE00000"}}}},
           {{"Sid": "Deny", DENY, "Principal": "*"}}, {{"Sid": "Role", ALLOW, {role}}},
           {{"Sid": "Other", ALLOW, "Principal": {{"AWS": "arn:aws:iam::111122223333:role/db"}}}}"#
    );
    let answer = answer_to(&text, &session());
    let sids = |said: &[StatementReference]| {
        said.iter().map(|by| (by.index, by.sid.clone().unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(sids(&answer.role.statements), [(3, "Role".to_owned())]);
    assert_eq!(sids(&answer.denies.statements), [(2, "Deny".to_owned())]);
    let misses: Vec<(usize, &RuledOutBy)> =
        answer.near_misses.iter().map(|miss| (miss.statement.index, &miss.ruled_out_by)).collect();
    let condition = RuledOutBy::Condition(vec![FailedKey { key: "kms:ViaService".to_owned(), absent: true }]);
    let deleted = RuledOutBy::DeletedPrincipal("AROAEXAMPLEGONE00000".to_owned());
    assert_eq!(misses, [(0, &condition), (1, &deleted)]);
}

/// What the policies of a role and of a resource come to, in the account and across accounts.
#[test]
fn the_policy_of_a_resource_beside_the_gates() {
    use Decision::{Allowed, ExplicitDeny, ImplicitDeny};
    const OPEN: Decision = Decision::Unknown;
    let gate = |kind, statements: &str| {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, expand(statements));
        let document = Ok(Arc::new(Document::parse(&text, DocumentKind::Identity).unwrap()));
        let policy = Policy { name: "p".to_owned(), kind: PolicyKind::Inline, document };
        PolicySet { kind, name: "g".to_owned(), policies: vec![policy], unread: Vec::new() }
    };
    let (allow, none, deny) = ("{ALLOW}", "", "{ALLOW}, {DENY}");
    let role = format!(r#"{{ALLOW, "Principal": {{"AWS": "{ROLE}"}}}}"#);
    let of_session =
        format!(r#"{{ALLOW, "Principal": {{"AWS": "arn:aws:sts::111122223333:assumed-role/web/{SESSION}"}}}}"#);
    let root = r#"{ALLOW, "Principal": {"AWS": "111122223333"}}"#.to_owned();
    let maybe = |statement: &str| {
        statement.trim_end_matches('}').to_owned() + r#"}, "Condition": {"StringEquals": {"aws:SourceVpce": "v"}}}"#
    };
    let denies = format!(r#"{role}, {{DENY, "Principal": "*"}}"#);
    // Identity policy, boundary, SCP, the resource's policy; of a resource that need not allow, and of a KMS key.
    for (identity, boundary, scp, resource, expected, of_key) in [
        (allow, allow, allow, none, Allowed, ImplicitDeny),
        (allow, allow, allow, root.as_str(), Allowed, Allowed),
        (none, allow, allow, root.as_str(), ImplicitDeny, ImplicitDeny),
        (none, allow, allow, role.as_str(), Allowed, Allowed),
        (none, none, allow, role.as_str(), ImplicitDeny, ImplicitDeny),
        (none, none, allow, of_session.as_str(), Allowed, Allowed),
        (allow, none, allow, of_session.as_str(), Allowed, Allowed),
        // Denies and SCPs count always.
        (none, deny, allow, of_session.as_str(), ExplicitDeny, ExplicitDeny),
        (deny, none, allow, of_session.as_str(), ExplicitDeny, ExplicitDeny),
        (none, none, none, of_session.as_str(), ImplicitDeny, ImplicitDeny),
        (allow, allow, deny, of_session.as_str(), ExplicitDeny, ExplicitDeny),
        (allow, allow, allow, denies.as_str(), ExplicitDeny, ExplicitDeny),
        (none, allow, allow, &maybe(&role), OPEN, OPEN),
        (allow, allow, allow, &maybe(&role), Allowed, OPEN),
        (none, none, allow, &maybe(&of_session), OPEN, OPEN),
        (none, allow, none, &maybe(&role), ImplicitDeny, ImplicitDeny),
    ] {
        let gates = [
            gate(PolicySetKind::Identity, identity),
            gate(PolicySetKind::Boundary, boundary),
            gate(PolicySetKind::Scp, scp),
        ];
        // As far as `NotPrincipal` goes; the gates have the boundary.
        let answer = answer_to(resource, &session());
        let granted = evaluate_with_grants(&gates, &request_for_key(), &answer);
        for (must_allow, expected) in [(false, expected), (true, of_key)] {
            let response = limited_by(granted.clone(), KEY, &answer, must_allow);
            assert_eq!(response.decision, expected, "{identity} {boundary} {scp} {resource} {must_allow}");
            assert_eq!(response.decision == OPEN, response.doubt != UnknownReason::default());
        }
    }
}
