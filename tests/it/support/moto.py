"""Serves moto, which models networks, with what it lacks of them mended. What comes before is lifeline.py.

What is mended is put into moto's models, so that moto writes the answers as AWS's own service models have them.
"""

# moto knows AWS's managed policies if it is asked to.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

import base64
import re

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import utcnow
from moto.ec2.models import iam_instance_profile, nat_gateways, route_tables
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.vpcs import VPCBackend, VPCEndPoint
from moto.ec2.responses import EC2Response
from moto.iam import models as iam
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.ssm.models import ssm_backends
from moto.ssm.responses import SimpleSystemManagerResponse
from werkzeug.serving import make_server


def replaces(owner, name):
    """Puts a function in the place of another, which it is given first."""

    def replace(function):
        before = getattr(owner, name)
        setattr(owner, name, lambda *given, **named: function(before, *given, **named))

    return replace


# Accounts: as with the other emulator, an access key id of twelve digits is the account's.


BaseResponse.access_key_regex = re.compile("Credential=([A-Z0-9]+)/")


@replaces(iam, "get_account_id_from")
def get_account_id_from(before, access_key):
    is_account = len(access_key) == 12 and access_key.isdigit()
    return access_key if is_account else before(access_key)


# Instances: the profile's id, not the association's, and no public address is no association.


@replaces(iam_instance_profile.IamInstanceProfileAssociation, "__init__")
def associate(before, self, ec2_backend, association_id, instance, profile):
    before(self, ec2_backend, association_id, instance, profile)
    instance.iam_instance_profile = {"Arn": profile.arn, "Id": profile.id}


@replaces(iam_instance_profile.IamInstanceProfileAssociationBackend, "replace_iam_instance_profile_association")
def associate_another(before, self, *given, **named):
    association = before(self, *given, **named)
    profile = association.iam_instance_profile
    association.instance.iam_instance_profile = {"Arn": profile.arn, "Id": profile.id}
    return association


_association = NetworkInterface.association.fget
NetworkInterface.association = property(lambda self: _association(self) or None)


# VPCs: each has DHCP options, to begin with those of its Region's default, and the default security group admits its
# own members.


@replaces(VPCBackend, "create_vpc")
def create_vpc(before, self, *given, **named):
    vpc = before(self, *given, **named)
    if not hasattr(self, "default_dhcp_options"):
        self.default_dhcp_options = self.create_dhcp_options(domain_name_servers=["AmazonProvidedDNS"])
    self.associate_dhcp_options(self.default_dhcp_options, vpc)
    group = self.get_default_security_group(vpc.id).id
    self.authorize_security_group_ingress(group, "-1", None, None, [], source_groups=[{"GroupId": group}], vpc_id=vpc.id)
    return vpc


# Routes: one whose target is gone is a black hole.


def state_of_route(route):
    if route.nat_gateway:
        lives = route.nat_gateway.state != "deleted"
    elif route.gateway and route.gateway.id.startswith("igw-"):
        lives = route.gateway.vpc is not None
    elif route.interface:
        lives = route.interface.id in route.interface.ec2_backend.enis
    elif route.instance:
        lives = route.instance.state != "terminated"
    elif route.vpc_pcx:
        lives = route.vpc_pcx.status.code == "active"
    elif route.transit_gateway:
        lives = route.transit_gateway.state != "deleted"
    else:
        lives = True
    return "active" if lives else "blackhole"


route_tables.Route.state = property(state_of_route)


# NAT gateways: public unless it is said, with an address of their subnet.


@replaces(nat_gateways.NatGatewayBackend, "create_nat_gateway")
def create_nat_gateway(before, self, subnet_id, allocation_id, tags=None, connectivity_type=None):
    return before(self, subnet_id, allocation_id, tags, connectivity_type or "public")


nat_gateways.random_private_ip = lambda: None


# Endpoints: the VPC's default security group where none is named, interfaces of their own kind with an address of
# their subnet, and the policy that the user guide prints as the default.


VPCEndPoint.DEFAULT_POLICY = {
    "Statement": [{"Action": "*", "Effect": "Allow", "Principal": "*", "Resource": "*"}]
}


@replaces(VPCBackend, "create_vpc_endpoint")
def create_vpc_endpoint(before, self, vpc_id, service_name, endpoint_type=None, *given, **named):
    endpoint_type = endpoint_type or "Gateway"
    is_interface = endpoint_type == "Interface"
    if is_interface and not named.get("security_group_ids"):
        named["security_group_ids"] = [self.get_default_security_group(vpc_id).id]
    if not is_interface:
        named["private_dns_enabled"] = False
    endpoint = before(self, vpc_id, service_name, endpoint_type, *given, **named)
    endpoint.network_interface_ids = [endpoint_interface(self, endpoint, subnet) for subnet in endpoint.subnet_ids or []]
    return endpoint


def endpoint_interface(backend, endpoint, subnet_id):
    """The interface of an endpoint in a subnet, made anew if moto made one."""
    for id, interface in list(backend.enis.items()):
        if id in endpoint.network_interface_ids and interface.subnet.id == subnet_id:
            del backend.enis[id]
    interface = backend.create_network_interface(
        subnet_id,
        backend.get_subnet(subnet_id).get_available_subnet_ip(None),
        group_ids=list(endpoint.security_group_ids),
        description=f"VPC Endpoint Interface {endpoint.id}",
    )
    interface.interface_type = "vpc_endpoint"
    interface.requester_managed = True
    interface.status = "in-use"
    return interface.id


@replaces(VPCBackend, "modify_vpc_endpoint")
def modify_vpc_endpoint(before, self, vpc_id, *given, **named):
    before(self, vpc_id, *given, **named)
    endpoint = self.get_vpc_end_point(vpc_id)
    if endpoint.vpc_endpoint_type == "Interface":
        endpoint.network_interface_ids = [endpoint_interface(self, endpoint, subnet) for subnet in endpoint.subnet_ids]


def modify_endpoint_of_response(before, self):
    answer = before(self)
    private_dns = self._get_param("PrivateDnsEnabled")
    if private_dns is not None:
        self.ec2_backend.get_vpc_end_point(self._get_param("VpcEndpointId")).private_dns_enabled = private_dns
    return answer


replaces(EC2Response, "modify_vpc_endpoint")(modify_endpoint_of_response)


# VPC Block Public Access, of an account in a Region.


def block_options(response):
    return {
        "VpcBlockPublicAccessOptions": {
            "AwsAccountId": response.current_account,
            "AwsRegion": response.region,
            "State": "default-state",
            "InternetGatewayBlockMode": getattr(response.ec2_backend, "block_mode", "off"),
            "ManagedBy": "account",
            "ExclusionsAllowed": "allowed",
        }
    }


def block_exclusions(response):
    return response.ec2_backend.__dict__.setdefault("block_exclusions", {})


def describe_vpc_block_public_access_options(self):
    return ActionResult(block_options(self))


def modify_vpc_block_public_access_options(self):
    self.ec2_backend.block_mode = self._get_param("InternetGatewayBlockMode")
    return ActionResult(block_options(self))


def create_vpc_block_public_access_exclusion(self):
    subnet, vpc = self._get_param("SubnetId"), self._get_param("VpcId")
    resource = f"subnet/{subnet}" if subnet else f"vpc/{vpc}"
    exclusions = block_exclusions(self)
    exclusion = {
        "ExclusionId": f"vpcbpa-exclude-{len(exclusions) + 1:017x}",
        "InternetGatewayExclusionMode": self._get_param("InternetGatewayExclusionMode"),
        "ResourceArn": f"arn:aws:ec2:{self.region}:{self.current_account}:{resource}",
        "State": "create-complete",
        "CreationTimestamp": utcnow(),
    }
    exclusions[exclusion["ExclusionId"]] = exclusion
    return ActionResult({"VpcBlockPublicAccessExclusion": exclusion})


def delete_vpc_block_public_access_exclusion(self):
    exclusion = block_exclusions(self)[self._get_param("ExclusionId")]
    exclusion["State"] = "delete-complete"
    return ActionResult({"VpcBlockPublicAccessExclusion": exclusion})


def describe_vpc_block_public_access_exclusions(self):
    return ActionResult({"VpcBlockPublicAccessExclusions": list(block_exclusions(self).values())})


for answer in [
    describe_vpc_block_public_access_options,
    modify_vpc_block_public_access_options,
    create_vpc_block_public_access_exclusion,
    delete_vpc_block_public_access_exclusion,
    describe_vpc_block_public_access_exclusions,
]:
    setattr(EC2Response, answer.__name__, answer)


# Agents: one that has called `UpdateInstanceInformation`, as agents do, is known by what it said.


def agents(account, region):
    return ssm_backends[account][region].__dict__.setdefault("agents", {})


def update_instance_information(self):
    id = self._get_param("InstanceId")
    agents(self.current_account, self.region)[id] = {
        "InstanceId": id,
        "PingStatus": self._get_param("PingStatus") or "Online",
        "LastPingDateTime": utcnow(),
        "AgentVersion": self._get_param("AgentVersion"),
        "IsLatestVersion": False,
        "PlatformType": "Linux",
        "ResourceType": "EC2Instance",
    }
    return "{}"


def describe_instance_information(self):
    known = agents(self.current_account, self.region)
    filters = self._get_param("Filters", []) + [
        {"Key": choice["key"], "Values": choice["valueSet"]} for choice in self._get_param("InstanceInformationFilterList", [])
    ]
    keys = {"InstanceIds": "InstanceId", "PingStatus": "PingStatus", "ResourceType": "ResourceType"}
    found = [
        agent
        for agent in known.values()
        if all(agent[keys[choice["Key"]]] in choice["Values"] for choice in filters)
    ]
    return ActionResult({"InstanceInformationList": found})


def get_connection_status(self):
    target = self._get_param("Target")
    agent = agents(self.current_account, self.region).get(target, {})
    status = "connected" if agent.get("PingStatus") == "Online" else "notconnected"
    return ActionResult({"Target": target, "Status": status})


class ServiceSettingNotFound(ServiceException):
    code = "ServiceSettingNotFound"


# The default of the only setting that is asked for: no role, Default Host Management Configuration is off.
SETTINGS = {"/ssm/managed-instance/default-ec2-instance-management-role": "$None"}


def get_service_setting(self):
    id = self._get_param("SettingId")
    if id not in SETTINGS:
        raise ServiceSettingNotFound(f"no service setting {id}")
    known = self.ssm_backend.__dict__.setdefault("settings", {})
    return ActionResult(
        {
            "ServiceSetting": {
                "SettingId": id,
                "SettingValue": known.get(id, SETTINGS[id]),
                "ARN": f"arn:aws:ssm:{self.region}:{self.current_account}:servicesetting{id}",
                "Status": "Customized" if id in known else "Default",
            }
        }
    )


def update_service_setting(self):
    known = self.ssm_backend.__dict__.setdefault("settings", {})
    known[self._get_param("SettingId")] = self._get_param("SettingValue")
    return ActionResult({})


for answer in [
    update_instance_information,
    describe_instance_information,
    get_connection_status,
    get_service_setting,
    update_service_setting,
]:
    setattr(SimpleSystemManagerResponse, answer.__name__, answer)


# The console of an instance whose agent has started says so.


def get_console_output(self):
    id = self._get_param("InstanceId")
    self.ec2_backend.get_instance(id)
    agent = agents(self.current_account, self.region).get(id)
    text = f"Amazon SSM Agent v{agent['AgentVersion']} is running\n" if agent else "Linux version 6.1\n"
    return ActionResult(
        {"InstanceId": id, "Timestamp": utcnow(), "Output": base64.b64encode(text.encode()).decode()}
    )


EC2Response.get_console_output = get_console_output


class QuietHandler(MotoRequestHandler):
    """Logs failures only."""

    def log_request(self, code="-", size="-"):
        pass


server = make_server(
    "127.0.0.1",
    port,
    DomainDispatcherApplication(create_backend_app),
    threaded=True,
    request_handler=QuietHandler,
    fd=listener.fileno(),
)
tell_the_port()
server.serve_forever()
