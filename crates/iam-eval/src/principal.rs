//! The `Principal` element of trust policies, as far as a service asks.
//!
//! Source: [Principal](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).

use super::json::{Json, repeated};
use super::truth::{Truth, UnknownReason};

/// Whom a statement speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalElement {
    /// These services, `*` among them if it stands beside them; principals of other types never are a service.
    Services(Vec<String>),
    /// `"*"`, for a service undocumented in effect.
    Everyone,
    /// `NotPrincipal`, for a service undocumented in effect.
    NotPrincipal,
    /// There is none that could be read.
    Missing,
}

impl PrincipalElement {
    /// Reads the element from a statement's members.
    pub(super) fn parse(members: &[(String, Json)], problems: &mut Vec<String>) -> PrincipalElement {
        if members.iter().any(|(name, _)| name == "NotPrincipal") {
            return PrincipalElement::NotPrincipal;
        }
        let mut principals = members.iter().filter(|(name, _)| name == "Principal").map(|(_, principal)| principal);
        let Some(principal) = principals.next() else {
            problems.push("`Principal` is missing".to_owned());
            return PrincipalElement::Missing;
        };
        if principals.next().is_some() {
            return PrincipalElement::Missing;
        }
        let types = match principal {
            Json::String(text) if text == "*" => return PrincipalElement::Everyone,
            Json::Object(types) => types,
            other => {
                problems.push(format!("`Principal` is {}, neither `\"*\"` nor an object", other.kind()));
                return PrincipalElement::Missing;
            }
        };
        let problems_before = problems.len();
        let twice = repeated(types.iter().map(|(kind, _)| kind));
        problems.extend(twice.iter().map(|kind| format!("principals of type `{kind}` stand twice")));
        let mut services = Vec::new();
        for (kind, names) in types {
            for name in names.one_or_many() {
                match (kind.as_str(), name) {
                    ("Service", Json::String(name)) => services.push(name.clone()),
                    ("AWS", Json::String(name)) if name == "*" => services.push(name.clone()),
                    ("AWS" | "Federated" | "CanonicalUser", Json::String(_)) => {}
                    ("Service" | "AWS" | "Federated" | "CanonicalUser", other) => {
                        problems.push(format!("a principal of type `{kind}` is {}, not a string", other.kind()));
                    }
                    (other, _) => problems.push(format!("unknown type of principal `{other}`")),
                }
            }
        }
        match services.as_slice() {
            _ if problems.len() > problems_before => PrincipalElement::Missing,
            [first, rest @ ..] if first == "*" && rest.iter().all(|name| name == "*") => PrincipalElement::Everyone,
            _ => PrincipalElement::Services(services),
        }
    }

    /// Whether it means the service. Names match exactly; whether their case counts is not documented.
    pub(super) fn admits(&self, service: &ServicePrincipal) -> Truth {
        let everyone =
            || Truth::Unknown(UnknownReason::note("what principal `*` means for a service is not documented"));
        match self {
            PrincipalElement::Services(names) => {
                let doubtful = || {
                    let close = |name: &&String| {
                        service.doubtful_name.as_ref() == Some(*name)
                            || service.names.iter().any(|own| own.eq_ignore_ascii_case(name))
                    };
                    names.iter().find(close)
                };
                if names.iter().any(|name| service.names.contains(name)) {
                    Truth::True
                } else if names.iter().any(|name| name == "*") {
                    everyone()
                } else if let Some(doubtful) = doubtful() {
                    let expected = service.name();
                    let note =
                        format!("whether `{doubtful}` stands for `{expected}` in this partition is not documented");
                    Truth::Unknown(UnknownReason::note(note))
                } else {
                    Truth::False
                }
            }
            PrincipalElement::Everyone => everyone(),
            PrincipalElement::NotPrincipal => {
                Truth::Unknown(UnknownReason::note("what `NotPrincipal` means for a service is not documented"))
            }
            PrincipalElement::Missing => Truth::True,
        }
    }
}

/// A service that assumes roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePrincipal {
    /// Its names in the partition, the usual one first.
    names: Vec<String>,
    /// A name that may stand for it there.
    doubtful_name: Option<String>,
}

impl ServicePrincipal {
    /// Its usual name in the partition.
    pub fn name(&self) -> &str {
        self.names.first().map(String::as_str).unwrap_or_default()
    }

    /// Its name, if it has only one.
    pub fn only_name(&self) -> Option<&str> {
        match (self.names.as_slice(), &self.doubtful_name) {
            ([name], None) => Some(name),
            _ => None,
        }
    }

    /// Whether this is Systems Manager, which gives agents the role of Default Host Management Configuration.
    pub fn is_systems_manager(&self) -> bool {
        self.name().starts_with("ssm.")
    }

    /// The EC2 service in a partition, or in one that is not known.
    ///
    /// China has a name of its own, and the plain one works there too: the AWS CDK uses it in every partition.
    pub fn ec2(partition: Option<&str>) -> ServicePrincipal {
        let plain = "ec2.amazonaws.com".to_owned();
        let china = format!("{plain}.cn");
        // What else stands for EC2 in the isolated partitions is not in the public documentation.
        let (names, doubtful) = match partition {
            Some("aws-cn") => (vec![china, plain], None),
            Some("aws-iso") => (vec![plain], Some("ec2.c2s.ic.gov".to_owned())),
            Some("aws-iso-b") => (vec![plain], Some("ec2.sc2s.sgov.gov".to_owned())),
            Some(_) => (vec![plain], None),
            None => (vec![plain], Some(china)),
        };
        ServicePrincipal { names, doubtful_name: doubtful }
    }

    /// The Systems Manager service in a partition, or in one that is not known.
    pub fn ssm(partition: Option<&str>) -> ServicePrincipal {
        let name = "ssm.amazonaws.com".to_owned();
        // Whether China has a name of its own for it is not documented.
        let doubtful = matches!(partition, Some("aws-cn") | None).then(|| format!("{name}.cn"));
        ServicePrincipal { names: vec![name], doubtful_name: doubtful }
    }
}

/// Whether a principal is written as the unique id of a role or user, as IAM shows one that was deleted.
///
/// Source: [Unique identifiers](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids).
pub(super) fn is_id_of_principal(name: &str) -> bool {
    (name.starts_with("AROA") || name.starts_with("AIDA")) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
