#!/usr/bin/env bash
# What an engineer writes with the AWS CLI: every instance, and whether the policies of its role mention what Session Manager needs.
#
# It reads each profile once, and guesses at documents by their words: less work than ssm-profile does. The program to call is the
# first argument. Part of the benchmark, see ../fleet.rs.
set -euo pipefail
aws=$1 endpoint=$2 region=$3

call() {
    "$aws" --endpoint-url "$endpoint" --region "$region" "$@"
}

# A document that allows the channels, or one that denies them.
verdict_of() {
    local allowed='' denied='' document effects
    while read -r document; do
        effects=$(grep -o '"Effect":"[A-Za-z]*"' <<<"$document" || true)
        if grep -qE '"ssmmessages:(\*|OpenControlChannel)"' <<<"$document"; then
            allowed=yes
            if grep -q Deny <<<"$effects"; then denied=yes; fi
        fi
    done
    if [ -n "$allowed" ] && [ -z "$denied" ]; then echo ready; else echo not_ready; fi
}

documents_of() {
    local role=$1 name arn version
    for name in $(call iam list-role-policies --role-name "$role" --query 'PolicyNames[]' --output text); do
        call iam get-role-policy --role-name "$role" --policy-name "$name" --query PolicyDocument --output json |
            tr -d ' \n'
        echo
    done
    for arn in $(call iam list-attached-role-policies --role-name "$role" --query 'AttachedPolicies[].PolicyArn' --output text); do
        version=$(call iam get-policy --policy-arn "$arn" --query Policy.DefaultVersionId --output text)
        call iam get-policy-version --policy-arn "$arn" --version-id "$version" --query PolicyVersion.Document --output json |
            tr -d ' \n'
        echo
    done
}

begin=$EPOCHREALTIME
instances=$(call ec2 describe-instances \
    --query 'Reservations[].Instances[].[InstanceId, IamInstanceProfile.Arn]' --output text)
listed=$EPOCHREALTIME

declare -A verdicts=([None]=not_ready)
profiles=0
for profile in $(cut -f 2 <<<"$instances" | grep -v '^None$' | sort -u); do
    role=$(call iam get-instance-profile --instance-profile-name "${profile##*/}" \
        --query 'InstanceProfile.Roles[0].RoleName' --output text)
    verdicts[$profile]=$(documents_of "$role" | verdict_of)
    profiles=$((profiles + 1))
done
ended=$EPOCHREALTIME

code=0
while IFS=$'\t' read -r instance profile; do
    [ "${verdicts[$profile]}" = ready ] || code=1
    printf '{"target":"%s","verdict":"%s"}\n' "$instance" "${verdicts[$profile]}"
done <<<"$instances"
awk -v begin="$begin" -v listed="$listed" -v ended="$ended" -v roles="$profiles" 'BEGIN {
    printf "{\"list_seconds\": %.3f, \"role_seconds\": %.3f, \"roles\": %d}\n", listed - begin, ended - listed, roles
}' >&2
exit "$code"
