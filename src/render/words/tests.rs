//! The vocabulary: everything that findings, refusals, baselines and what was not checked say, in `snapshots/vocabulary.snap`, to be
//! read and reviewed in one sitting.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use iam_eval::{
    DocumentKind, FailedKey, NearMiss, PolicyKind, PolicySetKind, Resemblance, RuledOutBy, StatementReference,
    UnknownReason,
};
use jiff::civil::date;
use serde_json::Value;

use super::{
    FROM_BASELINE, Place, Words, finding as in_words, known, known_mark, not_checked, refusal as refusal_in_words,
    warning as warning_in_words,
};
use crate::facts::{Unreadable, UnreadableKind};
use crate::fix::{ChangedTo, Evidence, MissingFact, RefusalKind, ThingKind, Unfit, User, Warning, WhyNotGranted};
use crate::report::{
    AclPeer, AclRule, ActionOn, AgentFeature, AssumingService, ClosedPolicySet, Direction, DnsAttribute, DocumentName,
    FarSide, Finding, FindingKind, Flag, Known, LastSeen, LogDestination, MetadataState, NotChecked, NotRead, Obstacle,
    OfflineCause, PathObstacle, PathUnknown, PathWeight, ProfileUnused, Reservation, ResourceKind, RoleState, Service,
    Settling, TargetKind, UnreadPolicy,
};

/// The names of all variants, and which one a value is. A variant that is added and not listed here does not compile; one that is
/// listed and has no sample fails the test.
macro_rules! variants {
    ($names:ident, $name:ident, $kind:ident: $($variant:ident)+ $(; not $left_out:ident)?) => {
        const $names: &[&str] = &[$(stringify!($variant)),+];

        fn $name(value: &$kind) -> &'static str {
            match value {
                $($kind::$variant { .. } => stringify!($variant),)+
                $($kind::$left_out { .. } => stringify!($left_out),)?
            }
        }
    };
}

variants!(FINDINGS, name_of_finding, FindingKind:
    InstanceNotFound InstanceTerminated InstanceNotRunning NoSuchTarget TargetNotFound TargetNotInSnapshot
    Metadata NoInstanceProfile AssociationPending AssociationDiffers ProfileMissing ProfileStale ProfileEmpty RoleWithoutProfile
    RoleMissing Unreadable NotRead HostManagementUnreadable PreferencesUnreadable
    NotAPolicy MisplacedDocument UnsoundPolicy PreferencesInvalid PreferencesMissing
    TrustDenied TrustUnknown RcpOnAssumeRole
    MissingPermission OptionalPermission ExplicitDeny DeniedByGate NotAllowedByGate LevelAllowsNothing ConditionalPermission ResourceMustAllow
    KeyOfOtherPartition KeyOfOtherRegion AliasNotResolved KeyNotResolved KeyMissing KeyState KeyOfOtherUse KeyPolicyInvalid KeyPolicyDenies
    KeyPolicyDoesNotAllow KeyPolicyUnknown KeyPolicyNotRead
    LogsDenied LogsUnknown LogDestinationMissing BucketNotEncrypted LogGroupNotEncrypted BucketPolicyInvalid BucketPolicyDenies
    BucketPolicyUnknown
    AgentOffline AgentOutdated AgentVersionUnknown ConnectionContradicts
    PathClosed PathNotKnown EndpointPolicyBlocks EndpointPolicyMayBlock EndpointPolicyUnknown
    ManagedByHostManagement EitherRole FallbackUnknown FallbackOff HostRoleElsewhere HostRoleMissing; not Sample);

variants!(REFUSALS, name_of_refusal, RefusalKind:
    OutOfReach PermissionUnknown NeedsProfile Unknown Unread NameTooLong RoleTaken ProfileTaken InstanceState ReservedRole
    ManagedElsewhere QuotaExceeded PolicyUnreadable CannotGrant UnfitDocument ChangedSince InUse NotCreatedByFix
    ProfileNotDeleted NetworkOnly CutsOff EndpointServiceNotKnown; not Sample);

variants!(WARNINGS, name_of_warning, Warning:
    AutoScalingGroup ManagedElsewhere TrustPolicySize LeavesHostManagement MayLeaveHostManagement NetworkOnlyEmitted ProfileGone
    MayBeOfOthers
    HoldersNotSeen BackupInDoubt; not Sample);

variants!(WHYS_NOT_GRANTED, name_of_why_not_granted, WhyNotGranted: NothingNeeded KeyNotKnown NotLiteral);

variants!(UNFITS, name_of_unfit, Unfit: NotJson NoObject NoStatement StatementTwice NoStatements StatementNoObject Unsafe);

variants!(NOT_CHECKED, name_of_not_checked, NotChecked:
    TrustPolicy Boundary Partition OutsideDocuments NetworkPath NetworkOnHost NetworkPathOfLogs SessionPreferences Scps Rcps RcpsNotRead
    RcpsOfOwner RcpsOfBucketOwner Starter BucketPolicy BucketEncryption LogGroup ResourcePolicies CredentialsOnInstance StillOnline
    HostManagement MetadataService ProfileId Agent ShippedPolicy);

variants!(OBSTACLES, name_of_obstacle, PathObstacle:
    Egress Ingress NetworkAcl NoRoute Blackhole NoPublicAddress InternetGatewayDetached NatGateway PrivateNatGateway EndpointState
    NoPrivateDns VpcDns BlockPublicAccess);

variants!(PATH_UNKNOWNS, name_of_path_unknown, PathUnknown:
    Unreadable NotSeen Target SeveralRoutes OwnNameServers SharedSubnet Ipv6Only DualStack RegionalNatGateway NatGatewayPending EndpointState
    SomeOfEndpoint Ipv6Endpoint EndpointAddresses EndpointOrNot PrivateZone LedBeyond PrivateZones VpcDns PartlyAllowed IngressInPart SeveralSubnets
    NetworkAcl BlockPublicAccess BucketRegion NotACidr);

variants!(RESERVATIONS, name_of_reservation, Reservation: MayNotMatter MayBeAllowedBy OnlyLogs);

const INSTANCE: &str = "i-0123456789abcdef0";
const PROFILE: &str = "arn:aws:iam::111122223333:instance-profile/web";
const ROLE: &str = "web";
const HOST_ROLE: &str = "AWSSystemsManagerDefaultEC2InstanceManagementRole";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/sessions";
const BUCKET: &str = "session-logs";
const BOUNDARY: &str = "arn:aws:iam::111122223333:policy/boundary";
const ASSOCIATION: &str = "iip-assoc-0123456789abcdef0";

fn place() -> Place<'static> {
    Place { target: Some(INSTANCE), instance: Some(INSTANCE), region: Some("us-east-1"), ..Place::default() }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn failure(kind: UnreadableKind, api: &str, message: &str) -> Unreadable {
    Unreadable { api: api.to_owned(), kind, message: message.to_owned() }
}

fn denied(api: &str) -> Unreadable {
    failure(UnreadableKind::Denied, api, "AccessDenied: no identity-based policy allows it")
}

fn statement(gate: PolicySetKind, kind: PolicyKind, policy: &str) -> StatementReference {
    StatementReference { gate, kind, policy: policy.to_owned(), sid: Some("DenySessions".to_owned()), index: 0 }
}

fn inline() -> StatementReference {
    statement(PolicySetKind::Identity, PolicyKind::Inline, "baseline")
}

fn miss(gate: PolicySetKind, ruled_out_by: RuledOutBy) -> Option<NearMiss> {
    Some(NearMiss { statement: StatementReference { gate, ..inline() }, ruled_out_by })
}

fn condition(key: &str, absent: bool) -> RuledOutBy {
    RuledOutBy::Condition(vec![FailedKey { key: key.to_owned(), absent }])
}

fn channel() -> Vec<String> {
    owned(&["ssmmessages:OpenDataChannel"])
}

fn on(action: &str, resource: Option<&str>) -> ActionOn {
    ActionOn { action: action.to_owned(), resource: resource.map(str::to_owned) }
}

fn missing(permissions: &[ActionOn], near_miss: Option<NearMiss>) -> FindingKind {
    let (role, permissions) = (Some(ROLE.to_owned()), permissions.to_vec());
    FindingKind::MissingPermission {
        role,
        permissions,
        only_core: true,
        fix_can_grant: true,
        managed_by: None,
        near_miss,
        boundary: None,
    }
}

fn core() -> Vec<ActionOn> {
    vec![on("ssmmessages:OpenDataChannel", Some("*")), on("ssm:UpdateInstanceInformation", None)]
}

fn services() -> [AssumingService; 2] {
    [("ec2.amazonaws.com", false), ("ssm.amazonaws.com", true)]
        .map(|(principal, is_systems_manager)| AssumingService { principal: principal.to_owned(), is_systems_manager })
}

fn unread(of: ResourceKind, reason: Option<Unreadable>) -> UnreadPolicy {
    UnreadPolicy { of, reason }
}

/// A sample for each variant, and for each value of a field that changes what is said.
fn findings() -> Vec<Finding> {
    let kinds = [
        target(),
        chain(),
        reading(),
        documents(),
        trust(),
        permissions(),
        keys(),
        logs(),
        agent(),
        host_management(),
        network(),
    ];
    let mut samples: Vec<Finding> = kinds.into_iter().flatten().map(Finding::from).collect();
    let reserved = |kind, reservation| Finding { kind, host_management_role: None, reservation: Some(reservation) };
    samples.push(reserved(FindingKind::NoInstanceProfile, Reservation::MayNotMatter));
    for of in [ResourceKind::Key, ResourceKind::Bucket, ResourceKind::Role, ResourceKind::Other] {
        let policy = unread(of, (of == ResourceKind::Bucket).then(|| denied("s3:GetBucketPolicy")));
        let permission = on("s3:PutObject", Some("arn:aws:s3:::session-logs/*"));
        samples.push(reserved(missing(&[permission], None), Reservation::MayBeAllowedBy(policy)));
    }
    let decrypt = || missing(&[on("kms:GenerateDataKey", Some(KEY))], None);
    samples.push(reserved(decrypt(), Reservation::OnlyLogs { bucket: None }));
    samples.push(reserved(decrypt(), Reservation::OnlyLogs { bucket: Some(BUCKET.to_owned()) }));
    samples.push(Finding {
        kind: missing(&core(), None),
        host_management_role: Some(HOST_ROLE.to_owned()),
        reservation: None,
    });
    samples
}

fn target() -> Vec<FindingKind> {
    let mut samples = vec![FindingKind::InstanceNotFound];
    samples.extend(
        ["terminated", "shutting-down"].map(|state| FindingKind::InstanceTerminated { state: state.to_owned() }),
    );
    samples.extend(
        ["pending", "stopping", "stopped", "hibernating"]
            .map(|state| FindingKind::InstanceNotRunning { state: state.to_owned() }),
    );
    for target in [TargetKind::Profile, TargetKind::Role] {
        let name = || ROLE.to_owned();
        for exists_as_other in [false, true] {
            samples.push(FindingKind::NoSuchTarget { target, name: name(), exists_as_other });
            samples.push(FindingKind::TargetNotFound { target, name: name(), exists_as_other });
        }
        samples.push(FindingKind::TargetNotInSnapshot { target, name: name(), near: None });
    }
    for name in [INSTANCE, "web-1", "web-*", "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0"] {
        samples.push(FindingKind::TargetNotInSnapshot {
            target: TargetKind::Instance,
            name: name.to_owned(),
            near: None,
        });
    }
    for target in [TargetKind::Profile, TargetKind::Role, TargetKind::Instance] {
        samples.push(FindingKind::TargetNotInSnapshot { target, name: "Web".to_owned(), near: Some("web".to_owned()) });
    }
    samples
}

fn chain() -> Vec<FindingKind> {
    let mut samples = vec![FindingKind::NoInstanceProfile];
    let states = [
        MetadataState::Disabled,
        MetadataState::BeingDisabled,
        MetadataState::ChangePending,
        MetadataState::ChangeAtStart,
    ];
    samples.extend(states.map(|state| FindingKind::Metadata { state }));
    for (state, shows_profile) in [("associating", false), ("disassociating", true), ("suspended", true)] {
        let profile = Some(ROLE.to_owned());
        samples.push(FindingKind::AssociationPending { state: state.to_owned(), profile, shows_profile });
    }
    for associated_with in [Some(PROFILE.to_owned()), None] {
        samples.push(FindingKind::AssociationDiffers { associated_with });
    }
    let (profile, association) = (|| ROLE.to_owned(), || Some(ASSOCIATION.to_owned()));
    samples.push(FindingKind::ProfileMissing { profile: profile(), association: association() });
    samples.push(FindingKind::ProfileStale {
        profile: profile(),
        held_id: "AIPAOLD".to_owned(),
        current_id: "AIPANEW".to_owned(),
        association: association(),
    });
    samples.push(FindingKind::ProfileEmpty { profile: profile() });
    samples.push(FindingKind::RoleWithoutProfile { role: ROLE.to_owned() });
    samples.push(FindingKind::RoleMissing { role: ROLE.to_owned() });
    samples
}

fn reading() -> Vec<FindingKind> {
    let kinds = [
        (UnreadableKind::Denied, "AccessDenied: no identity-based policy allows it"),
        (UnreadableKind::Throttled, "Throttling: rate exceeded"),
        (UnreadableKind::Credentials, "ExpiredToken: the security token is expired"),
        (UnreadableKind::Network, "connection refused"),
        (UnreadableKind::Response, "the connection was closed before the response was complete"),
        (UnreadableKind::OtherAccount, "the role belongs to account 444455556666"),
        (UnreadableKind::OtherPath, "there is no role `/ops/web`, only `/web`"),
        (UnreadableKind::NotInSnapshot, "the snapshot does not contain the role `web`"),
        (UnreadableKind::NotInPlan, "`aws_iam_role.web.name` is known only after apply"),
        (UnreadableKind::Unsupported, "UnknownOperation"),
        (UnreadableKind::Service, "InternalFailure"),
        (UnreadableKind::Other, "ValidationError"),
    ];
    let unreadable = |(kind, message)| FindingKind::Unreadable {
        reason: failure(kind, "iam:GetRole", message),
        leaves_unknown: true,
    };
    let mut samples: Vec<FindingKind> = kinds.map(unreadable).into();
    samples.push(FindingKind::Unreadable { reason: denied("ssm:GetServiceSetting"), leaves_unknown: false });
    for (what, api) in [
        (NotRead::Agent, "ssm:DescribeInstanceInformation"),
        (NotRead::SessionPreferences, "ssm:GetDocument"),
        (NotRead::HostManagement, "ssm:GetServiceSetting"),
    ] {
        samples.push(FindingKind::NotRead { what, reason: denied(api) });
    }
    let unused = [ProfileUnused::NoProfile, ProfileUnused::NoCredentials, ProfileUnused::NotAllowed];
    samples.extend(unused.map(|because| {
        let reason = denied("ssm:GetServiceSetting");
        FindingKind::HostManagementUnreadable { because, reason }
    }));
    let name = "SSM-SessionManagerRunShell".to_owned();
    samples.push(FindingKind::PreferencesUnreadable { name, reason: denied("ssm:GetDocument") });
    samples
}

fn documents() -> Vec<FindingKind> {
    let mut samples = Vec::new();
    let names = [
        DocumentName::TrustPolicy(ROLE.to_owned()),
        DocumentName::Inline("baseline".to_owned()),
        DocumentName::Managed(BOUNDARY.to_owned()),
        DocumentName::Named("FullAWSAccess".to_owned()),
    ];
    for (document, document_kind) in names.into_iter().zip([
        DocumentKind::Trust,
        DocumentKind::Identity,
        DocumentKind::Identity,
        DocumentKind::ResourceControl,
    ]) {
        let error = "expected a JSON object, found a string at line 1 column 1".to_owned();
        samples.push(FindingKind::NotAPolicy { document, document_kind, error });
    }
    let document = || DocumentName::Named("policy.json".to_owned());
    for (looks_like, document_kind) in [
        (Resemblance::Identity, DocumentKind::ResourceControl),
        (Resemblance::Identity, DocumentKind::Trust),
        (Resemblance::Trust, DocumentKind::Identity),
        (Resemblance::ResourceControl, DocumentKind::Scp),
        (Resemblance::ResourceControlOrEndpoint, DocumentKind::Identity),
        (Resemblance::Endpoint, DocumentKind::ResourceControl),
        (Resemblance::Bucket, DocumentKind::Trust),
        (Resemblance::Key, DocumentKind::Identity),
        (Resemblance::Resource, DocumentKind::Identity),
    ] {
        samples.push(FindingKind::MisplacedDocument { document: document(), document_kind, looks_like });
    }
    let problems = ["statement 0 has no `Effect`", "statement 1 has no `Action`", "two statements have the Sid `A`"];
    let problems = owned(&[problems[0], problems[1], problems[2], "statement 3 has no `Resource`"]);
    samples.push(FindingKind::UnsoundPolicy { document: document(), problems });
    let name = || "SSM-SessionManagerRunShell".to_owned();
    samples.push(FindingKind::PreferencesInvalid { name: name(), error: "`inputs` is missing".to_owned() });
    samples.push(FindingKind::PreferencesMissing { name: name() });
    samples
}

fn trust() -> Vec<FindingKind> {
    let role = || Some(ROLE.to_owned());
    let mut samples = Vec::new();
    for service in services() {
        for (role, managed_by) in [(role(), None), (role(), Some("Terraform".to_owned())), (None, None)] {
            samples.push(FindingKind::TrustDenied { role, service: service.clone(), managed_by });
        }
        let unknown = |depends_on, settled_by| FindingKind::TrustUnknown {
            role: role(),
            service: service.clone(),
            depends_on,
            settled_by,
        };
        samples.push(unknown(UnknownReason::key("aws:SourceArn"), Some("aws:SourceArn".to_owned())));
        samples.push(unknown(UnknownReason::key("aws:SourceArn"), None));
        samples.push(unknown(UnknownReason::note("`NotPrincipal` with `Allow`"), None));
        for denies in [true, false] {
            let statement = statement(PolicySetKind::Rcp, PolicyKind::Rcp, "perimeter");
            samples.push(FindingKind::RcpOnAssumeRole { service: service.clone(), statement, denies });
        }
    }
    samples
}

fn permissions() -> Vec<FindingKind> {
    let mut samples = vec![
        missing(&core(), None),
        FindingKind::MissingPermission {
            role: None,
            permissions: vec![on("kms:Decrypt", Some(KEY))],
            only_core: false,
            fix_can_grant: false,
            managed_by: None,
            near_miss: None,
            boundary: None,
        },
    ];
    for (gate, ruled_out_by) in [
        (PolicySetKind::Identity, condition("aws:RequestedRegion", false)),
        (PolicySetKind::Identity, condition("aws:SourceArn", true)),
        (PolicySetKind::Identity, RuledOutBy::Alias),
        (PolicySetKind::Identity, RuledOutBy::Resource),
    ] {
        samples.push(missing(&core(), miss(gate, ruled_out_by)));
    }
    for owner in ["Terraform", "CloudFormation stack `web`", "Pulumi"] {
        let mut managed = missing(&core(), None);
        if let FindingKind::MissingPermission { managed_by, .. } = &mut managed {
            *managed_by = Some(owner.to_owned());
        }
        samples.push(managed);
    }
    for boundary in [BOUNDARY, "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"] {
        samples.push(FindingKind::MissingPermission {
            role: Some(ROLE.to_owned()),
            permissions: core(),
            only_core: true,
            fix_can_grant: true,
            managed_by: None,
            near_miss: None,
            boundary: Some(boundary.to_owned()),
        });
    }
    samples.push(FindingKind::OptionalPermission { action: "s3:GetEncryptionConfiguration".to_owned() });
    for kind in [PolicyKind::Inline, PolicyKind::Managed, PolicyKind::Document] {
        let statement = statement(PolicySetKind::Identity, kind, "baseline");
        samples.push(FindingKind::ExplicitDeny { statement, actions: owned(&crate::needs::CHANNEL_ACTIONS) });
    }
    for (gate, kind) in [
        (PolicySetKind::Boundary, PolicyKind::Boundary),
        (PolicySetKind::Scp, PolicyKind::Scp),
        (PolicySetKind::Rcp, PolicyKind::Rcp),
    ] {
        let statement = statement(gate, kind, "guardrail");
        samples.push(FindingKind::DeniedByGate { statement, actions: channel() });
    }
    for (gate, near_miss) in [
        (PolicySetKind::Boundary, miss(PolicySetKind::Boundary, RuledOutBy::Resource)),
        (PolicySetKind::Scp, miss(PolicySetKind::Scp, condition("aws:RequestedRegion", false))),
    ] {
        let name = if gate == PolicySetKind::Scp { "ou-ab12-cdef3456" } else { BOUNDARY };
        let gate = ClosedPolicySet { gate, name: name.to_owned(), near_miss };
        samples.push(FindingKind::NotAllowedByGate { gate, actions: channel() });
    }
    for has_policies in [false, true] {
        let level = "ou-ab12-cdef3456".to_owned();
        samples.push(FindingKind::LevelAllowsNothing { level, has_policies, actions: channel() });
    }
    samples.extend(conditional());
    samples
}

fn conditional() -> Vec<FindingKind> {
    let unknown =
        |depends_on, settling| FindingKind::ConditionalPermission { actions: channel(), depends_on, settling };
    let flags = [
        Flag::Account,
        Flag::Instance,
        Flag::Region,
        Flag::Context("aws:SourceVpce".to_owned()),
        Flag::RegionOfBucket("s3:PutObject".to_owned()),
        Flag::RegionOf("kms:Decrypt".to_owned()),
    ];
    let mut samples: Vec<FindingKind> = flags
        .map(|flag| {
            unknown(UnknownReason::key("aws:SourceVpce"), Settling { flags: vec![flag], ..Settling::default() })
        })
        .into();
    samples.push(unknown(
        UnknownReason::key("aws:SourceVpce").merge(UnknownReason::note("AWS does not document the order of variables")),
        Settling {
            flags: vec![Flag::Context("aws:SourceVpce".to_owned())],
            absent: Some("aws:SourceVpce".to_owned()),
            ..Settling::default()
        },
    ));
    samples.push(unknown(
        UnknownReason::key("aws:SourceVpce"),
        Settling {
            flags: vec![Flag::Context("ssm:UpdateInstanceInformation@aws:SourceVpce".to_owned())],
            values: [("aws:SourceVpce".to_owned(), "vpce-0123".to_owned())].into(),
            ..Settling::default()
        },
    ));
    samples.push(unknown(
        UnknownReason::key("aws:TokenIssueTime"),
        Settling { newer_credentials: true, ..Settling::default() },
    ));
    samples.push(unknown(
        UnknownReason::key("ec2:RoleDelivery"),
        Settling { require_tokens: true, ..Settling::default() },
    ));
    samples.push(unknown(UnknownReason::note("AWS does not document the order of variables"), Settling::default()));
    let cases = [
        (ResourceKind::Role, "arn:aws:iam::444455556666:role/other", "sts:AssumeRole"),
        (ResourceKind::Other, "arn:aws:sqs:us-east-1:444455556666:queue", "sqs:SendMessage"),
    ];
    samples.extend(cases.map(|(of, resource, action)| FindingKind::ResourceMustAllow {
        of,
        resource: resource.to_owned(),
        action: action.to_owned(),
    }));
    samples
}

fn keys() -> Vec<FindingKind> {
    let key = || KEY.to_owned();
    let mut samples = vec![
        FindingKind::KeyOfOtherPartition {
            key: key(),
            key_partition: "aws".to_owned(),
            partition: "aws-us-gov".to_owned(),
        },
        FindingKind::KeyOfOtherRegion {
            key: key(),
            key_region: "us-east-1".to_owned(),
            region: "eu-west-1".to_owned(),
        },
        FindingKind::AliasNotResolved { alias: "alias/sessions".to_owned() },
    ];
    for (region, by_preferences) in [(Some("us-east-1"), true), (None, false)] {
        let region = region.map(str::to_owned);
        samples.push(FindingKind::KeyNotResolved { key: "alias/sessions".to_owned(), region, by_preferences });
    }
    for (by_preferences, other_account) in [(true, true), (true, false), (false, false)] {
        samples.push(FindingKind::KeyMissing { key: key(), by_preferences, other_account });
    }
    for (state, ends_sessions) in
        [("Disabled", true), ("PendingDeletion", false), ("PendingImport", true), ("Rotating", false)]
    {
        samples.push(FindingKind::KeyState { key: key(), state: state.to_owned(), ends_sessions });
    }
    for (setting, value, ends_sessions) in [("KeyUsage", "SIGN_VERIFY", true), ("KeySpec", "RSA_2048", false)] {
        let (setting, value) = (setting.to_owned(), value.to_owned());
        samples.push(FindingKind::KeyOfOtherUse { key: key(), setting, value, ends_sessions });
    }
    samples.push(FindingKind::KeyPolicyInvalid { key: key() });
    let by = statement(PolicySetKind::Resource, PolicyKind::Document, KEY);
    let second = StatementReference { index: 2, sid: None, ..by.clone() };
    for statements in [vec![by.clone()], vec![by, second]] {
        samples.push(FindingKind::KeyPolicyDenies { key: key(), statements, action: "kms:Decrypt".to_owned() });
    }
    let deleted = || RuledOutBy::DeletedPrincipal("AROAEXAMPLE".to_owned());
    for (near_miss, names_deleted_role) in [(None, false), (miss(PolicySetKind::Resource, deleted()), true)] {
        let action = "kms:Decrypt".to_owned();
        samples.push(FindingKind::KeyPolicyDoesNotAllow { key: key(), action, near_miss, names_deleted_role });
    }
    samples
        .push(FindingKind::KeyPolicyUnknown { key: key(), depends_on: UnknownReason::key("kms:EncryptionContext:a") });
    for (other_account, reason) in
        [(Some("444455556666"), None), (None, Some(denied("kms:GetKeyPolicy"))), (None, None)]
    {
        let other_account = other_account.map(str::to_owned);
        samples.push(FindingKind::KeyPolicyNotRead { key: key(), other_account, reason });
    }
    samples
}

fn logs() -> Vec<FindingKind> {
    let (role, actions) = (|| ROLE.to_owned(), || owned(&["s3:PutObject"]));
    let closed = [
        PolicySetKind::Identity,
        PolicySetKind::Boundary,
        PolicySetKind::Scp,
        PolicySetKind::Rcp,
        PolicySetKind::Resource,
    ]
    .map(|gate| {
        let name = if gate == PolicySetKind::Identity { "" } else { "guardrail" };
        Obstacle::Closed(vec![ClosedPolicySet { gate, name: name.to_owned(), near_miss: None }])
    });
    let mut samples =
        vec![FindingKind::LogsDenied { role: role(), actions: actions(), obstacle: Obstacle::DeniedBy(inline()) }];
    samples.extend(closed.map(|obstacle| FindingKind::LogsDenied { role: role(), actions: actions(), obstacle }));
    samples.push(FindingKind::LogsUnknown {
        role: role(),
        actions: actions(),
        depends_on: UnknownReason::key("aws:SourceVpce"),
        unread: vec![unread(ResourceKind::Bucket, Some(denied("s3:GetBucketPolicy")))],
        obstacle: Obstacle::Closed(Vec::new()),
    });
    for destination in [LogDestination::Bucket, LogDestination::LogGroup] {
        for must_be_encrypted in [true, false] {
            let name = BUCKET.to_owned();
            samples.push(FindingKind::LogDestinationMissing { destination, name, must_be_encrypted });
        }
    }
    let bucket = || BUCKET.to_owned();
    for algorithm in [Some("aws:kms:dsse".to_owned()), None] {
        samples.push(FindingKind::BucketNotEncrypted { bucket: bucket(), algorithm });
    }
    samples.push(FindingKind::LogGroupNotEncrypted { log_group: "/ssm/sessions".to_owned() });
    for only_logs in [false, true] {
        let action = || "s3:PutObject".to_owned();
        let statements = vec![statement(PolicySetKind::Resource, PolicyKind::Document, BUCKET)];
        samples.push(FindingKind::BucketPolicyInvalid { bucket: bucket(), only_logs });
        samples.push(FindingKind::BucketPolicyDenies { bucket: bucket(), statements, action: action(), only_logs });
        let depends_on = UnknownReason::key("aws:SourceVpce");
        samples.push(FindingKind::BucketPolicyUnknown { bucket: bucket(), action: action(), depends_on, only_logs });
    }
    samples
}

fn agent() -> Vec<FindingKind> {
    let seen = || LastSeen { ping: "ConnectionLost".to_owned(), since: Some("2026-07-01T09:00:00Z".to_owned()) };
    let mut samples = Vec::new();
    for (last_seen, cause, not_ready, scps_unseen) in [
        (None, OfflineCause::Certain, true, false),
        (Some(seen()), OfflineCause::Possible, false, false),
        (Some(seen()), OfflineCause::NotFound, false, false),
        (Some(LastSeen { since: None, ..seen() }), OfflineCause::NotFound, true, true),
    ] {
        for (network_open, started) in [(false, None), (true, Some("3.3.551.0".to_owned()))] {
            let last_seen = last_seen.clone();
            samples.push(FindingKind::AgentOffline { last_seen, cause, not_ready, scps_unseen, network_open, started });
        }
    }
    for (least, feature) in [
        ("2.3.68.0", AgentFeature::Sessions),
        ("2.3.539.0", AgentFeature::EncryptedSessions),
        ("3.2.582.0", AgentFeature::HostManagement),
    ] {
        let (version, least) = ("2.2.0.0".to_owned(), least.to_owned());
        samples.push(FindingKind::AgentOutdated { version, least, feature });
    }
    samples.push(FindingKind::AgentVersionUnknown { least: "3.2.582.0".to_owned() });
    samples
}

fn host_management() -> Vec<FindingKind> {
    let role = || HOST_ROLE.to_owned();
    let mut samples = Vec::new();
    for (because, lacks_more) in
        [(ProfileUnused::NoProfile, false), (ProfileUnused::NoCredentials, true), (ProfileUnused::NotAllowed, false)]
    {
        samples.push(FindingKind::ManagedByHostManagement { role: role(), because, lacks_more });
    }
    samples.push(FindingKind::EitherRole { role: role() });
    for role_lets_agent_in in [true, false] {
        samples.push(FindingKind::FallbackUnknown { role: role(), role_lets_agent_in });
    }
    for (profile_role, role_state) in
        [(Some(ROLE), RoleState::Open), (Some(ROLE), RoleState::Closed), (None, RoleState::Unknown)]
    {
        let profile_role = profile_role.map(str::to_owned);
        samples.push(FindingKind::FallbackOff { profile_role, role: role(), role_state });
    }
    samples.push(FindingKind::HostRoleElsewhere {
        setting: format!("service-role/{HOST_ROLE}"),
        found: format!("arn:aws:iam::111122223333:role/{HOST_ROLE}"),
    });
    samples.push(FindingKind::HostRoleMissing { role: role() });
    samples
}

fn print() -> String {
    format!("ssm-profile fix {INSTANCE} --region us-east-1 --network auto --emit cli")
}

fn stack_tag() -> Evidence {
    Evidence::Tag { key: "aws:cloudformation:stack-name".to_owned(), value: "web".to_owned() }
}

fn whys_not_granted() -> Vec<WhyNotGranted> {
    vec![
        WhyNotGranted::NothingNeeded,
        WhyNotGranted::KeyNotKnown,
        WhyNotGranted::NotLiteral("arn:aws:s3:::session-logs/${x}/*".to_owned()),
    ]
}

fn unfits() -> Vec<Unfit> {
    vec![
        Unfit::NotJson("it is empty".to_owned()),
        Unfit::NoObject("an array"),
        Unfit::NoStatement,
        Unfit::StatementTwice,
        Unfit::NoStatements("a string"),
        Unfit::StatementNoObject("a number"),
        Unfit::Unsafe,
    ]
}

fn warnings() -> Vec<Warning> {
    vec![
        Warning::AutoScalingGroup { instance: INSTANCE.to_owned(), group: "fleet".to_owned() },
        Warning::ManagedElsewhere {
            role: ROLE.to_owned(),
            owner: "CloudFormation stack `web`".to_owned(),
            evidence: stack_tag(),
            undone_by: "the next deployment of the CloudFormation stack `web`".to_owned(),
        },
        Warning::TrustPolicySize { role: ROLE.to_owned(), size: 2_100, quota: 2_048 },
        Warning::LeavesHostManagement { role: ROLE.to_owned(), setting: HOST_ROLE.to_owned() },
        Warning::MayLeaveHostManagement { role: ROLE.to_owned(), api: "ssm:GetServiceSetting".to_owned() },
        Warning::NetworkOnlyEmitted { targets: vec![INSTANCE.to_owned()], print: print() },
        Warning::NetworkOnlyEmitted { targets: vec![INSTANCE.to_owned(); 3], print: print() },
        Warning::ProfileGone { instance: INSTANCE.to_owned(), profile: PROFILE.to_owned() },
        Warning::MayBeOfOthers { api: "iam:AttachRolePolicy".to_owned(), target: ROLE.to_owned() },
        Warning::HoldersNotSeen {
            profile: PROFILE.to_owned(),
            regions: owned(&["eu-west-1", "us-east-1"]),
            why: "AccessDenied: no identity-based policy allows it".to_owned(),
        },
        Warning::BackupInDoubt { doubts: owned(&["its directory is writable by others"]) },
    ]
}

fn refusals() -> Vec<RefusalKind> {
    let (name, role, profile) = (|| "sessions".to_owned(), || ROLE.to_owned(), || ROLE.to_owned());
    let deny = FindingKind::ExplicitDeny { statement: inline(), actions: channel() };
    let mut samples = vec![
        RefusalKind::OutOfReach { finding: Box::new(deny.into()) },
        RefusalKind::PermissionUnknown { action: Some("ssmmessages:OpenDataChannel".to_owned()) },
        RefusalKind::PermissionUnknown { action: None },
        RefusalKind::NeedsProfile { was_deleted: false },
        RefusalKind::NeedsProfile { was_deleted: true },
    ];
    let facts =
        [MissingFact::Account, MissingFact::Region, MissingFact::RoleArn(ROLE.to_owned()), MissingFact::ProfileId];
    samples.extend(facts.map(|fact| RefusalKind::Unknown { fact }));
    samples.push(RefusalKind::Unread { reason: denied("iam:ListInstanceProfilesForRole") });
    samples.push(RefusalKind::NameTooLong { name: "x".repeat(65) });
    for profile_exists in [true, false] {
        samples.push(RefusalKind::RoleTaken { name: name(), profile: name(), profile_exists });
    }
    for association in [Some(ASSOCIATION.to_owned()), None] {
        samples.push(RefusalKind::ProfileTaken { name: name(), association });
    }
    samples.push(RefusalKind::NetworkOnly { print: print() });
    samples.push(RefusalKind::InstanceState { state: "stopping".to_owned() });
    samples.push(RefusalKind::ReservedRole {
        role: role(),
        owner: "an AWS service".to_owned(),
        evidence: Evidence::Path("/aws-service-role/autoscaling.amazonaws.com/".to_owned()),
    });
    samples.push(RefusalKind::ManagedElsewhere {
        role: role(),
        owner: "CloudFormation".to_owned(),
        evidence: stack_tag(),
        undone_by: "the next stack update".to_owned(),
    });
    samples.push(RefusalKind::QuotaExceeded { role: role(), size: 10_300, quota: 10_240 });
    samples.push(RefusalKind::PolicyUnreadable { role: role(), policy: "baseline".to_owned() });
    for why in whys_not_granted() {
        samples.push(RefusalKind::CannotGrant { action: "kms:Decrypt".to_owned(), why });
    }
    samples.push(RefusalKind::UnfitDocument {
        document: DocumentName::Inline("SessionManagerPermissions".to_owned()),
        role: Some(role()),
        why: Unfit::StatementTwice,
    });
    for why in unfits() {
        samples.push(RefusalKind::UnfitDocument { document: DocumentName::TrustPolicy(role()), role: None, why });
    }
    for thing in [
        ThingKind::Role,
        ThingKind::TrustPolicy,
        ThingKind::InlinePolicy,
        ThingKind::AttachedPolicy,
        ThingKind::InstanceProfile,
        ThingKind::RoleOfProfile,
        ThingKind::ProfileOfInstance,
    ] {
        samples.push(RefusalKind::ChangedSince { thing, name: None, to: ChangedTo::Changed });
    }
    for to in [ChangedTo::Deleted, ChangedTo::Another] {
        samples.push(RefusalKind::ChangedSince { thing: ThingKind::Role, name: Some(role()), to });
    }
    for by in [
        User::InlinePolicy("baseline".to_owned()),
        User::AttachedPolicy(BOUNDARY.to_owned()),
        User::InstanceProfile(PROFILE.to_owned()),
        User::Instance(INSTANCE.to_owned()),
    ] {
        samples.push(RefusalKind::InUse { by });
    }
    for thing in [ThingKind::Role, ThingKind::InstanceProfile] {
        samples.push(RefusalKind::NotCreatedByFix { thing, name: name() });
    }
    samples.push(RefusalKind::ProfileNotDeleted { profile: profile() });
    samples.push(RefusalKind::CutsOff { target: INSTANCE.to_owned(), service: Service::Ssm });
    samples.push(RefusalKind::EndpointServiceNotKnown { service: Service::Kms, partition: "aws-cn".to_owned() });
    samples
}

fn unchecked() -> Vec<NotChecked> {
    let mut samples = vec![
        NotChecked::TrustPolicy,
        NotChecked::Boundary,
        NotChecked::Partition(Some("aws".to_owned())),
        NotChecked::Partition(None),
        NotChecked::OutsideDocuments { endpoint_policy: false },
        NotChecked::OutsideDocuments { endpoint_policy: true },
        NotChecked::NetworkPath,
        NotChecked::NetworkOnHost,
    ];
    samples.extend(
        [(true, true), (true, false), (false, true)]
            .map(|(s3, cloudwatch)| NotChecked::NetworkPathOfLogs { s3, cloudwatch }),
    );
    samples.push(NotChecked::SessionPreferences);
    for reason in [
        None,
        Some(denied("organizations:DescribePolicy")),
        Some(failure(UnreadableKind::Service, "organizations:ListParents", "InternalFailure")),
    ] {
        samples.extend([NotChecked::Scps(reason.clone()), NotChecked::Rcps(reason)]);
    }
    samples.extend([NotChecked::RcpsNotRead, NotChecked::RcpsOfOwner, NotChecked::RcpsOfBucketOwner]);
    samples.extend([true, false].map(|encrypted| NotChecked::Starter { encrypted }));
    samples.extend([
        NotChecked::BucketPolicy,
        NotChecked::BucketEncryption,
        NotChecked::LogGroup,
        NotChecked::ResourcePolicies,
        NotChecked::CredentialsOnInstance,
        NotChecked::StillOnline,
        NotChecked::HostManagement,
        NotChecked::MetadataService,
        NotChecked::ProfileId,
        NotChecked::Agent,
        NotChecked::ShippedPolicy {
            policy: "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore".to_owned(),
            version: "v2".to_owned(),
            date: "2019-05-23".to_owned(),
        },
    ]);
    samples
}

const ENDPOINT: &str = "vpce-0123456789abcdef0";
const VPC: &str = "vpc-0123456789abcdef0";
const SUBNET: &str = "subnet-0123456789abcdef0";
const TABLE: &str = "rtb-0123456789abcdef0";
const NAT: &str = "nat-0123456789abcdef0";
const GATEWAY: &str = "igw-0123456789abcdef0";

fn acl_rule(rule: i32, direction: Direction, ports: (u16, u16), other_side: AclPeer) -> AclRule {
    let acl = "acl-0123456789abcdef0".to_owned();
    AclRule { acl, subnet: SUBNET.to_owned(), rule, direction, ports, other_side }
}

fn obstacles() -> Vec<PathObstacle> {
    let (table, subnet, vpc, endpoint) =
        (|| TABLE.to_owned(), || SUBNET.to_owned(), || VPC.to_owned(), || ENDPOINT.to_owned());
    let (gateway, nat) = (|| GATEWAY.to_owned(), || NAT.to_owned());
    let no_route = |nat_gateway, internet_gateway, has_default| PathObstacle::NoRoute {
        table: table(),
        subnet: subnet(),
        nat_gateway,
        internet_gateway,
        has_default,
    };
    let detached = |attached: Option<&str>, other_vpc: Option<&str>| PathObstacle::InternetGatewayDetached {
        table: table(),
        gateway: gateway(),
        vpc: vpc(),
        attached: attached.map(str::to_owned),
        other_vpc: other_vpc.map(str::to_owned),
    };
    let dns = |attribute, endpoint| PathObstacle::VpcDns { vpc: vpc(), attribute, endpoint };
    let (instance, of_endpoint) = (owned(&["sg-0instance"]), owned(&["sg-0endpoint"]));
    let ingress = |from| PathObstacle::Ingress {
        endpoints: vec![endpoint()],
        groups: of_endpoint.clone(),
        from,
        from_groups: instance.clone(),
    };
    vec![
        PathObstacle::Egress {
            groups: owned(&["sg-0instance", "sg-0other"]),
            to: FarSide::PublicAddresses,
            to_groups: Vec::new(),
        },
        PathObstacle::Egress {
            groups: instance.clone(),
            to: FarSide::Endpoints(vec![endpoint()]),
            to_groups: of_endpoint.clone(),
        },
        PathObstacle::Egress {
            groups: instance.clone(),
            to: FarSide::Endpoints(owned(&["vpce-1", "vpce-2"])),
            to_groups: of_endpoint.clone(),
        },
        ingress(Some("10.0.1.5".to_owned())),
        ingress(None),
        PathObstacle::NetworkAcl { rule: acl_rule(7, Direction::Outbound, (443, 443), AclPeer::PublicAddresses) },
        PathObstacle::NetworkAcl {
            rule: acl_rule(32767, Direction::Inbound, (1024, 65535), AclPeer::Addresses("10.0.2.7".to_owned())),
        },
        PathObstacle::NetworkAcl {
            rule: acl_rule(7, Direction::Inbound, (443, 443), AclPeer::Instance(Some("10.0.1.5".to_owned()))),
        },
        PathObstacle::NetworkAcl { rule: acl_rule(7, Direction::Inbound, (443, 443), AclPeer::Instance(None)) },
        PathObstacle::NetworkAcl { rule: acl_rule(1, Direction::Outbound, (443, 443), AclPeer::PublicAddresses) },
        no_route(None, None, false),
        no_route(Some(nat()), Some(gateway()), false),
        no_route(Some(nat()), Some(gateway()), true),
        no_route(Some(nat()), None, false),
        PathObstacle::Blackhole {
            table: table(),
            subnet: subnet(),
            destination: "0.0.0.0/0".to_owned(),
            target: Some(nat()),
        },
        PathObstacle::Blackhole { table: table(), subnet: subnet(), destination: "0.0.0.0/0".to_owned(), target: None },
        PathObstacle::NoPublicAddress { table: table(), gateway: gateway() },
        detached(None, None),
        detached(None, Some("vpc-0other")),
        detached(Some("igw-0attached"), None),
        PathObstacle::NatGateway { gateway: nat(), state: Some("failed".to_owned()) },
        PathObstacle::NatGateway { gateway: nat(), state: None },
        PathObstacle::PrivateNatGateway { gateway: nat() },
        PathObstacle::EndpointState { endpoint: endpoint(), state: "pending".to_owned() },
        PathObstacle::NoPrivateDns { endpoint: endpoint() },
        dns(DnsAttribute::Support, None),
        dns(DnsAttribute::Support, Some(endpoint())),
        dns(DnsAttribute::Hostnames, Some(endpoint())),
        PathObstacle::BlockPublicAccess { vpc: vpc(), mode: "block-bidirectional".to_owned() },
    ]
}

fn path_unknowns() -> Vec<PathUnknown> {
    let (table, vpc, endpoint) = (|| TABLE.to_owned(), || VPC.to_owned(), || ENDPOINT.to_owned());
    let groups = || owned(&["sg-0instance"]);
    vec![
        PathUnknown::Unreadable { reason: denied("ec2:DescribeRouteTables") },
        PathUnknown::NotSeen { id: "sg-0instance".to_owned(), api: "ec2:DescribeSecurityGroups".to_owned() },
        PathUnknown::Target {
            table: table(),
            destination: "0.0.0.0/0".to_owned(),
            target: Some("tgw-0123456789abcdef0".to_owned()),
        },
        PathUnknown::Target { table: table(), destination: "0.0.0.0/0".to_owned(), target: None },
        PathUnknown::SeveralRoutes { table: table() },
        PathUnknown::OwnNameServers {
            dhcp_options: "dopt-0123456789abcdef0".to_owned(),
            name_servers: owned(&["10.0.0.53", "10.0.1.53"]),
        },
        PathUnknown::SharedSubnet { subnet: SUBNET.to_owned(), owner: "444455556666".to_owned() },
        PathUnknown::Ipv6Only,
        PathUnknown::Ipv6Endpoint { endpoint: endpoint() },
        PathUnknown::DualStack {
            closed_by: vec![PathObstacle::NoPublicAddress { table: table(), gateway: "igw-0".to_owned() }],
        },
        PathUnknown::RegionalNatGateway { gateway: NAT.to_owned() },
        PathUnknown::NatGatewayPending { gateway: NAT.to_owned(), state: "pending".to_owned() },
        PathUnknown::EndpointState { endpoint: endpoint(), state: "pending".to_owned() },
        PathUnknown::SomeOfEndpoint {
            endpoint: endpoint(),
            closed_by: obstacles().into_iter().skip(1).take(1).collect(),
        },
        PathUnknown::EndpointAddresses { endpoint: endpoint() },
        PathUnknown::EndpointOrNot { endpoint: endpoint() },
        PathUnknown::PrivateZone { zone: "ssm.us-east-1.amazonaws.com".to_owned() },
        PathUnknown::LedBeyond {
            table: table(),
            destination: "10.0.0.0/8".to_owned(),
            target: Some("tgw-0123456789abcdef0".to_owned()),
            closed_by: obstacles().into_iter().take(1).collect(),
        },
        PathUnknown::PrivateZones { vpc: vpc() },
        PathUnknown::VpcDns { vpc: vpc(), attribute: DnsAttribute::Support },
        PathUnknown::VpcDns { vpc: vpc(), attribute: DnsAttribute::Hostnames },
        PathUnknown::PartlyAllowed { groups: groups(), to: FarSide::PublicAddresses },
        PathUnknown::IngressInPart { endpoint: endpoint(), groups: groups(), from: "10.0.1.0/24".to_owned() },
        PathUnknown::SeveralSubnets { subnets: owned(&["aws_subnet.a", "aws_subnet.b"]) },
        PathUnknown::NetworkAcl { rule: acl_rule(32767, Direction::Inbound, (1024, 32767), AclPeer::PublicAddresses) },
        PathUnknown::BlockPublicAccess { vpc: vpc(), mode: "block-bidirectional".to_owned() },
        PathUnknown::BucketRegion { bucket: "session-logs".to_owned() },
        PathUnknown::NotACidr { text: "10.0.0.0/33".to_owned() },
    ]
}

fn network() -> Vec<FindingKind> {
    let services = || vec![Service::Ssm, Service::SsmMessages];
    let closed = |obstacle, weight| FindingKind::PathClosed { obstacle, services: services(), weight };
    let mut samples: Vec<FindingKind> =
        obstacles().into_iter().map(|obstacle| closed(obstacle, PathWeight::Sessions)).collect();
    let no_private_dns = || PathObstacle::NoPrivateDns { endpoint: ENDPOINT.to_owned() };
    samples.push(closed(no_private_dns(), PathWeight::Connected));
    samples.push(FindingKind::PathClosed {
        obstacle: no_private_dns(),
        services: vec![Service::Logs],
        weight: PathWeight::Logs,
    });
    for required in [false, true] {
        let unknowns = path_unknowns().into_iter().take(if required { 1 } else { usize::MAX });
        samples.extend(unknowns.map(|why| FindingKind::PathNotKnown { why, services: services(), required }));
    }
    for by in [Some(inline()), None] {
        samples.push(FindingKind::EndpointPolicyBlocks {
            endpoint: ENDPOINT.to_owned(),
            statement: by,
            actions: channel(),
            weight: PathWeight::Sessions,
        });
    }
    samples.push(FindingKind::EndpointPolicyMayBlock {
        endpoint: ENDPOINT.to_owned(),
        statement: None,
        actions: channel(),
        leaves_unknown: true,
    });
    samples.push(FindingKind::EndpointPolicyUnknown {
        endpoint: ENDPOINT.to_owned(),
        actions: channel(),
        depends_on: UnknownReason::key("aws:PrincipalOrgID"),
        leaves_unknown: true,
    });
    samples.extend([false, true].map(|connected| FindingKind::ConnectionContradicts { connected }));
    samples
}

/// The stable word for a value, as reports write it.
fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value).expect("it serializes") {
        Value::String(word) => word,
        Value::Object(members) => match members.get("kind") {
            Some(Value::String(kind)) => kind.clone(),
            _ => panic!("it has no kind: {members:?}"),
        },
        other => panic!("it has no word: {other}"),
    }
}

fn entry(head: &str, words: &Words) -> String {
    format!("{head}\n    {}\n    remedy: {}\n", words.message, words.remedy)
}

/// Entries below headings, in the order of the headings.
fn grouped(entries: impl IntoIterator<Item = (String, String)>) -> String {
    let mut groups = BTreeMap::<String, Vec<String>>::new();
    for (heading, entry) in entries {
        groups.entry(heading).or_default().push(entry);
    }
    let mut text = String::new();
    for (heading, entries) in groups {
        write!(text, "## {heading}\n\n{}\n", entries.join("\n")).expect("text takes text");
    }
    text
}

/// That findings are known: of a finding, with and without a reason and an end, and of a target.
fn knowns() -> Vec<String> {
    let (reason, until) = (Some("decommissioned in March".to_owned()), Some(date(2027, 3, 31)));
    let of_finding = [(reason.clone(), until), (reason, None), (None, until), (None, None)];
    let of_finding = of_finding.map(|(reason, until)| known(&Known { reason, until }));
    let of_target = [known_mark(true).trim().to_owned(), FROM_BASELINE.to_owned()];
    of_finding.into_iter().chain(of_target).collect()
}

fn vocabulary() -> String {
    let findings = findings().into_iter().map(|sample| {
        let (code, severity) = (word(sample.code()), word(sample.severity()));
        let unknown = if sample.leaves_unknown() { ", leaves the verdict unknown" } else { "" };
        let head = format!("{} / {severity}{unknown} / {code}", word(&sample.kind));
        (code, entry(&head, &in_words(&sample, &place())))
    });
    let refusals = refusals().into_iter().map(|kind| {
        let refusal = crate::fix::Refusal {
            target: INSTANCE.to_owned(),
            instance: Some(INSTANCE.to_owned()),
            region: Some("us-east-1".to_owned()),
            kind: Box::new(kind),
        };
        let reason = word(refusal.reason());
        let head = format!("{} / {reason}", word(&*refusal.kind));
        (reason, entry(&head, &refusal_in_words(&refusal.kind, &place())))
    });
    let unchecked: Vec<String> =
        unchecked().iter().map(|item| format!("{}\n    {}\n", name_of_not_checked(item), not_checked(item))).collect();
    let warnings: Vec<String> = warnings()
        .iter()
        .map(|warning| format!("{}\n    {}\n", name_of_warning(warning), warning_in_words(warning)))
        .collect();
    format!(
        "# Findings\n\n{}\n# Refusals\n\n{}\n# Warnings\n\n{}\n# Known\n\n{}\n\n# Not checked\n\n{}",
        grouped(findings),
        grouped(refusals),
        warnings.join("\n"),
        knowns().join("\n"),
        unchecked.join("\n")
    )
}

#[test]
fn the_vocabulary_is_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("vocabulary", vocabulary()));
}

#[test]
fn every_variant_has_a_sample() {
    fn assert_covered<T>(names: &[&str], samples: &[T], name: fn(&T) -> &'static str) {
        for expected in names {
            assert!(samples.iter().any(|sample| name(sample) == *expected), "`{expected}` has no sample");
        }
    }
    let findings = findings();
    let reservations: Vec<Reservation> = findings.iter().filter_map(|sample| sample.reservation.clone()).collect();
    let kinds: Vec<FindingKind> = findings.into_iter().map(|sample| sample.kind).collect();
    assert_covered(FINDINGS, &kinds, name_of_finding);
    assert_covered(OBSTACLES, &obstacles(), name_of_obstacle);
    assert_covered(PATH_UNKNOWNS, &path_unknowns(), name_of_path_unknown);
    assert_covered(RESERVATIONS, &reservations, name_of_reservation);
    assert_covered(REFUSALS, &refusals(), name_of_refusal);
    assert_covered(WARNINGS, &warnings(), name_of_warning);
    assert_covered(WHYS_NOT_GRANTED, &whys_not_granted(), name_of_why_not_granted);
    assert_covered(UNFITS, &unfits(), name_of_unfit);
    assert_covered(NOT_CHECKED, &unchecked(), name_of_not_checked);
}

/// Messages are parts of lines: they begin with no capital but a name's, end without a period, and pair their backticks.
#[test]
fn sentences_are_written_alike() {
    let findings = findings();
    let words = findings.iter().map(|sample| in_words(sample, &place()));
    let words = words.chain(refusals().iter().map(|kind| refusal_in_words(kind, &place())).collect::<Vec<_>>());
    let lines = words.flat_map(|words| [words.message, words.remedy]);
    for line in lines.chain(warnings().iter().map(warning_in_words)).chain(unchecked().iter().map(not_checked)) {
        assert!(!line.is_empty() && line.trim() == line, "{line:?}");
        assert!(!line.ends_with('.') || line.ends_with("..."), "{line}");
        assert_eq!(line.matches('`').count() % 2, 0, "{line}");
        let names =
            ["Default Host Management", "AWS ", "EC2 ", "NAT gateway ", "Systems Manager ", "VPC Block Public Access "];
        let starts_small = line.starts_with(|first: char| first == '`' || first.is_lowercase());
        assert!(starts_small || names.iter().any(|name| line.starts_with(name)), "{line}");
        assert!(!line.contains("  "), "{line}");
    }
}
