//! The `Principal` element of trust policies, as far as a service asks.
//!
//! Source: [Principal](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).

use super::json::{Json, repeated};
use super::truth::{Doubt, Truth};

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

    /// Whether it means the service. Names match exactly.
    ///
    /// China has names of its own, `ec2.amazonaws.com.cn`; whether the plain name works there too is not documented.
    pub(super) fn admits(&self, service: &ServicePrincipal) -> Truth {
        let everyone = || Truth::Unknown(Doubt::note("what principal `*` means for a service is not documented"));
        match self {
            PrincipalElement::Services(names) if names.contains(&service.name) => Truth::True,
            PrincipalElement::Services(names) => match &service.doubtful_name {
                _ if names.iter().any(|name| name == "*") => everyone(),
                Some(doubtful) if names.contains(doubtful) => {
                    let expected = &service.name;
                    Truth::Unknown(Doubt::note(format!(
                        "whether `{doubtful}` stands for `{expected}` in this partition"
                    )))
                }
                _ => Truth::False,
            },
            PrincipalElement::Everyone => everyone(),
            PrincipalElement::NotPrincipal => {
                Truth::Unknown(Doubt::note("what `NotPrincipal` means for a service is not documented"))
            }
            PrincipalElement::Missing => Truth::True,
        }
    }
}

/// A service that assumes roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePrincipal {
    /// Its name in the partition.
    pub name: String,
    /// A name that may stand for it there.
    pub doubtful_name: Option<String>,
}

impl ServicePrincipal {
    /// Whether this is Systems Manager, which gives agents the role of Default Host Management Configuration.
    pub fn is_systems_manager(&self) -> bool {
        self.name.starts_with("ssm.")
    }

    /// The EC2 service in a partition, or in one that is not known.
    pub fn ec2(partition: Option<&str>) -> ServicePrincipal {
        let plain = "ec2.amazonaws.com".to_owned();
        let doubtful = |name: &str| Some(name.to_owned());
        match partition {
            Some("aws-cn") => ServicePrincipal { name: format!("{plain}.cn"), doubtful_name: Some(plain) },
            // What stands for EC2 in these is not in the public documentation.
            Some("aws-iso") => ServicePrincipal { name: plain, doubtful_name: doubtful("ec2.c2s.ic.gov") },
            Some("aws-iso-b") => ServicePrincipal { name: plain, doubtful_name: doubtful("ec2.sc2s.sgov.gov") },
            Some(_) => ServicePrincipal { name: plain, doubtful_name: None },
            None => ServicePrincipal { name: plain, doubtful_name: doubtful("ec2.amazonaws.com.cn") },
        }
    }

    /// The Systems Manager service in a partition, or in one that is not known.
    pub fn ssm(partition: Option<&str>) -> ServicePrincipal {
        let name = "ssm.amazonaws.com".to_owned();
        // Whether China has a name of its own for it is not documented.
        let doubtful = matches!(partition, Some("aws-cn") | None).then(|| format!("{name}.cn"));
        ServicePrincipal { name, doubtful_name: doubtful }
    }
}
