//! What a world says of the organization that its account is in.
//!
//! The management account knows all accounts ([`World::member`]); any account knows the way from the root down to itself.

use serde_json::{Value, json};

use super::answer::Answer;
use super::model::{Level, Member, Organization};
use super::stub::{Call, unknown};
use super::world::{World, page};

/// When every account came to its organization, in seconds since 1970.
const JOINED: u64 = 1_700_000_000;

impl World {
    /// Puts the account into an organization: its levels from the root down to the account itself.
    pub fn organization(mut self, id: &str, management_account: &str, levels: impl IntoIterator<Item = Level>) -> Self {
        self.organization = Some(Organization {
            id: id.into(),
            management_account: management_account.into(),
            levels: levels.into_iter().collect(),
            members: Vec::new(),
            visible: true,
            delegated: false,
        });
        self
    }

    /// Puts the account into an organization of which it may ask nothing but its id.
    pub fn hidden_organization(self, id: &str, management_account: &str) -> Self {
        self.organization(id, management_account, []).in_organization(|organization| organization.visible = false)
    }

    /// Another account of the organization that the account is in.
    pub fn member(self, member: Member) -> Self {
        self.in_organization(|organization| organization.members.push(member))
    }

    /// Lets the account list the accounts of its organization although it does not manage it.
    pub fn delegated(self) -> Self {
        self.in_organization(|organization| organization.delegated = true)
    }

    fn in_organization(mut self, change: impl FnOnce(&mut Organization)) -> Self {
        change(self.organization.as_mut().expect("the world is in an organization"));
        self
    }

    pub(super) fn about_organization(&self, call: &Call) -> Answer {
        let Some(organization) = &self.organization else {
            let message = "Your account is not a member of an organization.";
            return Answer::error("AWSOrganizationsNotInUseException", message);
        };
        let (id, management) = (&organization.id, &organization.management_account);
        if call.action == "DescribeOrganization" {
            return Answer::json(&json!({"Organization": {
                "Id": id, "MasterAccountId": management, "FeatureSet": "ALL",
                "Arn": format!("arn:{}:organizations::{management}:organization/{id}", self.partition),
            }}));
        }
        let lists = organization.delegated || self.account == *management;
        if !organization.visible || call.action == "ListAccounts" && !lists {
            let message = "You don't have permissions to access this resource.";
            return Answer::error("AccessDeniedException", message);
        }
        match call.action.as_str() {
            "ListAccounts" => self.in_pages(call, "Accounts", &self.accounts_of(organization)),
            "ListParents" => list_parents(organization, call),
            "ListPoliciesForTarget" => self.list_policies_for_target(organization, call),
            "DescribePolicy" => describe_policy(organization, call),
            _ => unknown(call),
        }
    }

    /// The management account and the others.
    fn accounts_of(&self, organization: &Organization) -> Vec<Value> {
        let management = Member::new(&organization.management_account).named("management");
        let known = organization.members.iter().any(|member| member.level.id == management.level.id);
        let management = (!known).then_some(&management);
        let of = format!("{}:account/{}", organization.management_account, organization.id);
        let account = |member: &Member| {
            let id = &member.level.id;
            json!({
                "Id": id, "Arn": format!("arn:{}:organizations::{of}/{id}", self.partition), "Name": member.name,
                "Email": format!("{id}@example.com"), "Status": member.status, "State": member.status,
                "JoinedMethod": "CREATED", "JoinedTimestamp": JOINED,
            })
        };
        management.into_iter().chain(&organization.members).map(account).collect()
    }

    fn list_policies_for_target(&self, organization: &Organization, call: &Call) -> Answer {
        let tree = organization.tree();
        let Some(node) = tree.iter().find(|node| node.level.id == call.parameter("TargetId")) else {
            return Answer::error("TargetNotFoundException", "there is no such target");
        };
        let policies = organization.policies();
        let policy_type = call.parameter("Filter");
        let attached = match policy_type {
            "SERVICE_CONTROL_POLICY" => &node.level.scps,
            "RESOURCE_CONTROL_POLICY" => &node.level.rcps,
            _ => return unknown(call),
        };
        let id = |attached: &(String, String)| {
            let place = policies.iter().position(|policy| *policy == attached);
            place.map(|place| format!("p-{place:08x}"))
        };
        let summary = |policy: &(String, String)| json!({"Id": id(policy), "Name": policy.0, "Type": policy_type});
        self.in_pages(call, "Policies", &attached.iter().map(summary).collect::<Vec<_>>())
    }

    fn in_pages(&self, call: &Call, list: &str, all: &[Value]) -> Answer {
        let (page, next) = page(all, self.page_size, call.parameter("NextToken"), call.parameter("MaxResults"));
        Answer::json(&json!({ list: page, "NextToken": next }))
    }
}

fn list_parents(organization: &Organization, call: &Call) -> Answer {
    let tree = organization.tree();
    let at = |id: &str| tree.iter().find(|node| node.level.id == id);
    match at(call.parameter("ChildId")).and_then(|node| at(node.parent?)) {
        Some(parent) => {
            let kind = if parent.parent.is_none() { "ROOT" } else { "ORGANIZATIONAL_UNIT" };
            Answer::json(&json!({"Parents": [{"Id": parent.level.id, "Type": kind}]}))
        }
        None => Answer::error("ChildNotFoundException", "there is no such child"),
    }
}

fn describe_policy(organization: &Organization, call: &Call) -> Answer {
    let id = call.parameter("PolicyId");
    let place = id.strip_prefix("p-").and_then(|place| usize::from_str_radix(place, 16).ok());
    match place.and_then(|place| organization.policies().get(place).copied()) {
        Some((name, document)) => {
            Answer::json(&json!({"Policy": { "PolicySummary": {"Id": id, "Name": name}, "Content": document }}))
        }
        None => Answer::error("PolicyNotFoundException", "there is no such policy"),
    }
}
