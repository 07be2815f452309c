//! Stages things in an account of the emulator, over plain HTTP.
//!
//! Nothing is signed: the emulator takes the account and the Region from the credential scope and checks no signature.

use serde_json::{Value, json};

use super::emulator::Account;
use super::http::{self, Request, form};
use super::xml::text_of;

/// The one AWS managed policy among those that the emulator knows which allows all that a session needs and little else.
pub const AWS_MANAGED_CORE: &str = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";

impl Account {
    /// Calls an action of EC2, IAM or STS; gives the XML of the answer. An error fails the test.
    pub fn query(&self, service: &str, region: &str, action: &str, parameters: &[(&str, &str)]) -> String {
        let version = match service {
            "ec2" => "2016-11-15",
            "sts" => "2011-06-15",
            _ => "2010-05-08",
        };
        let body = form(&[&[("Action", action), ("Version", version)], parameters].concat());
        let request = self.request(service, region, body).header("Content-Type", "application/x-www-form-urlencoded");
        self.send(action, &request)
    }

    /// Calls an action of KMS or SSM; gives the JSON of the answer. An error fails the test.
    pub fn json(&self, service: &str, region: &str, action: &str, parameters: &Value) -> Value {
        let prefix = if service == "kms" { "TrentService" } else { "AmazonSSM" };
        let request = self
            .request(service, region, parameters.to_string())
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("X-Amz-Target", &format!("{prefix}.{action}"));
        let answer = self.send(action, &request);
        serde_json::from_str(&answer).unwrap_or(Value::Null)
    }

    fn request(&self, service: &str, region: &str, body: String) -> Request {
        let scope = format!("{}/20260101/{region}/{service}/aws4_request", self.id);
        Request::post("/", body)
            .header("Authorization", &format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x"))
    }

    fn send(&self, action: &str, request: &Request) -> String {
        let address = self.endpoint.trim_start_matches("http://");
        let answer = http::send(address, request).unwrap_or_else(|error| panic!("{action} on the emulator: {error}"));
        assert_eq!(answer.status, 200, "{action} on the emulator: {}", answer.body);
        answer.body
    }

    fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.query("iam", "us-east-1", action, parameters)
    }

    /// Gives the role's ARN. `path` has slashes at both ends.
    pub fn create_role(&self, name: &str, path: &str, trust: impl ToString) -> String {
        let trust = trust.to_string();
        let answer =
            self.iam("CreateRole", &[("RoleName", name), ("Path", path), ("AssumeRolePolicyDocument", &trust)]);
        found(&answer, "Arn")
    }

    pub fn delete_role(&self, name: &str) {
        self.iam("DeleteRole", &[("RoleName", name)]);
    }

    pub fn update_trust(&self, role: &str, trust: impl ToString) {
        self.iam("UpdateAssumeRolePolicy", &[("RoleName", role), ("PolicyDocument", &trust.to_string())]);
    }

    pub fn put_role_policy(&self, role: &str, name: &str, document: impl ToString) {
        self.iam(
            "PutRolePolicy",
            &[("RoleName", role), ("PolicyName", name), ("PolicyDocument", &document.to_string())],
        );
    }

    pub fn delete_role_policy(&self, role: &str, name: &str) {
        self.iam("DeleteRolePolicy", &[("RoleName", role), ("PolicyName", name)]);
    }

    /// Gives the policy's ARN.
    pub fn create_policy(&self, name: &str, document: impl ToString) -> String {
        found(&self.iam("CreatePolicy", &[("PolicyName", name), ("PolicyDocument", &document.to_string())]), "Arn")
    }

    /// Gives the id of the new version, which becomes the default if it is said so.
    pub fn create_policy_version(&self, arn: &str, document: impl ToString, default: bool) -> String {
        let (document, default) = (document.to_string(), default.to_string());
        let answer = self.iam(
            "CreatePolicyVersion",
            &[("PolicyArn", arn), ("PolicyDocument", &document), ("SetAsDefault", &default)],
        );
        found(&answer, "VersionId")
    }

    pub fn delete_policy(&self, arn: &str) {
        self.iam("DeletePolicy", &[("PolicyArn", arn)]);
    }

    pub fn attach_role_policy(&self, role: &str, arn: &str) {
        self.iam("AttachRolePolicy", &[("RoleName", role), ("PolicyArn", arn)]);
    }

    pub fn detach_role_policy(&self, role: &str, arn: &str) {
        self.iam("DetachRolePolicy", &[("RoleName", role), ("PolicyArn", arn)]);
    }

    pub fn put_role_permissions_boundary(&self, role: &str, arn: &str) {
        self.iam("PutRolePermissionsBoundary", &[("RoleName", role), ("PermissionsBoundary", arn)]);
    }

    pub fn tag_role(&self, role: &str, key: &str, value: &str) {
        self.iam("TagRole", &[("RoleName", role), ("Tags.member.1.Key", key), ("Tags.member.1.Value", value)]);
    }

    /// Gives the profile's ARN. `path` has slashes at both ends.
    pub fn create_instance_profile(&self, name: &str, path: &str) -> String {
        found(&self.iam("CreateInstanceProfile", &[("InstanceProfileName", name), ("Path", path)]), "Arn")
    }

    pub fn delete_instance_profile(&self, name: &str) {
        self.iam("DeleteInstanceProfile", &[("InstanceProfileName", name)]);
    }

    pub fn add_role_to_instance_profile(&self, profile: &str, role: &str) {
        self.iam("AddRoleToInstanceProfile", &[("InstanceProfileName", profile), ("RoleName", role)]);
    }

    pub fn remove_role_from_instance_profile(&self, profile: &str, role: &str) {
        self.iam("RemoveRoleFromInstanceProfile", &[("InstanceProfileName", profile), ("RoleName", role)]);
    }

    /// Starts an instance, with the profile of this name if one is given; gives its id.
    pub fn run_instance(&self, profile: Option<&str>, region: &str) -> String {
        let mut parameters = vec![
            ("ImageId", "ami-0abcdef1234567890"),
            ("InstanceType", "t3.micro"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
        ];
        parameters.extend(profile.map(|name| ("IamInstanceProfile.Name", name)));
        found(&self.query("ec2", region, "RunInstances", &parameters), "instanceId")
    }

    /// Gives an instance a tag.
    pub fn tag_instance(&self, id: &str, region: &str, key: &str, value: &str) {
        self.query("ec2", region, "CreateTags", &[("ResourceId.1", id), ("Tag.1.Key", key), ("Tag.1.Value", value)]);
    }

    pub fn stop_instance(&self, id: &str, region: &str) {
        self.query("ec2", region, "StopInstances", &[("InstanceId.1", id)]);
    }

    pub fn terminate_instance(&self, id: &str, region: &str) {
        self.query("ec2", region, "TerminateInstances", &[("InstanceId.1", id)]);
    }

    /// Gives the id of the association.
    pub fn associate_instance_profile(&self, instance: &str, region: &str, profile: &str) -> String {
        let parameters = [("InstanceId", instance), ("IamInstanceProfile.Name", profile)];
        found(&self.query("ec2", region, "AssociateIamInstanceProfile", &parameters), "associationId")
    }

    /// Gives the id of the association that the instance has.
    pub fn association_of(&self, instance: &str, region: &str) -> String {
        let filters = [
            ("Filter.1.Name", "instance-id"),
            ("Filter.1.Value.1", instance),
            ("Filter.2.Name", "state"),
            ("Filter.2.Value.1", "associated"),
        ];
        found(&self.query("ec2", region, "DescribeIamInstanceProfileAssociations", &filters), "associationId")
    }

    /// Gives the id of the new association.
    pub fn replace_instance_profile(&self, association: &str, region: &str, profile: &str) -> String {
        let parameters = [("AssociationId", association), ("IamInstanceProfile.Name", profile)];
        found(&self.query("ec2", region, "ReplaceIamInstanceProfileAssociation", &parameters), "associationId")
    }

    pub fn disassociate_instance_profile(&self, association: &str, region: &str) {
        self.query("ec2", region, "DisassociateIamInstanceProfile", &[("AssociationId", association)]);
    }

    /// Gives the key's ARN.
    pub fn create_kms_key(&self, region: &str) -> String {
        let answer = self.json("kms", region, "CreateKey", &json!({}));
        answer.pointer("/KeyMetadata/Arn").and_then(Value::as_str).expect("CreateKey answers with an ARN").to_string()
    }

    /// `name` has its `alias/`.
    pub fn create_alias(&self, region: &str, name: &str, key: &str) {
        self.json("kms", region, "CreateAlias", &json!({ "AliasName": name, "TargetKeyId": key }));
    }
}

fn found(xml: &str, element: &str) -> String {
    text_of(xml, element).unwrap_or_else(|| panic!("no <{element}> in {xml}"))
}
