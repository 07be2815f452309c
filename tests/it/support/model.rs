//! The things of a small account, as Rust values.

pub use super::model_organization::{Level, Member, Organization};
use super::xml::fake_id;

/// The version of the agent of every instance that says nothing else.
pub const AGENT: &str = "3.3.2299.0";

/// An EC2 instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub id: String,
    pub region: String,
    pub state: String,
    pub tags: Vec<(String, String)>,
    pub vpc: Option<String>,
    pub private_ip: Option<String>,
    /// The name of its instance profile, which need not exist any more.
    pub profile: Option<String>,
    /// The profile's id as the instance knows it, where it differs from what IAM says.
    pub profile_id: Option<String>,
    /// The profile's path as the instance knows it, where it differs from what IAM says.
    pub profile_path: Option<String>,
    /// The state of the profile's association.
    pub association: String,
    /// The id of the profile's association, which says something only while there is a profile.
    pub association_id: String,
    pub metadata: Option<Metadata>,
    /// The agent, as Systems Manager last saw it; `None` if it never did.
    pub agent: Option<Agent>,
}

/// The SSM Agent of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    pub ping: String,
    pub version: String,
    pub platform: String,
}

/// The metadata options of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    pub endpoint: String,
    pub tokens: String,
    pub hop_limit: u32,
    pub state: String,
}

impl Instance {
    /// A running instance in `us-east-1` without a profile, its agent online.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            region: "us-east-1".into(),
            state: "running".into(),
            tags: Vec::new(),
            vpc: Some("vpc-0abc".into()),
            private_ip: Some("10.0.0.10".into()),
            profile: None,
            profile_id: None,
            profile_path: None,
            association: "associated".into(),
            association_id: format!("iip-assoc-{id}"),
            metadata: Some(Metadata {
                endpoint: "enabled".into(),
                tokens: "required".into(),
                hop_limit: 1,
                state: "applied".into(),
            }),
            agent: Some(Agent { ping: "Online".into(), version: AGENT.into(), platform: "Linux".into() }),
        }
    }

    /// Its agent: `Online`, `ConnectionLost` or `Inactive`, and its version.
    pub fn agent(mut self, ping: &str, version: &str) -> Self {
        self.agent = Some(Agent { ping: ping.into(), version: version.into(), platform: "Linux".into() });
        self
    }

    /// Systems Manager never saw its agent.
    pub fn without_agent(mut self) -> Self {
        self.agent = None;
        self
    }

    pub fn profile(mut self, name: &str) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// The profile was deleted and made again since: the instance holds the old id.
    pub fn stale_profile_id(mut self, id: &str) -> Self {
        self.profile_id = Some(id.into());
        self
    }

    pub fn association(mut self, state: &str) -> Self {
        self.association = state.into();
        self
    }

    pub fn region(mut self, region: &str) -> Self {
        self.region = region.into();
        self
    }

    pub fn state(mut self, state: &str) -> Self {
        self.state = state.into();
        self
    }

    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    /// Metadata options: `enabled` or `disabled`, `required` or `optional`, `applied` or `pending`.
    pub fn metadata(mut self, endpoint: &str, tokens: &str, state: &str) -> Self {
        self.metadata =
            Some(Metadata { endpoint: endpoint.into(), tokens: tokens.into(), hop_limit: 1, state: state.into() });
        self
    }

    /// As from an emulator that knows no metadata options.
    pub fn without_metadata(mut self) -> Self {
        self.metadata = None;
        self
    }
}

/// An instance profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub path: String,
    /// `AIPA...`; one that is made while the stub runs gets an id that none had before.
    pub id: String,
    /// The name of its role, which need not exist.
    pub role: Option<String>,
    pub tags: Vec<(String, String)>,
}

impl Profile {
    /// A profile that holds no role.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), path: "/".into(), id: fake_id("AIPA", name), role: None, tags: Vec::new() }
    }

    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    pub fn role(mut self, name: &str) -> Self {
        self.role = Some(name.into());
        self
    }

    /// With the slashes at both ends.
    pub fn path(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }
}

/// A trust policy that admits the EC2 service.
pub const EC2_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// A role. Documents are anything that prints as JSON: a string or a `serde_json::Value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub name: String,
    pub path: String,
    /// `AROA...`; one that is made while the stub runs gets an id that none had before.
    pub id: String,
    pub trust: String,
    pub inline: Vec<(String, String)>,
    /// ARNs, or names of policies of the account.
    pub attached: Vec<String>,
    pub boundary: Option<String>,
    pub tags: Vec<(String, String)>,
}

impl Role {
    /// A role that EC2 may assume and that may do nothing.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            path: "/".into(),
            id: fake_id("AROA", name),
            trust: EC2_TRUST.into(),
            inline: Vec::new(),
            attached: Vec::new(),
            boundary: None,
            tags: Vec::new(),
        }
    }

    /// With the slashes at both ends.
    pub fn path(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    pub fn trust(mut self, document: impl ToString) -> Self {
        self.trust = document.to_string();
        self
    }

    pub fn inline(mut self, name: &str, document: impl ToString) -> Self {
        self.inline.push((name.into(), document.to_string()));
        self
    }

    /// The text of an inline policy, exactly as it was sent.
    pub fn document(&self, name: &str) -> Option<&str> {
        self.inline.iter().find(|(known, _)| known == name).map(|(_, document)| document.as_str())
    }

    /// Attaches a policy by its ARN, or by its name if it is one of the account.
    pub fn attach(mut self, policy: &str) -> Self {
        self.attached.push(policy.into());
        self
    }

    /// The permissions boundary, by ARN or name.
    pub fn boundary(mut self, policy: &str) -> Self {
        self.boundary = Some(policy.into());
        self
    }

    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }
}

/// What `AmazonSSMManagedInstanceCore` says.
pub const SSM_CORE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:DescribeAssociation","ssm:GetDeployablePatchSnapshotForInstance","ssm:GetDocument","ssm:DescribeDocument","ssm:GetManifest","ssm:GetParameter","ssm:GetParameters","ssm:ListAssociations","ssm:ListInstanceAssociations","ssm:PutInventory","ssm:PutComplianceItems","ssm:PutConfigurePackageResult","ssm:UpdateAssociationStatus","ssm:UpdateInstanceAssociationStatus","ssm:UpdateInstanceInformation"],"Resource":"*"},{"Effect":"Allow","Action":["ssmmessages:CreateControlChannel","ssmmessages:CreateDataChannel","ssmmessages:OpenControlChannel","ssmmessages:OpenDataChannel"],"Resource":"*"},{"Effect":"Allow","Action":["ec2messages:AcknowledgeMessage","ec2messages:DeleteMessage","ec2messages:FailMessage","ec2messages:GetEndpoint","ec2messages:GetMessages","ec2messages:SendReply"],"Resource":"*"}]}"#;

/// A managed policy.
#[derive(Debug, Clone)]
pub struct Policy {
    pub name: String,
    pub path: String,
    /// Whether it belongs to AWS and not to the account.
    pub of_aws: bool,
    /// The id of the default version.
    pub version: String,
    pub document: String,
    /// Ids and documents of the other versions.
    pub older: Vec<(String, String)>,
}

impl Policy {
    /// A policy of the account.
    pub fn new(name: &str, document: impl ToString) -> Self {
        Self {
            name: name.into(),
            path: "/".into(),
            of_aws: false,
            version: "v1".into(),
            document: document.to_string(),
            older: Vec::new(),
        }
    }

    /// A policy of AWS.
    pub fn of_aws(name: &str, document: impl ToString) -> Self {
        Self { of_aws: true, ..Self::new(name, document) }
    }

    /// With the slashes at both ends.
    pub fn path(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    /// The id of its default version, `v1` if nothing else is said.
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.into();
        self
    }

    /// Another version, which is not the default one.
    pub fn older(mut self, version: &str, document: impl ToString) -> Self {
        self.older.push((version.into(), document.to_string()));
        self
    }
}

/// A KMS key.
#[derive(Debug, Clone)]
pub struct Key {
    pub id: String,
    pub region: String,
    /// Names with their `alias/`.
    pub aliases: Vec<String>,
    pub state: String,
    /// Its policy; if nothing is said, the account's root may do everything.
    pub policy: Option<String>,
}

impl Key {
    pub fn new(id: &str) -> Self {
        Self { id: id.into(), region: "us-east-1".into(), aliases: Vec::new(), state: "Enabled".into(), policy: None }
    }

    /// `Enabled`, `Disabled`, `PendingDeletion` and so on.
    pub fn state(mut self, state: &str) -> Self {
        self.state = state.into();
        self
    }

    pub fn policy(mut self, document: impl ToString) -> Self {
        self.policy = Some(document.to_string());
        self
    }

    pub fn region(mut self, region: &str) -> Self {
        self.region = region.into();
        self
    }

    pub fn alias(mut self, name: &str) -> Self {
        self.aliases.push(name.into());
        self
    }
}

/// A bucket. Its caller may not list it, as a caller of `check` need not.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub name: String,
    pub region: String,
    /// The algorithm, and the key, of its default encryption.
    pub encryption: Option<(String, Option<String>)>,
    pub policy: Option<String>,
    /// Whether it is of another account.
    pub is_foreign: bool,
}

impl Bucket {
    /// A bucket as S3 makes it today: encrypted with a key of S3's own, and without a policy.
    pub fn new(name: &str) -> Self {
        let encryption = Some(("AES256".into(), None));
        Self { name: name.into(), region: "us-east-1".into(), encryption, policy: None, is_foreign: false }
    }

    pub fn region(mut self, region: &str) -> Self {
        self.region = region.into();
        self
    }

    pub fn encryption(mut self, algorithm: &str, key: Option<&str>) -> Self {
        self.encryption = Some((algorithm.into(), key.map(ToString::to_string)));
        self
    }

    pub fn policy(mut self, document: impl ToString) -> Self {
        self.policy = Some(document.to_string());
        self
    }

    pub fn foreign(mut self) -> Self {
        self.is_foreign = true;
        self
    }
}

/// A log group.
#[derive(Debug, Clone)]
pub struct LogGroup {
    pub name: String,
    pub region: String,
    pub key: Option<String>,
}

impl LogGroup {
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), region: "us-east-1".into(), key: None }
    }

    pub fn key(mut self, arn: &str) -> Self {
        self.key = Some(arn.into());
        self
    }
}

/// What the policy simulator says of one action.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// `allowed`, `implicitDeny` or `explicitDeny`.
    pub decision: String,
    pub missing: Vec<String>,
    pub allowed_by_organizations: Option<bool>,
}

impl Simulated {
    pub fn new(decision: &str) -> Self {
        Self { decision: decision.into(), missing: Vec::new(), allowed_by_organizations: None }
    }

    /// It had no value for this key.
    pub fn missing(mut self, key: &str) -> Self {
        self.missing.push(key.into());
        self
    }

    pub fn organizations(mut self, allowed: bool) -> Self {
        self.allowed_by_organizations = Some(allowed);
        self
    }
}

/// A trust policy that admits Systems Manager.
pub const SSM_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ssm.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// Members that stand twice in a statement beside those of an allow. IAM stores no such document anew.
pub const TWICE: [&str; 5] = [
    r#""Effect": "Deny""#,
    r#""Effect": "Allow""#,
    r#""Action": "s3:*""#,
    r#""Resource": "*""#,
    r#""Sid": "A", "Sid": "B""#,
];

/// The five actions that every session needs.
pub const CORE: [&str; 5] = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
];
