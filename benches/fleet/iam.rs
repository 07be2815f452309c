//! IAM: an account at once (`GetAccountAuthorizationDetails`), and one thing at a time.

use super::http::{Answer, Request, encode};
use super::policies::{self, EC2_TRUST, LAMBDA_TRUST, Managed, Owner};
use super::template::{Filling, Slot, Template};
use super::world::Fleet;

const WHEN: &str = "2026-01-01T00:00:00Z";

/// What IAM sends if no number of items is asked for.
const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;

/// The account, rendered.
pub struct Directory {
    details: Vec<(Kind, Template)>,
    profiles: Vec<Template>,
    policies: Vec<Managed>,
}

/// What a filter of `GetAccountAuthorizationDetails` chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Role,
    Customer,
    Aws,
}

impl Directory {
    pub fn new(fleet: &Fleet) -> Self {
        let account = Slot::Account.mark();
        let policies = policies::all();
        let roles = (0..fleet.roles).map(|role| role_detail(fleet, account, role));
        let roles = roles.chain((0..20 + fleet.roles / 10).map(|index| other_role(account, index)));
        let mut details: Vec<(Kind, Template)> = roles.map(|text| (Kind::Role, Template::new(&text))).collect();
        details.extend(policies.iter().map(|policy| {
            let kind = if policy.owner == Owner::Aws { Kind::Aws } else { Kind::Customer };
            (kind, Template::new(&policy_detail(policy, account)))
        }));
        let profiles = (0..fleet.roles).map(|role| Template::new(&member(&profile(fleet, account, role)))).collect();
        Self { details, profiles, policies }
    }

    /// `largest` is the most items that a page has, whatever is asked for: IAM reserves itself the right to send fewer.
    pub fn answer(&self, fleet: &Fleet, request: &Request, largest: usize) -> Answer {
        let account = request.account();
        if fleet.account(account).is_none() {
            return self.answer_for_nobody(request);
        }
        let limit = request.parameter("MaxItems").parse().unwrap_or(DEFAULT_PAGE).min(LARGEST_PAGE).min(largest);
        let found = match request.action.as_str() {
            "GetAccountAuthorizationDetails" => Some(self.account_details(request, limit)),
            "ListInstanceProfiles" => Some(self.list_profiles(request, limit)),
            "GetPolicy" => self.policy(request).map(|policy| get_policy(policy, account)),
            "GetPolicyVersion" => {
                self.policy(request).filter(|policy| request.parameter("VersionId") == policy.version()).map(|policy| {
                    let version =
                        format!("<PolicyVersion>{}</PolicyVersion>", version(policy.document, policy.version(), true));
                    whole("GetPolicyVersion", &version)
                })
            }
            "GetInstanceProfile" => {
                number(request.parameter("InstanceProfileName"), fleet.profile, fleet).map(|role| {
                    let profile = format!("<InstanceProfile>{}</InstanceProfile>", profile(fleet, account, role));
                    whole("GetInstanceProfile", &profile)
                })
            }
            action => number(request.parameter("RoleName"), "-role", fleet)
                .and_then(|role| about_role(fleet, account, role, action, request)),
        };
        let missing = || {
            let action = &request.action;
            Answer::query_error(404, "NoSuchEntity", &format!("The benchmark has no answer to this {action}."))
        };
        found.map_or_else(missing, Answer::xml)
    }

    /// The account of the credentials when others are read has nothing in it.
    fn answer_for_nobody(&self, request: &Request) -> Answer {
        let lists = match request.action.as_str() {
            "GetAccountAuthorizationDetails" => {
                ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"].as_slice()
            }
            "ListInstanceProfiles" => &["InstanceProfiles"],
            _ => return Answer::query_error(404, "NoSuchEntity", "There is nothing in this account."),
        };
        let lists: String = lists.iter().map(|name| list(name, "")).collect();
        Answer::xml(whole(&request.action, &format!("{lists}<IsTruncated>false</IsTruncated>")))
    }

    fn account_details(&self, request: &Request, limit: usize) -> Vec<u8> {
        let wanted = request.list("Filter.member");
        let chosen = |kind: Kind| {
            let name = match kind {
                Kind::Role => "Role",
                Kind::Customer => "LocalManagedPolicy",
                Kind::Aws => "AWSManagedPolicy",
            };
            wanted.is_empty() || wanted.contains(&name)
        };
        let all: Vec<&(Kind, Template)> = self.details.iter().filter(|(kind, _)| chosen(*kind)).collect();
        let from = request.parameter("Marker").parse().unwrap_or(0).min(all.len());
        let to = (from + limit).min(all.len());
        let filling = Filling::of_account(request.account());
        let (mut roles, mut policies) = (Vec::new(), Vec::new());
        for (kind, template) in &all[from..to] {
            template.write(&filling, if *kind == Kind::Role { &mut roles } else { &mut policies });
        }
        let mut page = b"<UserDetailList/><GroupDetailList/>".to_vec();
        append_list("RoleDetailList", &roles, &mut page);
        append_list("Policies", &policies, &mut page);
        append_end((to < all.len()).then_some(to), &mut page);
        wrap(&request.action, &page)
    }

    fn list_profiles(&self, request: &Request, limit: usize) -> Vec<u8> {
        let from = request.parameter("Marker").parse().unwrap_or(0).min(self.profiles.len());
        let to = (from + limit).min(self.profiles.len());
        let filling = Filling::of_account(request.account());
        let mut members = Vec::new();
        for template in &self.profiles[from..to] {
            template.write(&filling, &mut members);
        }
        let mut page = Vec::new();
        append_list("InstanceProfiles", &members, &mut page);
        append_end((to < self.profiles.len()).then_some(to), &mut page);
        wrap(&request.action, &page)
    }

    fn policy(&self, request: &Request) -> Option<&Managed> {
        self.policies.iter().find(|policy| policy.arn(request.account()) == request.parameter("PolicyArn"))
    }
}

/// The number in the name of a role or a profile.
fn number(name: &str, suffix: &str, fleet: &Fleet) -> Option<usize> {
    let digits = name.strip_prefix("fleet-")?.strip_suffix(suffix)?;
    digits.parse().ok().filter(|number| *number < fleet.roles)
}

fn about_role(fleet: &Fleet, account: &str, role: usize, action: &str, request: &Request) -> Option<Vec<u8>> {
    let inner = match action {
        "GetRole" => format!("<Role>{}{}</Role>", self::role(account, role), role_end()),
        "ListRolePolicies" => {
            let names = policies::inline(fleet, role);
            let members: String = names.iter().map(|(name, _)| member(name)).collect();
            list("PolicyNames", &members) + "<IsTruncated>false</IsTruncated>"
        }
        "ListAttachedRolePolicies" => {
            attached_list("AttachedPolicies", fleet, account, role) + "<IsTruncated>false</IsTruncated>"
        }
        "GetRolePolicy" => {
            let policies = policies::inline(fleet, role);
            let (name, document) = policies.iter().find(|(name, _)| *name == request.parameter("PolicyName"))?;
            format!("<RoleName>fleet-{role:04}-role</RoleName>{}", inline(name, document))
        }
        "ListInstanceProfilesForRole" => {
            list("InstanceProfiles", &member(&profile(fleet, account, role))) + "<IsTruncated>false</IsTruncated>"
        }
        _ => return None,
    };
    Some(whole(action, &inner))
}

/// What all answers say of a role.
fn role(account: &str, role: usize) -> String {
    format!(
        "<Path>/</Path><RoleName>fleet-{role:04}-role</RoleName><RoleId>AROAFLEETROLE0000{role:04}</RoleId>\
         <Arn>arn:aws:iam::{account}:role/fleet-{role:04}-role</Arn><CreateDate>{WHEN}</CreateDate>\
         <AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument>",
        encode(EC2_TRUST)
    )
}

fn role_end() -> String {
    format!(
        "<MaxSessionDuration>3600</MaxSessionDuration><Tags><member><Key>Team</Key><Value>platform</Value></member></Tags>\
         <RoleLastUsed><LastUsedDate>{WHEN}</LastUsedDate><Region>us-east-1</Region></RoleLastUsed>"
    )
}

fn profile(fleet: &Fleet, account: &str, role: usize) -> String {
    let ending = fleet.profile;
    format!(
        "<Path>/</Path><InstanceProfileName>fleet-{role:04}{ending}</InstanceProfileName>\
         <InstanceProfileId>AIPAFLEETPROFILE0{role:04}</InstanceProfileId>\
         <Arn>arn:aws:iam::{account}:instance-profile/fleet-{role:04}{ending}</Arn><CreateDate>{WHEN}</CreateDate>{}<Tags/>",
        list("Roles", &member(&self::role(account, role)))
    )
}

fn attached_list(name: &str, fleet: &Fleet, account: &str, role: usize) -> String {
    let entry = |policy: &Managed| {
        let arn = policy.arn(account);
        member(&format!("<PolicyName>{}</PolicyName><PolicyArn>{arn}</PolicyArn>", policy.name))
    };
    list(name, &policies::attached(fleet, role).iter().map(entry).collect::<String>())
}

fn inline(name: &str, document: &str) -> String {
    format!("<PolicyName>{name}</PolicyName><PolicyDocument>{}</PolicyDocument>", encode(document))
}

fn role_detail(fleet: &Fleet, account: &str, role: usize) -> String {
    let policies = policies::inline(fleet, role);
    let inlines: String = policies.iter().map(|(name, document)| member(&inline(name, document))).collect();
    let profiles = list("InstanceProfileList", &member(&profile(fleet, account, role)));
    let attached = attached_list("AttachedManagedPolicies", fleet, account, role);
    let policies = list("RolePolicyList", &inlines);
    let tags = "<Tags><member><Key>Team</Key><Value>platform</Value></member></Tags>";
    let used = format!("<RoleLastUsed><LastUsedDate>{WHEN}</LastUsedDate><Region>us-east-1</Region></RoleLastUsed>");
    member(&format!("{}{profiles}{policies}{attached}{tags}{used}\n", self::role(account, role)))
}

/// A role that no instance has.
fn other_role(account: &str, index: usize) -> String {
    member(&format!(
        "<Path>/service/</Path><RoleName>pipeline-{index:03}</RoleName><RoleId>AROAPIPELINE00000{index:04}</RoleId>\
         <Arn>arn:aws:iam::{account}:role/service/pipeline-{index:03}</Arn><CreateDate>{WHEN}</CreateDate>\
         <AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument><InstanceProfileList/><RolePolicyList/>\
         <AttachedManagedPolicies/><Tags/><RoleLastUsed/>\n",
        encode(LAMBDA_TRUST)
    ))
}

fn policy_facts(policy: &Managed, account: &str) -> String {
    let arn = policy.arn(account);
    format!(
        "<PolicyName>{}</PolicyName><PolicyId>ANPA{:X<17.17}</PolicyId><Arn>{arn}</Arn><Path>/</Path>\
         <DefaultVersionId>{}</DefaultVersionId><AttachmentCount>1</AttachmentCount>\
         <PermissionsBoundaryUsageCount>0</PermissionsBoundaryUsageCount><IsAttachable>true</IsAttachable>\
         <CreateDate>{WHEN}</CreateDate><UpdateDate>{WHEN}</UpdateDate>",
        policy.name,
        policy.name.to_ascii_uppercase().replace('-', ""),
        policy.version(),
    )
}

fn policy_detail(policy: &Managed, account: &str) -> String {
    // An older version that grants nothing: who takes the wrong one comes to wrong verdicts.
    let old =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}"#;
    let versions = member(&version(old, "v0", false)) + &member(&version(policy.document, policy.version(), true));
    member(&format!("{}<PolicyVersionList>{versions}</PolicyVersionList>\n", policy_facts(policy, account)))
}

fn get_policy(policy: &Managed, account: &str) -> Vec<u8> {
    whole("GetPolicy", &format!("<Policy>{}<Tags/></Policy>", policy_facts(policy, account)))
}

fn version(document: &str, id: &str, default: bool) -> String {
    format!(
        "<Document>{}</Document><VersionId>{id}</VersionId><IsDefaultVersion>{default}</IsDefaultVersion>\
         <CreateDate>{WHEN}</CreateDate>",
        encode(document)
    )
}

fn member(inner: &str) -> String {
    format!("<member>{inner}</member>")
}

/// A list, which is there even if nothing is in it.
fn list(name: &str, members: &str) -> String {
    if members.is_empty() { format!("<{name}/>") } else { format!("<{name}>{members}</{name}>") }
}

fn append_list(name: &str, members: &[u8], page: &mut Vec<u8>) {
    if members.is_empty() {
        page.extend_from_slice(format!("<{name}/>").as_bytes());
        return;
    }
    page.extend_from_slice(format!("<{name}>").as_bytes());
    page.extend_from_slice(members);
    page.extend_from_slice(format!("</{name}>").as_bytes());
}

fn append_end(next: Option<usize>, page: &mut Vec<u8>) {
    let marker = next.map_or_else(String::new, |next| format!("<Marker>{next}</Marker>"));
    page.extend_from_slice(format!("<IsTruncated>{}</IsTruncated>{marker}", next.is_some()).as_bytes());
}

fn whole(action: &str, inner: &str) -> Vec<u8> {
    wrap(action, inner.as_bytes())
}

fn wrap(action: &str, inner: &[u8]) -> Vec<u8> {
    let start = format!("<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>");
    let end = format!(
        "</{action}Result><ResponseMetadata><RequestId>bench</RequestId></ResponseMetadata></{action}Response>"
    );
    [start.as_bytes(), inner, end.as_bytes()].concat()
}
