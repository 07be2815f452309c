//! Changes of a network as resources of a CloudFormation template.

use serde::Serialize;

use super::super::network::{GROUP_DESCRIPTION, notes};
use super::{CREATED_BY, CREATED_BY_VALUE, Name, Resource, Stack, Tag, logical_id};
use crate::fix::{Group, NetworkChange, NetworkProposal, Peer};
use crate::report::{Direction, DnsAttribute};

/// What a person gives when deploying.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Parameter {
    r#type: &'static str,
    description: String,
}

/// The properties of a resource.
///
/// Sources: [AWS::EC2::SecurityGroup](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html),
/// [AWS::EC2::SecurityGroupIngress](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroupingress.html),
/// [AWS::EC2::SecurityGroupEgress](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroupegress.html),
/// [AWS::EC2::NetworkAclEntry](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-networkaclentry.html),
/// [AWS::EC2::VPCEndpoint](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-vpcendpoint.html).
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "PascalCase")]
pub(super) enum Properties<'a> {
    Group {
        group_name: &'a str,
        group_description: &'static str,
        vpc_id: &'a str,
        tags: [Tag; 1],
    },
    Rule {
        group_id: Id<'a>,
        ip_protocol: &'static str,
        from_port: u16,
        to_port: u16,
        #[serde(flatten)]
        peer: Other<'a>,
    },
    AclEntry {
        network_acl_id: &'a str,
        rule_number: i32,
        egress: bool,
        protocol: u8,
        rule_action: &'static str,
        cidr_block: &'a str,
        port_range: PortRange,
    },
    Endpoint {
        vpc_id: &'a str,
        service_name: &'a str,
        vpc_endpoint_type: &'static str,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        subnet_ids: &'a [String],
        #[serde(skip_serializing_if = "Vec::is_empty")]
        security_group_ids: Vec<Id<'a>>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        route_table_ids: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        private_dns_enabled: Option<bool>,
    },
}

/// The other side of a rule.
#[derive(Serialize)]
pub(super) enum Other<'a> {
    SourceSecurityGroupId(Id<'a>),
    DestinationSecurityGroupId(Id<'a>),
    CidrIp(&'a str),
    SourcePrefixListId(Name<'a>),
    DestinationPrefixListId(Name<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PortRange {
    from: u16,
    to: u16,
}

/// The id of a security group: as it is, or of the one that the template creates, whose `Ref` may be its name.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Id<'a> {
    Known(&'a str),
    Created {
        #[serde(rename = "Fn::GetAtt")]
        attribute: [String; 2],
    },
}

impl<'a> Stack<'a> {
    /// What a proposal adds.
    pub(super) fn network(&mut self, proposal: &'a NetworkProposal) {
        self.metadata.notes.extend(notes(proposal).into_iter().map(|note| note + "."));
        let created = logical_id(&mut self.names, &["EndpointGroup", &proposal.vpc]);
        for change in &proposal.changes {
            self.network_change(proposal, &created, change);
        }
    }

    fn network_change(&mut self, proposal: &'a NetworkProposal, created: &str, change: &'a NetworkChange) {
        let vpc = proposal.vpc.as_str();
        match change {
            NetworkChange::EnableDns { attribute } => {
                let property = match attribute {
                    DnsAttribute::Support => "EnableDnsSupport",
                    DnsAttribute::Hostnames => "EnableDnsHostnames",
                };
                self.by_hand(format!(
                    "Set `{property}` of the AWS::EC2::VPC `{vpc}` to true, before the endpoints are created."
                ));
            }
            NetworkChange::EnablePrivateDns { endpoint } => {
                self.by_hand(format!("Set `PrivateDnsEnabled` of the AWS::EC2::VPCEndpoint `{endpoint}` to true."));
            }
            NetworkChange::CreateGroup { name } => {
                let properties = Properties::Group {
                    group_name: name,
                    group_description: GROUP_DESCRIPTION,
                    vpc_id: vpc,
                    tags: [Tag { key: CREATED_BY, value: CREATED_BY_VALUE }],
                };
                self.create(created.to_owned(), "AWS::EC2::SecurityGroup", properties);
            }
            NetworkChange::AllowHttps { group, direction, peer } => self.rule(created, group, *direction, peer),
            NetworkChange::AddAclEntry { acl, direction, number, ports, cidr } => {
                let egress = *direction == Direction::Outbound;
                let properties = Properties::AclEntry {
                    network_acl_id: acl,
                    rule_number: *number,
                    egress,
                    protocol: 6,
                    rule_action: "allow",
                    cidr_block: cidr,
                    port_range: PortRange { from: ports.0, to: ports.1 },
                };
                let way = if egress { "Egress" } else { "Ingress" };
                let id = logical_id(&mut self.names, &["AclEntry", acl, way, &number.to_string()]);
                self.create(id, "AWS::EC2::NetworkAclEntry", properties);
            }
            NetworkChange::CreateInterfaceEndpoint { service, name, subnets } => {
                let properties = Properties::Endpoint {
                    vpc_id: vpc,
                    service_name: name,
                    vpc_endpoint_type: "Interface",
                    subnet_ids: subnets,
                    security_group_ids: vec![id_of(&Group::Created, created)],
                    route_table_ids: &[],
                    private_dns_enabled: Some(true),
                };
                let id = logical_id(&mut self.names, &["Endpoint", service.name(), vpc]);
                self.create(id, "AWS::EC2::VPCEndpoint", properties);
            }
            NetworkChange::CreateGatewayEndpoint { service, name, route_tables } => {
                let properties = Properties::Endpoint {
                    vpc_id: vpc,
                    service_name: name,
                    vpc_endpoint_type: "Gateway",
                    subnet_ids: &[],
                    security_group_ids: Vec::new(),
                    route_table_ids: route_tables,
                    private_dns_enabled: None,
                };
                let id = logical_id(&mut self.names, &["Endpoint", service.name(), vpc]);
                self.create(id, "AWS::EC2::VPCEndpoint", properties);
            }
        }
    }

    fn rule(&mut self, created: &str, group: &'a Group, direction: Direction, peer: &'a Peer) {
        let inbound = direction == Direction::Inbound;
        let of_list = |list: Name<'a>| match inbound {
            true => Other::SourcePrefixListId(list),
            false => Other::DestinationPrefixListId(list),
        };
        let name = |group: &'a Group| match group {
            Group::Known(id) => id.as_str(),
            Group::Created => "EndpointGroup",
        };
        let (other, other_name) = match peer {
            Peer::Group(other) if inbound => (Other::SourceSecurityGroupId(id_of(other, created)), name(other)),
            Peer::Group(other) => (Other::DestinationSecurityGroupId(id_of(other, created)), name(other)),
            Peer::Cidr(cidr) => (Other::CidrIp(cidr), cidr.as_str()),
            Peer::PrefixList(id) => (of_list(Name::Literal(id)), id.as_str()),
            Peer::PrefixListNamed(list) => {
                let logical_id = logical_id(&mut self.names, &["PrefixList", list]);
                let description = format!("The ID of the prefix list {list}.");
                let parameter = Parameter { r#type: "String", description };
                self.parameters.0.push((logical_id.clone(), parameter));
                (of_list(Name::Reference { logical_id }), list.as_str())
            }
        };
        let properties = Properties::Rule {
            group_id: id_of(group, created),
            ip_protocol: "tcp",
            from_port: 443,
            to_port: 443,
            peer: other,
        };
        let (way, kind) = match inbound {
            true => ("Ingress", "AWS::EC2::SecurityGroupIngress"),
            false => ("Egress", "AWS::EC2::SecurityGroupEgress"),
        };
        let id = logical_id(&mut self.names, &[way, name(group), other_name]);
        self.create(id, kind, properties);
    }

    fn create(&mut self, id: String, kind: &'static str, properties: Properties<'a>) {
        self.resources.0.push((id, Resource::new(kind, super::Properties::Network(properties))));
    }
}

fn id_of<'a>(group: &'a Group, created: &str) -> Id<'a> {
    match group {
        Group::Known(id) => Id::Known(id),
        Group::Created => Id::Created { attribute: [created.to_owned(), "GroupId".to_owned()] },
    }
}
