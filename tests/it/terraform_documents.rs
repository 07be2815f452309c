//! Policy documents of data sources that are read only at apply: what goes into them is in the plan.

use serde_json::{Value, json};

use crate::support::model::CORE;
use crate::support::report::{Code, Verdict};
use crate::support::terraform::{Resource, made, plan};
use crate::terraform_plans::{chain, core, holds, instance, only, profile, role_with};

use Verdict::{NotReady, Ready, Unknown};

const ADDRESS: &str = "data.aws_iam_policy_document.web";

fn statement(effect: &str, actions: &[&str], more: Value) -> Value {
    let mut statement =
        json!({ "effect": effect, "actions": actions, "resources": ["*"], "sid": null, "condition": [] });
    statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    statement
}

fn grants() -> Value {
    statement("Allow", &CORE, json!({}))
}

/// A data source of these statements, `unknown` what of them is not known.
fn source(address: &str, statements: Value, unknown: Value) -> Resource {
    made(address, json!({ "statement": statements }))
        .unknown(json!({ "json": true, "minified_json": true, "id": true, "statement": unknown }))
        .actions(&["read"])
}

fn inline() -> Resource {
    made("aws_iam_role_policy.core", json!({ "name": "core", "role": "web" }))
        .refers("policy", &format!("{ADDRESS}.json"))
}

fn of(statements: Value, unknown: Value) -> Value {
    chain(vec![inline(), source(ADDRESS, statements, unknown)])
}

#[test]
fn a_document_is_put_together_out_of_what_is_known() {
    let missing = [Code::MissingPermission];
    holds("all known", &of(json!([grants()]), json!([{}])), Ready, &[]);
    holds("nothing of it", &of(json!([]), json!([])), NotReady, &missing);
    let other = statement("Allow", &["s3:GetObject"], json!({}));
    holds("another action", &of(json!([other]), json!([{}])), NotReady, &missing);
    let denies = json!([grants(), statement("Deny", &["ssmmessages:*"], json!({}))]);
    holds("a deny", &of(denies, json!([{}, {}])), NotReady, &[Code::ExplicitDeny]);
    let condition = json!([{ "test": "StringEquals", "variable": "aws:RequestedRegion", "values": ["eu-west-1"] }]);
    let elsewhere = statement("Allow", &CORE, json!({ "condition": condition }));
    holds("a condition", &of(json!([elsewhere]), json!([{}])), NotReady, &missing);
    let all_but = json!([{ "effect": "Allow", "not_actions": ["s3:*"], "resources": ["*"] }]);
    holds("all but", &of(all_but, json!([{}])), Ready, &[]);
    // Nothing is known of blocks that are worked out.
    holds("blocks", &of(Value::Null, json!(true)), Unknown, &[Code::NotInPlan]);
}

/// What is not known leaves the rest as it is, and the finding names it.
#[test]
fn what_is_not_known_of_a_document_is_unknown_in_that_part() {
    let of_bucket = statement("Allow", &["s3:GetObject"], json!({ "resources": [null] }));
    holds("of another action", &of(json!([grants(), of_bucket]), json!([{}, { "resources": [true] }])), Ready, &[]);
    let denied = |more: Value, unknown: Value| {
        of(json!([grants(), statement("Deny", &["ssmmessages:*"], more)]), json!([{}, unknown]))
    };
    for (name, more, unknown) in [
        ("resources", json!({ "resources": [null] }), json!({ "resources": [true] })),
        ("condition", json!({}), json!({ "condition": true })),
        ("actions", json!({ "actions": null }), json!({ "actions": true })),
    ] {
        let outcome = only(&denied(more, unknown));
        assert_eq!(outcome.verdict, Unknown, "{name}: {:?}", outcome.findings);
        let address = format!("{ADDRESS}.statement[1].{name}");
        assert!(outcome.findings.iter().any(|it| it.message.contains(&address)), "{address}: {:?}", outcome.findings);
    }
    // One of two resources is known, and that one is denied.
    let in_part = denied(json!({ "resources": ["*", null] }), json!({ "resources": [false, true] }));
    holds("a list in part", &in_part, NotReady, &[Code::ExplicitDeny]);
    let effect = denied(json!({ "effect": null }), json!({ "effect": true }));
    holds("an effect", &effect, Unknown, &[Code::NotInPlan]);
}

/// As the provider does it: statements are added, and one of the same `Sid` takes the place of the other.
#[test]
fn documents_are_merged_as_the_provider_does() {
    let merged = |own: Value, argument: &str, document: String| {
        let source = made(ADDRESS, json!({ "statement": own, argument: [document] }));
        chain(vec![inline(), source.unknown(json!({ "json": true, "statement": [{}] })).actions(&["read"])])
    };
    let named = |actions: &[&str]| {
        let statement = json!({ "Sid": "Core", "Effect": "Allow", "Action": actions, "Resource": "*" });
        json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
    };
    let own = |actions: &[&str], sid: &str| json!([statement("Allow", actions, json!({ "sid": sid }))]);
    let missing = [Code::MissingPermission];
    let s3 = ["s3:GetObject"];
    holds("a source", &merged(own(&s3, ""), "source_policy_documents", core()), Ready, &[]);
    holds(
        "a source of the same Sid",
        &merged(own(&s3, "Core"), "source_policy_documents", named(&CORE)),
        NotReady,
        &missing,
    );
    holds(
        "an override of the same Sid",
        &merged(own(&CORE, "Core"), "override_policy_documents", named(&s3)),
        NotReady,
        &missing,
    );
    holds("an override of another", &merged(own(&CORE, "Other"), "override_policy_documents", named(&s3)), Ready, &[]);

    let of_other = |reference: &str| {
        let source = source(ADDRESS, json!([statement("Allow", &s3, json!({}))]), json!([{}]))
            .merge_unknown(json!({ "source_policy_documents": [true] }))
            .expression("source_policy_documents", crate::support::terraform::references(&[reference]));
        let other = source_of("data.aws_iam_policy_document.other");
        chain(vec![inline(), source, other])
    };
    holds("another data source", &of_other("data.aws_iam_policy_document.other.json"), Ready, &[]);
    holds("a local value", &of_other("local.document"), Unknown, &[Code::NotInPlan]);
}

fn source_of(address: &str) -> Resource {
    source(address, json!([grants()]), json!([{}]))
}

#[test]
fn a_trust_policy_and_a_managed_policy_may_be_such_a_document() {
    let trusts = |principals: Value, unknown: Value| {
        let statement = json!({ "effect": "Allow", "actions": ["sts:AssumeRole"], "principals": principals });
        let role =
            role_with(json!({ "assume_role_policy": null })).refers("assume_role_policy", &format!("{ADDRESS}.json"));
        let policy = made("aws_iam_role_policy.core", json!({ "name": "core", "role": "web", "policy": core() }));
        let source = source(ADDRESS, json!([statement]), json!([{ "principals": unknown }]));
        plan(vec![instance(), profile(), role, policy, source])
    };
    let of = |kind: &str, identifier: Value| json!({ "type": kind, "identifiers": [identifier] });
    let trust = |service: &str| trusts(json!([of("Service", json!(service))]), json!([]));
    // The role of a pipeline is trusted beside EC2.
    let beside = |service: &str| {
        let principals = json!([of("AWS", Value::Null), of("Service", json!(service))]);
        trusts(principals, json!([{ "identifiers": [true] }, { "identifiers": [false] }]))
    };
    holds("trust beside one that is not known", &beside("ec2.amazonaws.com"), Ready, &[]);
    holds("another trust beside one", &beside("lambda.amazonaws.com"), Unknown, &[]);
    holds("trust", &trust("ec2.amazonaws.com"), Ready, &[]);
    holds("another trust", &trust("lambda.amazonaws.com"), NotReady, &[Code::TrustPolicy]);

    let managed = made("aws_iam_policy.core", json!({ "name": "core" }))
        .unknown(json!({ "arn": true, "id": true }))
        .refers("policy", &format!("{ADDRESS}.minified_json"))
        .merge_unknown(json!({ "arn": true, "id": true }));
    let attach = made("aws_iam_role_policy_attachment.core", json!({ "role": "web" }))
        .refers("policy_arn", "aws_iam_policy.core.arn");
    holds("managed", &chain(vec![managed, attach, source_of(ADDRESS)]), Ready, &[]);

    // Of several that one block makes, it has to be the same whichever is meant.
    let several = |other: Value| {
        let expressions = json!({ "policy": { "references": ["data.aws_iam_policy_document.web", "count.index"] } });
        let inline = made("aws_iam_role_policy.core[0]", json!({ "name": "core", "role": "web" }));
        let both = [("[0]", grants()), ("[1]", other)]
            .map(|(index, statement)| source(&format!("{ADDRESS}{index}"), json!([statement]), json!([{}])));
        let inline = inline.unknown(json!({ "policy": true })).expressions(expressions);
        chain([vec![inline], both.to_vec()].concat())
    };
    holds("alike", &several(grants()), Ready, &[]);
    holds("not alike", &several(statement("Allow", &["s3:*"], json!({}))), Unknown, &[Code::NotInPlan]);
}
