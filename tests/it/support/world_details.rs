//! What a world answers to the reads of IAM that give a whole account at once.

use super::answer::Answer;
use super::http::encode;
use super::model::{Policy, Profile, Role};
use super::stub::Call;
use super::world::{World, page};
use super::xml::{WHEN, attached_policies, element, iam, list_instance_profiles, page_end};
use super::xml::{fake_id, permissions_boundary, policy_version, tag_list, within};

/// What `GetAccountAuthorizationDetails` can be asked for.
const KINDS: [&str; 5] = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];

/// One element of a page.
enum Detail {
    Role(String),
    Policy(String),
}

impl World {
    pub(super) fn account_authorization_details(&self, call: &Call) -> Answer {
        let kinds = call.list("Filter.member");
        if let Some(kind) = kinds.iter().find(|kind| !KINDS.contains(kind)) {
            let message =
                format!("1 validation error detected: Value '[{kind}]' at 'filter' failed to satisfy constraint");
            return Answer::error("ValidationError", &message);
        }
        let wants = |kind: &str| kinds.is_empty() || kinds.contains(&kind);
        let roles = self.roles.iter().filter(|_| wants("Role")).map(|role| Detail::Role(self.role_detail(role)));
        let policies = (self.policies.iter())
            .filter(|policy| wants(if policy.of_aws { "AWSManagedPolicy" } else { "LocalManagedPolicy" }))
            .filter_map(|policy| self.policy_detail(policy).map(Detail::Policy));
        let all: Vec<Detail> = roles.chain(policies).collect();
        let (page, next) = page(&all, self.page_size, call.parameter("Marker"), call.parameter("MaxItems"));

        let (mut roles, mut policies) = (String::new(), String::new());
        for detail in page {
            match detail {
                Detail::Role(role) => roles += &within("member", role),
                Detail::Policy(policy) => policies += &within("member", policy),
            }
        }
        let lists = [
            ("UserDetailList", String::new()),
            ("GroupDetailList", String::new()),
            ("RoleDetailList", roles),
            ("Policies", policies),
        ];
        let lists: String = lists.into_iter().map(|(name, members)| list(name, &members)).collect();
        Answer::xml(iam(&call.action, page_end(next.as_deref()) + &lists))
    }

    pub(super) fn list_instance_profiles(&self, call: &Call) -> Answer {
        let prefix = call.parameter("PathPrefix");
        let within_path = self.profiles.iter().filter(|profile| profile.path.starts_with(prefix));
        // A list says nothing of the tags.
        let bare = within_path.map(|profile| Profile { tags: Vec::new(), ..profile.clone() });
        let all: Vec<String> = bare.map(|profile| self.whole_profile(&profile)).collect();
        let (page, next) = page(&all, self.page_size, call.parameter("Marker"), call.parameter("MaxItems"));
        Answer::xml(list_instance_profiles(&call.action, page, next.as_deref()))
    }

    fn role_detail(&self, role: &Role) -> String {
        let inline = |(name, document): &(String, String)| {
            within("member", element("PolicyName", name) + &element("PolicyDocument", encode(document)))
        };
        let arns = role.attached.iter().map(|policy| self.policy_named(policy));
        let attached: Vec<(String, String)> =
            arns.map(|arn| (arn.rsplit('/').next().unwrap_or_default().to_string(), arn)).collect();
        let holding = self.profiles.iter().filter(|profile| profile.role.as_ref() == Some(&role.name));
        let profiles: String = holding.map(|profile| within("member", self.whole_profile(profile))).collect();
        let boundary = role.boundary.as_deref().map(|policy| permissions_boundary(&self.policy_named(policy)));
        self.shared_of(role)
            + &list("InstanceProfileList", &profiles)
            + &list("RolePolicyList", &role.inline.iter().map(inline).collect::<String>())
            + &attached_policies("AttachedManagedPolicies", &attached)
            + &boundary.unwrap_or_default()
            + &tag_list(&role.tags)
            + &list("RoleLastUsed", "")
    }

    /// Nothing for a policy that AWS leaves out: one of AWS that is attached nowhere, and any that is only a boundary.
    fn policy_detail(&self, policy: &Policy) -> Option<String> {
        let arn = self.policy_arn(policy);
        let is = |known: &String| self.policy_named(known) == arn;
        let attached = self.roles.iter().filter(|role| role.attached.iter().any(is)).count();
        let boundaries = self.roles.iter().filter(|role| role.boundary.as_ref().is_some_and(is)).count();
        if attached == 0 && (policy.of_aws || boundaries > 0) {
            return None;
        }
        let older = policy.older.iter().map(|(id, document)| policy_version(id, document, false));
        let versions = older.chain([policy_version(&policy.version, &policy.document, true)]);
        let versions: String = versions.map(|version| within("member", version)).collect();
        let detail = element("PolicyName", &policy.name)
            + &element("PolicyId", fake_id("ANPA", &policy.name))
            + &element("Arn", &arn)
            + &element("Path", &policy.path)
            + &element("DefaultVersionId", &policy.version)
            + &element("AttachmentCount", attached)
            + &element("PermissionsBoundaryUsageCount", boundaries)
            + &element("IsAttachable", true)
            + &element("CreateDate", WHEN)
            + &element("UpdateDate", WHEN)
            + &list("PolicyVersionList", &versions);
        Some(detail)
    }
}

/// A list, as it is written where it is empty as well.
fn list(name: &str, members: &str) -> String {
    if members.is_empty() { format!("<{name}/>") } else { within(name, members) }
}
