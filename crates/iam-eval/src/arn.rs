//! Names that AWS gives to things, split right once: ARNs, partitions, accounts, instance ids.
//!
//! Source: [Amazon Resource Names](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).

use std::fmt;

use serde::{Deserialize, Serialize};

/// An Amazon Resource Name, `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
///
/// Region and account may be empty; the resource may contain colons and slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    /// The partition, for example `aws-cn`.
    pub partition: String,
    /// The service, for example `iam`.
    pub service: String,
    /// The Region; empty for global services.
    pub region: String,
    /// The account id; empty where the service leaves it out.
    pub account: String,
    /// Everything after the fifth colon.
    pub resource: String,
}

impl Arn {
    /// Splits `text` at its first five colons. `None` if it is not an ARN.
    pub fn parse(text: &str) -> Option<Arn> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        let mut next = || parts.next().map(str::to_owned);
        let arn = Arn { partition: next()?, service: next()?, region: next()?, account: next()?, resource: next()? };
        let whole = !arn.partition.is_empty() && !arn.service.is_empty() && !arn.resource.is_empty();
        whole.then_some(arn)
    }

    /// The last segment of the resource's path: the NAME that IAM's API parameters take.
    ///
    /// `role/some/path/NAME` gives `NAME`.
    pub fn name(&self) -> &str {
        self.resource.rsplit('/').next().unwrap_or(&self.resource)
    }

    /// The resource's type, what stands before its first slash (`role`, `instance-profile`, `instance`).
    pub fn resource_type(&self) -> &str {
        self.resource.split('/').next().unwrap_or_default()
    }

    /// The path of an IAM resource with both slashes: `/` or `/some/path/`.
    pub fn path(&self) -> &str {
        let start = self.resource.find('/').unwrap_or(0);
        let end = self.resource.rfind('/').map_or(0, |at| at + 1);
        self.resource.get(start..end).filter(|path| !path.is_empty()).unwrap_or("/")
    }

    /// The account, unless the ARN leaves it out.
    pub fn account(&self) -> Option<&str> {
        Some(self.account.as_str()).filter(|account| !account.is_empty())
    }

    /// The Region, unless the ARN leaves it out.
    pub fn region(&self) -> Option<&str> {
        Some(self.region.as_str()).filter(|region| !region.is_empty())
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> String {
        arn.to_string()
    }
}

impl TryFrom<String> for Arn {
    type Error = NotAnArn;

    fn try_from(text: String) -> Result<Arn, NotAnArn> {
        Arn::parse(&text).ok_or(NotAnArn(text))
    }
}

/// A text that is not an ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ARN")]
pub struct NotAnArn(pub String);

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arn { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// The partition that a Region belongs to, `aws` for any that is not known to be elsewhere.
///
/// Source: the prefixes in [AWS Regions](https://docs.aws.amazon.com/glossary/latest/reference/glos-chap.html#partition)
/// and the AWS SDK's partition table.
pub fn partition_of_region(region: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// The Region whose endpoint serves IAM for a partition.
///
/// Source: [IAM endpoints](https://docs.aws.amazon.com/general/latest/gr/iam-service.html).
pub fn iam_region(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        "aws-iso" => "us-iso-east-1",
        "aws-iso-b" => "us-isob-east-1",
        "aws-iso-e" => "eu-isoe-west-1",
        "aws-iso-f" => "us-isof-south-1",
        "aws-eusc" => "eusc-de-east-1",
        _ => "us-east-1",
    }
}

/// Whether `text` is an EC2 instance id: `i-` and 8 or 17 lower-case hexadecimal digits.
pub fn is_instance_id(text: &str) -> bool {
    text.strip_prefix("i-").is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Whether `text` is a 12-digit account id.
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether `text` can be the name of a role (`most` 64) or an instance profile (`most` 128).
///
/// Source: [IAM name requirements](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
pub fn is_iam_name(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_an_arn_and_keeps_colons_of_the_resource() {
        let arn = Arn::parse("arn:aws-cn:logs:cn-north-1:111122223333:log-group:a:b").unwrap();
        assert_eq!((arn.partition.as_str(), arn.resource.as_str()), ("aws-cn", "log-group:a:b"));
        assert_eq!(arn.to_string(), "arn:aws-cn:logs:cn-north-1:111122223333:log-group:a:b");
    }

    #[test]
    fn the_name_is_the_last_segment_of_the_path() {
        let arn = Arn::parse("arn:aws:iam::111122223333:instance-profile/some/path/web").unwrap();
        assert_eq!((arn.resource_type(), arn.path(), arn.name()), ("instance-profile", "/some/path/", "web"));
        assert_eq!(Arn::parse("arn:aws:iam::111122223333:role/web").unwrap().path(), "/");
    }

    #[test]
    fn what_is_no_arn_is_none() {
        for text in ["", "arn", "arn:aws:iam::1", "ARN:aws:iam::1:role/x", "arn::iam::1:role/x", "arn:aws:iam::1:"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn instance_ids() {
        for (text, expected) in [
            ("i-0123456789abcdef0", true),
            ("i-01234567", true),
            ("i-0123456789ABCDEF0", false),
            ("i-012345678", false),
            ("mi-0123456789abcdef0", false),
            ("i-", false),
        ] {
            assert_eq!(is_instance_id(text), expected, "{text}");
        }
    }

    #[test]
    fn partitions_of_regions() {
        for (region, partition) in [
            ("us-east-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-east-1", "aws-us-gov"),
            ("us-isob-east-1", "aws-iso-b"),
        ] {
            assert_eq!(partition_of_region(region), partition);
            assert_eq!(partition_of_region(iam_region(partition)), partition);
        }
    }
}
