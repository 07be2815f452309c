//! Key policies: the policies of KMS keys, which decide with or before the caller's own.
//!
//! Source: [Key policies in AWS KMS](https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html) and
//! [Default key policy](https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-root-enable-iam).

use super::document::{Document, Effect, Statement};
use super::evaluate::{Request, applies};
use super::json::Json;
use super::truth::{Doubt, Truth};

/// The AWS principals of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsPrincipals {
    /// These: ARNs, account ids, or ids of principals that were deleted.
    Names(Vec<String>),
    /// Everybody.
    Everyone,
    /// It is not clear whom: `NotPrincipal`, or an element that is not understood.
    Unclear,
}

impl AwsPrincipals {
    /// Reads them from a statement's members; other types of principals are nobody here.
    pub(super) fn parse(members: &[(String, Json)]) -> AwsPrincipals {
        let mut principals = members.iter().filter(|(name, _)| name == "Principal").map(|(_, principal)| principal);
        let other = members.iter().any(|(name, _)| name == "NotPrincipal");
        match (principals.next(), principals.next()) {
            _ if other => AwsPrincipals::Unclear,
            (Some(Json::String(text)), None) if text == "*" => AwsPrincipals::Everyone,
            (Some(Json::Object(types)), None) => {
                let names = types.iter().filter(|(kind, _)| kind == "AWS").flat_map(|(_, names)| names.one_or_many());
                let names: Option<Vec<String>> = names
                    .map(|name| match name {
                        Json::String(name) => Some(name.clone()),
                        _ => None,
                    })
                    .collect();
                match names {
                    Some(names) if names.iter().any(|name| name == "*") => AwsPrincipals::Everyone,
                    Some(names) => AwsPrincipals::Names(names),
                    None => AwsPrincipals::Unclear,
                }
            }
            _ => AwsPrincipals::Unclear,
        }
    }
}

/// The session of a role that uses a key.
#[derive(Debug, Clone, Copy)]
pub struct KeyUser<'a> {
    /// The role's account.
    pub account: &'a str,
    /// The role's ARN.
    pub role_arn: &'a str,
    /// The role's name.
    pub role_name: &'a str,
    /// The name of its session, the instance's id, where known.
    pub session: Option<&'a str>,
}

impl KeyUser<'_> {
    fn partition(&self) -> &str {
        self.role_arn.split(':').nth(1).unwrap_or_default()
    }
}

/// What a key policy says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAnswer {
    /// Whether it leaves the decision to the policies of the role.
    pub leaves_to_role: Truth,
    /// Whether it allows the role or its session by name, or everybody.
    pub allows: Truth,
    /// Whether it denies.
    pub denies: Truth,
}

/// Evaluates a key policy, parsed as one of a resource.
pub fn evaluate_key_policy(document: &Document, user: &KeyUser<'_>, request: &Request) -> KeyAnswer {
    let any = |effect: Effect, speaks: &dyn Fn(&Statement) -> Truth| {
        let relevant =
            document.statements.iter().filter(|statement| statement.effect.is_none_or(|known| known == effect));
        let each = relevant.map(|statement| speaks(statement).and(applies(document, statement, request)));
        each.fold(Truth::False, Truth::or)
    };
    KeyAnswer {
        leaves_to_role: any(Effect::Allow, &|statement| named(statement, |name| is_account(name, user))),
        allows: any(Effect::Allow, &|statement| everyone_or(statement, |name| is_role(name, user))),
        denies: any(Effect::Deny, &|statement| {
            everyone_or(statement, |name| is_account(name, user) || is_role(name, user))
        }),
    }
}

fn named(statement: &Statement, is: impl Fn(&str) -> bool) -> Truth {
    match &statement.aws_principals {
        AwsPrincipals::Names(names) if names.iter().any(|name| is(name)) => Truth::True,
        AwsPrincipals::Names(_) | AwsPrincipals::Everyone => Truth::False,
        AwsPrincipals::Unclear => unclear(),
    }
}

fn everyone_or(statement: &Statement, is: impl Fn(&str) -> bool) -> Truth {
    match &statement.aws_principals {
        AwsPrincipals::Everyone => Truth::True,
        _ => named(statement, is),
    }
}

fn unclear() -> Truth {
    Truth::Unknown(Doubt::note("whom a statement of the key policy means is not clear"))
}

/// The account, as its id or as its root. One of another partition is another account.
fn is_account(name: &str, user: &KeyUser<'_>) -> bool {
    name == user.account || name == format!("arn:{}:iam::{}:root", user.partition(), user.account)
}

fn is_role(name: &str, user: &KeyUser<'_>) -> bool {
    let session = user.session.map(|session| {
        format!("arn:{}:sts::{}:assumed-role/{}/{session}", user.partition(), user.account, user.role_name)
    });
    name == user.role_arn || session.is_some_and(|session| name == session)
}
