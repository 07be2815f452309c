//! Who else owns a role: AWS itself, or something that will write the role again the way that it knows it.
//!
//! Tags that AWS services and deploying tools set are proof. What people write into tags is custom; there it counts
//! only if the tag says what made the role. A wrong yes costs a person a look, a wrong no a change that does not last.

use std::collections::BTreeMap;

use iam_eval::arn::Arn;

/// What tells that something else owns a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// The role's path.
    Path(String),
    /// A tag of the role.
    Tag {
        /// Its key.
        key: String,
        /// Its value.
        value: String,
    },
}

impl Evidence {
    fn tag(key: &str, value: &str) -> Evidence {
        Evidence::Tag { key: key.to_owned(), value: value.to_owned() }
    }
}

/// Who else owns a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// AWS lets nobody else change the role.
    Reserved {
        /// Who may, for example ``the service `autoscaling.amazonaws.com` ``.
        name: String,
        /// The path that tells.
        evidence: Evidence,
    },
    /// The role can be changed, and the change will be undone.
    Elsewhere {
        /// What made the role, for example ``CloudFormation stack `web` ``.
        name: String,
        /// The tag that tells.
        evidence: Evidence,
        /// What will undo the change, for example ``the next deployment of the CloudFormation stack `web` ``.
        undone_by: String,
    },
}

impl Owner {
    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Owner::Reserved { name, .. } | Owner::Elsewhere { name, .. } => name,
        }
    }

    /// The path or the tag that tells.
    pub fn evidence(&self) -> &Evidence {
        match self {
            Owner::Reserved { evidence, .. } | Owner::Elsewhere { evidence, .. } => evidence,
        }
    }

    /// Who undoes a change made by hand, as part of a sentence.
    pub fn undone_by(&self) -> String {
        match self {
            Owner::Reserved { name, .. } => format!("{name}, which alone may change the role"),
            Owner::Elsewhere { undone_by, .. } => undone_by.clone(),
        }
    }
}

/// Who else owns the role with that ARN and those tags.
pub fn of_role(arn: &Arn, tags: &BTreeMap<String, String>) -> Option<Owner> {
    by_path(arn.path()).or_else(|| by_prefix(tags)).or_else(|| by_custom(tags))
}

/// [Service-linked roles](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html) and
/// [roles of IAM Identity Center](https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html)
/// have paths that nobody else can use.
fn by_path(path: &str) -> Option<Owner> {
    let behind = path.strip_prefix("/aws-service-role/").or_else(|| path.strip_prefix("/aws-reserved/"))?;
    let name = match behind.split('/').next() {
        Some("sso.amazonaws.com") => "IAM Identity Center".to_owned(),
        None | Some("") => "AWS".to_owned(),
        Some(service) => format!("the service `{service}`"),
    };
    Some(Owner::Reserved { name, evidence: Evidence::Path(path.to_owned()) })
}

/// Tags whose keys begin so are set by a service or a tool, never by hand.
struct Prefix {
    begins: &'static str,
    /// The key of the tag that holds a name.
    named_by: Option<&'static str>,
    name: &'static str,
    /// Goes before the name.
    undone_by: &'static str,
}

/// What tells most stands first: Elastic Beanstalk and Service Catalog make their roles by CloudFormation.
const PREFIXES: [Prefix; 7] = [
    // https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/using-features.tagging.html
    Prefix {
        begins: "elasticbeanstalk:",
        named_by: Some("elasticbeanstalk:environment-name"),
        name: "Elastic Beanstalk environment",
        undone_by: "the next update of the",
    },
    // https://docs.aws.amazon.com/servicecatalog/latest/adminguide/autotags.html
    Prefix {
        begins: "aws:servicecatalog:",
        named_by: Some("aws:servicecatalog:provisionedProductArn"),
        name: "Service Catalog product",
        undone_by: "the next update of the",
    },
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
    Prefix {
        begins: "aws:cloudformation:",
        named_by: Some("aws:cloudformation:stack-name"),
        name: "CloudFormation stack",
        undone_by: "the next deployment of the",
    },
    Prefix { begins: "aws-cdk:", named_by: None, name: "AWS CDK app", undone_by: "the next deployment of the" },
    Prefix { begins: "cdk:", named_by: None, name: "AWS CDK app", undone_by: "the next deployment of the" },
    // https://aws-controllers-k8s.github.io/community/docs/user-docs/ack-tags/
    Prefix {
        begins: "services.k8s.aws/",
        named_by: None,
        name: "AWS Controllers for Kubernetes",
        undone_by: "the next reconciliation by",
    },
    // Users cannot set these: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
    Prefix { begins: "aws:", named_by: None, name: "AWS service", undone_by: "the next update by the" },
];

fn by_prefix(tags: &BTreeMap<String, String>) -> Option<Owner> {
    PREFIXES.iter().find_map(|prefix| {
        // AWS holds its prefix reserved in any case.
        let is_one = |key: &str| key.to_ascii_lowercase().starts_with(prefix.begins);
        let naming = prefix.named_by.and_then(|key| tags.get_key_value(key)).filter(|(_, name)| !name.is_empty());
        let (key, value) = naming.or_else(|| tags.iter().find(|(key, _)| is_one(key)))?;
        let name = match naming {
            Some((_, name)) => format!("{} `{name}`", prefix.name),
            None => prefix.name.to_owned(),
        };
        let undone_by = format!("{} {name}", prefix.undone_by);
        Some(Owner::Elsewhere { name, evidence: Evidence::tag(key, value), undone_by })
    })
}

/// A tool that writes roles, as people name it in tags.
struct Tool {
    written: &'static str,
    /// Whether it is too short, or too near to other words, to be looked for within a word.
    word: bool,
    name: &'static str,
    undone_by: &'static str,
}

const TOOLS: [Tool; 9] = [
    Tool { written: "terragrunt", word: false, name: "Terragrunt", undone_by: "the next run of Terragrunt" },
    Tool { written: "terraform", word: false, name: "Terraform", undone_by: "the next run of Terraform" },
    Tool { written: "opentofu", word: false, name: "OpenTofu", undone_by: "the next run of OpenTofu" },
    Tool { written: "tofu", word: true, name: "OpenTofu", undone_by: "the next run of OpenTofu" },
    Tool { written: "pulumi", word: false, name: "Pulumi", undone_by: "the next run of Pulumi" },
    Tool {
        written: "cloudformation",
        word: false,
        name: "CloudFormation",
        undone_by: "the next deployment by CloudFormation",
    },
    Tool { written: "crossplane", word: false, name: "Crossplane", undone_by: "the next reconciliation by Crossplane" },
    Tool { written: "cdk", word: true, name: "AWS CDK", undone_by: "the next deployment by AWS CDK" },
    Tool { written: "ansible", word: true, name: "Ansible", undone_by: "the next run of Ansible" },
];

/// Keys of tags that say what made a thing, or where its code is: lower case, letters and digits only.
///
/// Keys that say who is asked about it (`Team`, `Owner`, `Contact`) or what it is for (`Name`, `Purpose`) are not among
/// them: the role of a server that runs Terraform is named after Terraform and may have been made by hand.
const MAKERS: [&str; 27] = [
    "managedby",
    "createdby",
    "provisionedby",
    "deployedby",
    "maintainedby",
    "controlledby",
    "generatedby",
    "builtby",
    "managedwith",
    "createdwith",
    "provisionedwith",
    "deployedwith",
    "creator",
    "provisioner",
    "deployer",
    "orchestrator",
    "automation",
    "iac",
    "iactool",
    "infrastructureascode",
    "tool",
    "deploymentmethod",
    "deploymenttool",
    "source",
    "sourcecode",
    "repo",
    "repository",
];

/// From this length on, something may stand before it: `acme-managed-by`, but not `open-source`.
const TELLING: usize = 7;

/// Values by which people say no.
const NO: [&str; 10] = ["", "false", "no", "0", "n", "n/a", "none", "off", "disabled", "manual"];

fn by_custom(tags: &BTreeMap<String, String>) -> Option<Owner> {
    tags.iter().find_map(|(key, value)| {
        let tool = tool_in(value).filter(|_| says_maker(key)).or_else(|| tool_of_key(key, value))?;
        Some(Owner::Elsewhere {
            name: tool.name.to_owned(),
            evidence: Evidence::tag(key, value),
            undone_by: tool.undone_by.to_owned(),
        })
    })
}

fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn says_maker(key: &str) -> bool {
    let (whole, last) = (plain(key), plain(key.rsplit([':', '/', '.']).next().unwrap_or_default()));
    MAKERS.into_iter().any(|maker| whole == maker || last == maker || maker.len() >= TELLING && whole.ends_with(maker))
}

/// The tool that a value names, unless it says that it was not that one.
fn tool_in(value: &str) -> Option<&'static Tool> {
    let value = value.to_ascii_lowercase();
    TOOLS.iter().find(|tool| {
        value.match_indices(tool.written).any(|(place, found)| {
            let (before, rest) = value.split_at(place);
            let after = rest.strip_prefix(found).unwrap_or_default();
            let within_word = before.ends_with(char::is_alphabetic) || after.starts_with(char::is_alphabetic);
            let previous = before.split(|c: char| !c.is_alphanumeric()).rfind(|word| !word.is_empty());
            let affirmed = !matches!(previous, Some("not" | "non" | "no" | "without"));
            affirmed && (!tool.word || !within_word)
        })
    })
}

/// The tool that a key names: `Terraform=true`, `terraform-workspace=prod`, `crossplane-name=x`.
fn tool_of_key(key: &str, value: &str) -> Option<&'static Tool> {
    let key = plain(key);
    let said_no = NO.contains(&value.trim().to_ascii_lowercase().as_str());
    TOOLS.iter().find(|tool| !tool.word && !said_no && key.contains(tool.written))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn owner(resource: &str, list: &[(&str, &str)]) -> Option<Owner> {
        of_role(&Arn::parse(&format!("arn:aws:iam::111122223333:{resource}")).unwrap(), &tags(list))
    }

    #[test]
    fn reserved_paths() {
        for (resource, expected) in [
            (
                "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
                "the service `autoscaling.amazonaws.com`",
            ),
            (
                "role/aws-reserved/sso.amazonaws.com/eu-west-2/AWSReservedSSO_Admin_1234567890abcdef",
                "IAM Identity Center",
            ),
            ("role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1234567890abcdef", "IAM Identity Center"),
            ("role/aws-reserved/other.amazonaws.com/x", "the service `other.amazonaws.com`"),
            ("role/aws-reserved/x", "AWS"),
        ] {
            // A path that nobody may touch outweighs every tag.
            let owner = owner(resource, &[("managed-by", "terraform")]).unwrap();
            assert!(matches!(owner, Owner::Reserved { .. }), "{resource}");
            assert_eq!(owner.name(), expected);
            let Evidence::Path(path) = owner.evidence() else { panic!("{owner:?}") };
            assert!(path.starts_with("/aws-"), "{path}");
            assert_eq!(owner.undone_by(), format!("{expected}, which alone may change the role"));
        }
        for resource in ["role/web", "role/service-role/web", "role/team/aws-reserved/web", "role/aws-service-role"] {
            assert_eq!(owner(resource, &[]), None, "{resource}");
        }
    }

    #[test]
    fn tags_that_services_and_tools_set() {
        const STACK: (&str, &str) = ("aws:cloudformation:stack-name", "web");
        const STACK_ID: (&str, &str) = ("aws:cloudformation:stack-id", "arn:aws:cloudformation:x");
        const PRODUCT: (&str, &str) = ("aws:servicecatalog:provisionedProductArn", "arn:p");
        for (list, name, evidence, undone_by) in [
            (
                &[STACK_ID, STACK, ("managed-by", "terraform")][..],
                "CloudFormation stack `web`",
                "aws:cloudformation:stack-name=web",
                "the next deployment of the CloudFormation stack `web`",
            ),
            (
                &[STACK_ID],
                "CloudFormation stack",
                "aws:cloudformation:stack-id=arn:aws:cloudformation:x",
                "the next deployment of the CloudFormation stack",
            ),
            (
                &[STACK, PRODUCT],
                "Service Catalog product `arn:p`",
                "aws:servicecatalog:provisionedProductArn=arn:p",
                "the next update of the Service Catalog product `arn:p`",
            ),
            (
                &[STACK, ("elasticbeanstalk:environment-name", "shop")],
                "Elastic Beanstalk environment `shop`",
                "elasticbeanstalk:environment-name=shop",
                "the next update of the Elastic Beanstalk environment `shop`",
            ),
            (
                &[("aws-cdk:bootstrap-role", "deploy")],
                "AWS CDK app",
                "aws-cdk:bootstrap-role=deploy",
                "the next deployment of the AWS CDK app",
            ),
            (&[("cdk:app", "")], "AWS CDK app", "cdk:app=", "the next deployment of the AWS CDK app"),
            (
                &[("services.k8s.aws/namespace", "default")],
                "AWS Controllers for Kubernetes",
                "services.k8s.aws/namespace=default",
                "the next reconciliation by AWS Controllers for Kubernetes",
            ),
            (&[("AWS:other:thing", "x")], "AWS service", "AWS:other:thing=x", "the next update by the AWS service"),
        ] {
            let owner = owner("role/web", list).unwrap();
            assert!(matches!(owner, Owner::Elsewhere { .. }), "{list:?}");
            let (key, value) = evidence.split_once('=').unwrap();
            assert_eq!((owner.name(), owner.undone_by().as_str()), (name, undone_by));
            assert_eq!(*owner.evidence(), Evidence::tag(key, value));
        }
    }

    #[test]
    fn tags_by_which_people_say_what_made_a_role() {
        for (key, value, expected) in [
            ("managed-by", "terraform", "Terraform"),
            ("ManagedBy", "Terraform Cloud", "Terraform"),
            ("Managed By", "TERRAFORM", "Terraform"),
            ("managed.by", "hashicorp/terraform@1.9", "Terraform"),
            ("acme:managed_by", "terraform-aws-modules", "Terraform"),
            ("app.kubernetes.io/managed-by", "crossplane", "Crossplane"),
            ("acme-managed-by", "OpenTofu", "OpenTofu"),
            ("created_by", "tofu apply", "OpenTofu"),
            ("CreatedBy", "terragrunt with terraform", "Terragrunt"),
            ("provisioned-by", "Pulumi", "Pulumi"),
            ("deployedBy", "aws-cdk", "AWS CDK"),
            ("deployed-by", "CDK/v2", "AWS CDK"),
            ("Provisioner", "ansible-playbook", "Ansible"),
            ("IaC", "CloudFormation", "CloudFormation"),
            ("acme:iac", "terraform", "Terraform"),
            ("iac-tool", "pulumi", "Pulumi"),
            ("tool", "Ansible", "Ansible"),
            ("Source", "https://git.example.com/platform/terraform-live", "Terraform"),
            ("repository", "acme/infrastructure-cdk", "AWS CDK"),
            ("creator", "not ansible, but terraform", "Terraform"),
            ("Terraform", "true", "Terraform"),
            ("terraform", "1", "Terraform"),
            ("terraform:workspace", "prod", "Terraform"),
            ("TerragruntPath", "live/web", "Terragrunt"),
            ("pulumi:project", "web", "Pulumi"),
            ("terraform:source", "acme/roles", "Terraform"),
            ("open-tofu", "yes", "OpenTofu"),
            ("crossplane-name", "web", "Crossplane"),
        ] {
            let owner = owner("role/web", &[("Name", "web"), (key, value)]);
            let owner = owner.unwrap_or_else(|| panic!("{key}={value} tells no owner"));
            assert_eq!(owner.name(), expected, "{key}={value}");
            assert_eq!(*owner.evidence(), Evidence::tag(key, value));
            assert!(owner.undone_by().starts_with("the next ") && owner.undone_by().ends_with(expected));
        }
    }

    #[test]
    fn ordinary_tags_tell_no_owner() {
        for (key, value) in [
            ("created-by", "ssm-profile"),
            ("Name", "web"),
            ("Name", "terraform-runner"),
            ("Env", "prod"),
            ("created-by", "alice"),
            // A team's name tells whom to ask, not what writes the role.
            ("Team", "cdk-team"),
            ("Owner", "terraform-admins"),
            ("Purpose", "runs ansible"),
            ("managed-by", ""),
            ("managed-by", "hand"),
            ("managed-by", "not Terraform"),
            ("managed-by", "non-terraform"),
            ("tool", "abcdkey"),
            ("source", "responsible-expansibles"),
            ("open-source", "terraform provider"),
            ("Terraform", "false"),
            ("Terraform", "No"),
            ("terraform", "0"),
            ("terraform", " "),
            ("pulumi", "none"),
            ("awsApplication", "arn:aws:resource-groups:eu-west-2:111122223333:group/web"),
            ("cdk", "yes"),
        ] {
            assert_eq!(owner("role/web", &[(key, value)]), None, "{key}={value}");
        }
        assert_eq!(owner("role/web", &[]), None);
    }
}
