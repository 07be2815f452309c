//! The policies of an account: which there are, what is in them, and which role has which.

use super::world::{Fleet, GRANTING_POLICIES, Grant};

/// What AWS's own policy of this name allows.
const CORE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:DescribeAssociation","ssm:GetDeployablePatchSnapshotForInstance","ssm:GetDocument","ssm:DescribeDocument","ssm:GetManifest","ssm:GetParameter","ssm:GetParameters","ssm:ListAssociations","ssm:ListInstanceAssociations","ssm:PutInventory","ssm:PutComplianceItems","ssm:PutConfigurePackageResult","ssm:UpdateAssociationStatus","ssm:UpdateInstanceAssociationStatus","ssm:UpdateInstanceInformation"],"Resource":"*"},{"Effect":"Allow","Action":["ssmmessages:CreateControlChannel","ssmmessages:CreateDataChannel","ssmmessages:OpenControlChannel","ssmmessages:OpenDataChannel"],"Resource":"*"},{"Effect":"Allow","Action":["ec2messages:AcknowledgeMessage","ec2messages:DeleteMessage","ec2messages:FailMessage","ec2messages:GetEndpoint","ec2messages:GetMessages","ec2messages:SendReply"],"Resource":"*"}]}"#;

/// The least that does, as customers write it.
const LEAST: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"SessionManager","Effect":"Allow","Action":["ssm:UpdateInstanceInformation","ssmmessages:CreateControlChannel","ssmmessages:CreateDataChannel","ssmmessages:OpenControlChannel","ssmmessages:OpenDataChannel"],"Resource":"*"}]}"#;

const DENIAL: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"NoSessions","Effect":"Deny","Action":"ssmmessages:*","Resource":"*"}]}"#;

const DATA: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"ReadApplicationData","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::application-data","arn:aws:s3:::application-data/*"]},{"Sid":"WriteMetrics","Effect":"Allow","Action":"cloudwatch:PutMetricData","Resource":"*","Condition":{"StringEquals":{"cloudwatch:namespace":"Application"}}}]}"#;

/// Trusts EC2.
pub const EC2_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// Trusts what runs no instances.
pub const LAMBDA_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

const AWS_CORE: &str = "AmazonSSMManagedInstanceCore";

/// Policies that applications use beside.
const DATA_POLICIES: usize = 7;

/// Policies that have nothing to do with instances, as every account has some.
const OTHER_POLICIES: usize = 60;

/// A managed policy.
#[derive(Debug, Clone)]
pub struct Managed {
    pub name: String,
    pub owner: Owner,
    pub document: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Aws,
    Customer,
}

impl Managed {
    /// Its ARN, in whatever stands for the account.
    pub fn arn(&self, account: &str) -> String {
        let owner = if self.owner == Owner::Aws { "aws" } else { account };
        format!("arn:aws:iam::{owner}:policy/{}", self.name)
    }

    /// The version of AWS's own is the one that it has today.
    pub fn version(&self) -> &'static str {
        if self.owner == Owner::Aws { "v2" } else { "v1" }
    }

    fn customer(name: String, document: &'static str) -> Self {
        Self { name, owner: Owner::Customer, document }
    }
}

fn core() -> Managed {
    Managed { name: AWS_CORE.into(), owner: Owner::Aws, document: CORE }
}

fn granting(index: usize) -> Managed {
    Managed::customer(format!("SessionManager-{index:02}"), LEAST)
}

fn data(index: usize) -> Managed {
    Managed::customer(format!("ApplicationData-{index:02}"), DATA)
}

/// All managed policies that are in use or of the account.
pub fn all() -> Vec<Managed> {
    let others = (0..OTHER_POLICIES).map(|index| Managed::customer(format!("Pipeline-{index:03}"), DATA));
    let granting = (0..GRANTING_POLICIES).map(granting);
    granting.chain((0..DATA_POLICIES).map(data)).chain(others).chain([core()]).collect()
}

/// The managed policies that are attached to a role.
pub fn attached(fleet: &Fleet, role: usize) -> Vec<Managed> {
    let grant = match fleet.grant(role) {
        Grant::AwsManaged | Grant::Denied => Some(core()),
        Grant::CustomerManaged(index) => Some(granting(index)),
        Grant::Inline => None,
    };
    let beside = role.is_multiple_of(3).then(|| data(role % DATA_POLICIES));
    grant.into_iter().chain(beside).collect()
}

/// Names and documents of the inline policies of a role.
pub fn inline(fleet: &Fleet, role: usize) -> Vec<(&'static str, &'static str)> {
    match fleet.grant(role) {
        Grant::Inline => vec![("application-data", DATA), ("session-manager", LEAST)],
        Grant::Denied => vec![("no-sessions", DENIAL)],
        Grant::AwsManaged | Grant::CustomerManaged(_) => Vec::new(),
    }
}
