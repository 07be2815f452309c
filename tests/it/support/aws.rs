//! Stages things in an account of the emulator, over plain HTTP.
//!
//! Nothing is signed: the emulator takes the account and the Region from the credential scope and checks no signature.

use serde_json::{Value, json};

use super::emulator::Account;
use super::http::{self, Request, Response, decode, form};
use super::xml::{all_of, tags_of, text_of};

/// The one AWS managed policy among those that the emulator knows which allows all that a session needs and little else.
pub const AWS_MANAGED_CORE: &str = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";

impl Account {
    /// Calls an action of EC2, IAM or STS; gives the XML of the answer. An error fails the test.
    pub fn query(&self, service: &str, region: &str, action: &str, parameters: &[(&str, &str)]) -> String {
        let answer = self.call(service, region, action, parameters);
        assert_eq!(answer.status, 200, "{action} on the emulator: {}", answer.body);
        answer.body
    }

    /// Calls an action of EC2, IAM or STS; gives the XML of the answer, or the code of the error.
    pub fn try_query(
        &self,
        service: &str,
        region: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, String> {
        let answer = self.call(service, region, action, parameters);
        if answer.status == 200 { Ok(answer.body) } else { Err(found(&answer.body, "Code")) }
    }

    fn call(&self, service: &str, region: &str, action: &str, parameters: &[(&str, &str)]) -> Response {
        let version = match service {
            "ec2" => "2016-11-15",
            "sts" => "2011-06-15",
            "cloudformation" => "2010-05-15",
            _ => "2010-05-08",
        };
        let body = form(&[&[("Action", action), ("Version", version)], parameters].concat());
        let request = self.request(service, region, body).header("Content-Type", "application/x-www-form-urlencoded");
        self.send(action, &request)
    }

    /// The answer to a read of IAM; `None` if there is no such thing.
    fn read(&self, action: &str, parameters: &[(&str, &str)]) -> Option<String> {
        match self.try_query("iam", "us-east-1", action, parameters) {
            Ok(answer) => Some(answer),
            Err(code) if code == "NoSuchEntity" => None,
            Err(code) => panic!("{action} on the emulator: {code}"),
        }
    }

    /// Calls an action of KMS or SSM; gives the JSON of the answer. An error fails the test.
    pub fn json(&self, service: &str, region: &str, action: &str, parameters: &Value) -> Value {
        let prefix = if service == "kms" { "TrentService" } else { "AmazonSSM" };
        let request = self
            .request(service, region, parameters.to_string())
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("X-Amz-Target", &format!("{prefix}.{action}"));
        let answer = self.send(action, &request);
        assert_eq!(answer.status, 200, "{action} on the emulator: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or(Value::Null)
    }

    fn request(&self, service: &str, region: &str, body: String) -> Request {
        let scope = format!("{}/20260101/{region}/{service}/aws4_request", self.id);
        Request::post("/", body)
            .header("Authorization", &format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x"))
    }

    fn send(&self, action: &str, request: &Request) -> Response {
        let address = self.endpoint.trim_start_matches("http://");
        http::send(address, request).unwrap_or_else(|error| panic!("{action} on the emulator: {error}"))
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

    /// An inline policy, exactly as it is stored.
    pub fn role_policy(&self, role: &str, name: &str) -> Option<String> {
        let answer = self.read("GetRolePolicy", &[("RoleName", role), ("PolicyName", name)])?;
        Some(decode(&found(&answer, "PolicyDocument")))
    }

    /// The names of the inline policies.
    pub fn role_policies(&self, role: &str) -> Vec<String> {
        let answer = self.iam("ListRolePolicies", &[("RoleName", role)]);
        all_of(&answer, "member").into_iter().map(ToString::to_string).collect()
    }

    /// The trust policy, exactly as it is stored.
    pub fn trust_of(&self, role: &str) -> String {
        decode(&found(&self.iam("GetRole", &[("RoleName", role)]), "AssumeRolePolicyDocument"))
    }

    /// The ARNs of the attached policies.
    pub fn attached(&self, role: &str) -> Vec<String> {
        let answer = self.iam("ListAttachedRolePolicies", &[("RoleName", role)]);
        all_of(&answer, "PolicyArn").into_iter().map(ToString::to_string).collect()
    }

    pub fn role_exists(&self, name: &str) -> bool {
        self.read("GetRole", &[("RoleName", name)]).is_some()
    }

    /// Keys and values.
    pub fn role_tags(&self, name: &str) -> Vec<(String, String)> {
        tags_of(&self.iam("GetRole", &[("RoleName", name)]))
    }

    pub fn instance_profile_exists(&self, name: &str) -> bool {
        self.read("GetInstanceProfile", &[("InstanceProfileName", name)]).is_some()
    }

    /// The name of the role in an instance profile.
    pub fn role_of_profile(&self, name: &str) -> Option<String> {
        text_of(&self.iam("GetInstanceProfile", &[("InstanceProfileName", name)]), "RoleName")
    }

    /// Keys and values.
    pub fn instance_profile_tags(&self, name: &str) -> Vec<(String, String)> {
        // Not from `GetInstanceProfile`: its role may have tags as well.
        tags_of(&self.iam("ListInstanceProfileTags", &[("InstanceProfileName", name)]))
    }

    /// The ARN of the profile that an instance has.
    pub fn profile_of_instance(&self, id: &str, region: &str) -> Option<String> {
        let answer = self.query("ec2", region, "DescribeInstances", &[("InstanceId.1", id)]);
        text_of(all_of(&answer, "iamInstanceProfile").first()?, "arn")
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
