"""What an engineer writes with boto3: every instance, and whether its role allows what Session Manager needs.

It reads each role and each policy once, one call after the other. It knows no boundaries, no conditions and no service control
policies, and takes the profile's name from its ARN: less work than ssm-profile does. Part of the benchmark, see ../fleet.rs.
"""

import argparse
import fnmatch
import json
import sys
import time

import boto3

NEEDED = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]


def as_list(value):
    return value if isinstance(value, list) else [value]


def mentions(statement, action):
    patterns = as_list(statement.get("Action", []))
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def allows(documents, action):
    statements = [statement for document in documents for statement in as_list(document["Statement"])]
    about = [statement for statement in statements if mentions(statement, action)]
    if any(statement["Effect"] == "Deny" for statement in about):
        return False
    return any(statement["Effect"] == "Allow" and "*" in as_list(statement.get("Resource", [])) for statement in about)


def trusts_ec2(document):
    principals = [statement.get("Principal", {}) for statement in as_list(document["Statement"])]
    services = [as_list(principal.get("Service", [])) for principal in principals if isinstance(principal, dict)]
    return any("ec2.amazonaws.com" in names for names in services)


def managed_policy(iam, arn, known):
    if arn not in known:
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        known[arn] = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return known[arn]


def is_ready(iam, profile_name, known):
    roles = iam.get_instance_profile(InstanceProfileName=profile_name)["InstanceProfile"]["Roles"]
    if not roles:
        return False
    name = roles[0]["RoleName"]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    documents = []
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=name):
        for policy in page["PolicyNames"]:
            documents.append(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name):
        for policy in page["AttachedPolicies"]:
            documents.append(managed_policy(iam, policy["PolicyArn"], known))
    return trusts_ec2(trust) and all(allows(documents, action) for action in NEEDED)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint-url", required=True)
    parser.add_argument("--region", required=True)
    arguments = parser.parse_args()
    ec2 = boto3.client("ec2", region_name=arguments.region, endpoint_url=arguments.endpoint_url)
    iam = boto3.client("iam", region_name=arguments.region, endpoint_url=arguments.endpoint_url)

    begin = time.monotonic()
    instances = []
    for page in ec2.get_paginator("describe_instances").paginate():
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                arn = instance.get("IamInstanceProfile", {}).get("Arn")
                instances.append((instance["InstanceId"], arn))
    listed = time.monotonic()

    known = {}
    profiles = {arn for _, arn in instances if arn}
    ready = {arn: is_ready(iam, arn.rsplit("/", 1)[-1], known) for arn in sorted(profiles)}
    for identifier, arn in instances:
        verdict = "ready" if ready.get(arn) else "not_ready"
        print(json.dumps({"target": identifier, "instance_profile": arn, "verdict": verdict}, separators=(",", ":")))
    timing = {"list_seconds": listed - begin, "role_seconds": time.monotonic() - listed, "roles": len(profiles)}
    print(json.dumps(timing), file=sys.stderr)
    sys.exit(0 if all(ready.get(arn) for _, arn in instances) else 1)


main()
