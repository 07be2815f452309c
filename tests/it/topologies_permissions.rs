//! Topologies where permissions depend on the network: endpoint policies and conditions on the way; and what an agent or a
//! stopped instance says.

use serde_json::{Value, json};

use crate::live_stub::{allow_if, policy};
use crate::support::model::EC2_TRUST;
use crate::support::network::{Place, Vpc};
use crate::support::report::{Code, PathDecision, Severity, Verdict, Via};
use crate::topologies::{Expected, Nat, PROFILE, REGION, Topology, behind_nat, private_instance};
use crate::topologies_endpoints::{endpoints, welcoming};

const fn topology(name: &'static str, why: &'static str, build: fn(&Place) -> (String, Expected)) -> Topology {
    Topology { name, why, region: REGION, arguments: &[], build }
}

/// An instance that reaches both services through endpoints with these policies.
fn through_endpoints(place: &Place, policies: [&Value; 2]) -> String {
    let vpc = place.vpc();
    let subnet = vpc.subnet(1, 'a');
    let both = endpoints(&vpc, &subnet, &[&welcoming(&vpc)]);
    for (id, document) in both.iter().zip(policies) {
        vpc.endpoint_policy(id, document);
    }
    private_instance(&vpc, &subnet)
}

/// An endpoint policy of one statement.
fn of_endpoint(effect: &str, principal: &Value, action: &Value, condition: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*", "Condition": condition},
    ]})
}

fn all() -> Value {
    of_endpoint("Allow", &json!("*"), &json!("*"), &json!({}))
}

/// A role of its own that allows everything under a condition, in a profile of the same name.
fn profile_if(place: &Place, name: &'static str, condition: &Value) -> &'static str {
    place.account.create_role(name, "/", EC2_TRUST);
    place.account.put_role_policy(name, "own", allow_if(condition));
    place.account.create_instance_profile(name, "/");
    place.account.add_role_to_instance_profile(name, name);
    name
}

/// An instance of this profile with both endpoints.
fn beside_endpoints(vpc: &Vpc<'_>, profile: impl FnOnce(&[String; 2]) -> &'static str) -> String {
    let subnet = vpc.subnet(1, 'a');
    let both = endpoints(vpc, &subnet, &[&welcoming(vpc)]);
    vpc.instance(profile(&both), &subnet, &[&vpc.group("instance")], false)
}

pub const TOPOLOGIES: [Topology; 14] = [
    topology(
        "an endpoint policy that denies",
        "a deny in an endpoint policy denies what passes the endpoint (vpc/latest/privatelink/vpc-endpoints-access.html)",
        |place| {
            let mut denying = all();
            denying["Statement"]
                .as_array_mut()
                .unwrap()
                .push(json!({"Effect": "Deny", "Principal": "*", "Action": "ssmmessages:*", "Resource": "*"}));
            let instance = through_endpoints(place, [&all(), &denying]);
            (instance, Expected::open(Via::VpcEndpoint).but(Code::EndpointPolicy))
        },
    ),
    topology(
        "an endpoint policy for another account",
        "an endpoint policy allows whom it names (vpc/latest/privatelink/vpc-endpoints-access.html)",
        |place| {
            let other = json!({"AWS": "arn:aws:iam::999988887777:root"});
            let other = of_endpoint("Allow", &other, &json!("*"), &json!({}));
            let instance = through_endpoints(place, [&other, &other]);
            (instance, Expected::open(Via::VpcEndpoint).but(Code::EndpointPolicy))
        },
    ),
    topology(
        "an endpoint policy for the account by aws:PrincipalAccount",
        "the key holds the account of the role (IAM/latest/UserGuide/reference_policies_condition-keys.html)",
        |place| {
            let own = json!({"StringEquals": {"aws:PrincipalAccount": place.account.id}});
            let own = of_endpoint("Allow", &json!("*"), &json!("*"), &own);
            (through_endpoints(place, [&own, &own]), Expected::open(Via::VpcEndpoint))
        },
    ),
    topology(
        "an endpoint policy for another account by aws:PrincipalAccount",
        "the key holds the account of the role (IAM/latest/UserGuide/reference_policies_condition-keys.html)",
        |place| {
            let other = json!({"StringEquals": {"aws:PrincipalAccount": "999988887777"}});
            let other = of_endpoint("Allow", &json!("*"), &json!("*"), &other);
            let instance = through_endpoints(place, [&other, &other]);
            (instance, Expected::open(Via::VpcEndpoint).but(Code::EndpointPolicy))
        },
    ),
    topology(
        "endpoint policies for just what the agent calls",
        "each endpoint's policy decides on the calls that pass it (vpc/latest/privatelink/vpc-endpoints-access.html)",
        |place| {
            let ssm = of_endpoint("Allow", &json!("*"), &json!("ssm:UpdateInstanceInformation"), &json!({}));
            let messages = of_endpoint("Allow", &json!("*"), &json!("ssmmessages:*"), &json!({}));
            (through_endpoints(place, [&ssm, &messages]), Expected::open(Via::VpcEndpoint))
        },
    ),
    topology(
        "an endpoint policy that leaves out the data channel",
        "what no statement of an endpoint policy allows is denied (vpc/latest/privatelink/vpc-endpoints-access.html)",
        |place| {
            let control = json!(["ssmmessages:CreateControlChannel", "ssmmessages:OpenControlChannel"]);
            let control = of_endpoint("Allow", &json!("*"), &control, &json!({}));
            let instance = through_endpoints(place, [&all(), &control]);
            (instance, Expected::open(Via::VpcEndpoint).but(Code::EndpointPolicy))
        },
    ),
    topology(
        "a role for the VPC",
        "aws:SourceVpc is the VPC of the endpoint (IAM/latest/UserGuide/reference_policies_condition-keys.html)",
        |place| {
            let vpc = place.vpc();
            let own = json!({"StringEquals": {"aws:SourceVpc": vpc.id}});
            let instance = beside_endpoints(&vpc, |_| profile_if(place, "own-vpc", &own));
            (instance, Expected::open(Via::VpcEndpoint))
        },
    ),
    topology(
        "a role for another VPC",
        "aws:SourceVpc is the VPC of the endpoint (IAM/latest/UserGuide/reference_policies_condition-keys.html)",
        |place| {
            let vpc = place.vpc();
            let other = json!({"StringEquals": {"aws:SourceVpc": "vpc-0fedcba9876543210"}});
            let instance = beside_endpoints(&vpc, |_| profile_if(place, "other-vpc", &other));
            (instance, Expected::open(Via::VpcEndpoint).but(Code::MissingPermission))
        },
    ),
    topology(
        "a role for the VPC, and a NAT gateway",
        "aws:SourceVpc is there only with an endpoint (IAM/latest/UserGuide/reference_policies_condition-keys.html)",
        |place| {
            let vpc = place.vpc();
            let Nat { private, .. } = behind_nat(&vpc);
            let own = json!({"StringEquals": {"aws:SourceVpc": vpc.id}});
            let profile = profile_if(place, "own-vpc-by-nat", &own);
            let instance = vpc.instance(profile, &private, &[&vpc.group("instance")], false);
            (instance, Expected::open(Via::NatGateway).but(Code::MissingPermission))
        },
    ),
    topology(
        "a role for both endpoints",
        "aws:SourceVpce is the endpoint that the request came through (IAM/latest/UserGuide/reference_policies_condition-keys.html)",
        |place| {
            let vpc = place.vpc();
            let own = |both: &[String; 2]| json!({"StringEquals": {"aws:SourceVpce": both}});
            let instance = beside_endpoints(&vpc, |both| profile_if(place, "own-endpoints", &own(both)));
            (instance, Expected::open(Via::VpcEndpoint))
        },
    ),
    topology(
        "a role for one endpoint of two",
        "aws:SourceVpce is the endpoint that the request came through (IAM/latest/UserGuide/reference_policies_condition-keys.html)",
        |place| {
            let vpc = place.vpc();
            let one = |both: &[String; 2]| json!({"StringEquals": {"aws:SourceVpce": both[0]}});
            let instance = beside_endpoints(&vpc, |both| profile_if(place, "one-endpoint", &one(both)));
            (instance, Expected::open(Via::VpcEndpoint).but(Code::MissingPermission))
        },
    ),
    topology(
        "a role that denies what comes from elsewhere than its VPC",
        "a deny under StringNotEquals holds where the key is absent (IAM/latest/UserGuide/reference_policies_elements_condition_operators.html)",
        |place| {
            let vpc = place.vpc();
            let Nat { private, .. } = behind_nat(&vpc);
            let profile = profile_if(place, "denies-elsewhere", &json!({}));
            let mut deny = policy("Deny", "ssmmessages:*");
            deny["Statement"]["Condition"] = json!({"StringNotEquals": {"aws:SourceVpc": vpc.id}});
            place.account.put_role_policy(profile, "guard", deny);
            let instance = vpc.instance(profile, &private, &[&vpc.group("instance")], false);
            (instance, Expected::open(Via::NatGateway).but(Code::ExplicitDeny))
        },
    ),
    topology(
        "an agent that is online although its path seems closed",
        "an agent that is online proves its path, so that a closed one is a warning",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            let instance = private_instance(&vpc, &subnet);
            place.account.agent_reports(&instance, &place.region, "3.3.3598.0");
            let closed = Expected::closed(Code::NoNetworkPath, None, &[&vpc.main_route_table()]);
            (instance, Expected { verdict: Verdict::Ready, severity: Severity::Warning, ..closed })
        },
    ),
    topology(
        "a stopped instance",
        "a stopped instance has no traffic; whether it is permitted is all that can be said",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], false);
            place.stop(&instance);
            let expected = Expected {
                verdict: Verdict::Ready,
                severity: Severity::Warning,
                decision: PathDecision::NotChecked,
                paths: Vec::new(),
                codes: vec![Code::InstanceNotRunning],
            };
            (instance, expected)
        },
    ),
];
