//! Templates before they are deployed: what `check --cloudformation` decides, and from what.

use std::fs;
use std::path::Path;

use crate::support::command::{Output, Sandbox};
use crate::support::report::{Code, Severity, SourceKind, Verdict};
use crate::support::stub::{Stub, unknown};

use Verdict::{NotReady, Ready, Unknown};

/// Checks a template; no call is ever made for one.
fn check(template: &str, arguments: &[&str]) -> Output {
    let stub = Stub::answering(unknown);
    let sandbox = Sandbox::at(&stub);
    sandbox.file("template.yaml", template);
    let output = sandbox.run(&[&["check", "--cloudformation", "template.yaml", "-o", "json"], arguments].concat());
    assert!(stub.calls().is_empty(), "a template needs no AWS call: {:?}", stub.actions());
    output
}

/// The verdict on one target of a template, the findings that are no mere information, and all that is said.
fn judge(template: &str, target: &str, arguments: &[&str]) -> (Verdict, Vec<Code>, String) {
    let output = check(template, arguments);
    let report = output.report();
    assert_eq!(
        (report.source.kind, report.source.file.as_deref()),
        (SourceKind::Cloudformation, Some("template.yaml"))
    );
    let outcome = report.of(target);
    let origin = outcome.source.as_ref().unwrap();
    let line = template.lines().nth(origin.line.unwrap() - 1).unwrap();
    assert!(line.contains(target), "line {:?} of {target} is `{line}`", origin.line);
    assert_eq!((origin.file.as_str(), origin.address.as_str()), ("template.yaml", target));
    assert_eq!(outcome.instance.as_ref().unwrap().id, None);
    let findings = outcome.findings.iter().filter(|finding| finding.severity != Severity::Info);
    let codes = findings.clone().map(|finding| finding.code).collect();
    let said = findings.map(|finding| format!("{}\n{}\n", finding.message, finding.remedy)).collect();
    (outcome.verdict, codes, said)
}

/// The resources that these tests add to those of `cloudformation/main.yaml`.
fn with(resources: &str) -> String {
    format!("{}{resources}\n", include_str!("cloudformation/main.yaml"))
}

/// A role `Own` with these properties, its profile, and an instance `Web` that has it.
fn role(properties: &str) -> String {
    with(&format!(
        "  Own:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: *trust
      {properties}
  OwnProfile: {{Type: AWS::IAM::InstanceProfile, Properties: {{Roles: [!Ref Own]}}}}
  Web: {{Type: AWS::EC2::Instance, Properties: {{IamInstanceProfile: !Ref OwnProfile}}}}"
    ))
}

/// A role `Own` with one inline policy with these statements.
fn inline(statements: &str) -> String {
    role(&format!(
        "Policies: [{{PolicyName: core, PolicyDocument: {{Version: '2012-10-17', Statement: [{statements}]}}}}]"
    ))
}

/// An instance `Web` with these properties.
fn instance(properties: &str) -> String {
    with(&format!("  Web:\n    Type: AWS::EC2::Instance\n    Properties: {properties}"))
}

const CORE: &str = "Action: ['ssm:UpdateInstanceInformation', 'ssmmessages:*']";

struct Case {
    what: &'static str,
    template: String,
    arguments: &'static [&'static str],
    verdict: Verdict,
    codes: &'static [Code],
    /// What is said of it.
    said: &'static str,
}

fn case(what: &'static str, template: String, verdict: Verdict, codes: &'static [Code], said: &'static str) -> Case {
    Case { what, template, arguments: &[], verdict, codes, said }
}

fn given(arguments: &'static [&'static str], case: Case) -> Case {
    Case { arguments, ..case }
}

fn hold(cases: Vec<Case>) {
    for Case { what, template, arguments, verdict, codes, said } in cases {
        let (found, found_codes, words) = judge(&template, "Web", arguments);
        assert_eq!((found, found_codes.as_slice()), (verdict, codes), "{what} {arguments:?}: {words}");
        assert!(words.contains(said), "{what}: {words}");
    }
}

#[test]
fn the_profile_of_an_instance_is_found_however_it_is_named() {
    let missing: &[Code] = &[Code::MissingPermission];
    hold(vec![
        case("a reference", instance("{IamInstanceProfile: !Ref Profile}"), Ready, &[], ""),
        case("one without policies", instance("{IamInstanceProfile: !Ref EmptyProfile}"), NotReady, missing, "role `Empty`"),
        case("none", instance("{ImageId: ami-1}"), NotReady, &[Code::NoInstanceProfile], "no instance profile"),
        case("no value", instance("{IamInstanceProfile: !Ref 'AWS::NoValue'}"), NotReady, &[Code::NoInstanceProfile], ""),
        case("elsewhere", instance("{IamInstanceProfile: web}"), Unknown, &[Code::NotInPlan], "`web` is not in the template"),
        case("a parameter", instance("{IamInstanceProfile: !Ref ProfileName}"), Unknown, &[Code::NotInPlan], "`web-profile`"),
        case(
            "a parameter without a value",
            instance("{IamInstanceProfile: !Ref RoleName}"),
            Unknown,
            &[Code::NotInPlan],
            "give it with `--parameter RoleName=VALUE`",
        ),
        case("an import", instance("{IamInstanceProfile: !ImportValue shared}"), Unknown, &[Code::NotInPlan], "`shared` is exported"),
        case(
            "a name that the template gives",
            with("  Own: {Type: AWS::IAM::InstanceProfile, Properties: {InstanceProfileName: web-profile, Roles: [!Ref Role]}}
  Web: {Type: AWS::EC2::Instance, Properties: {IamInstanceProfile: !Ref ProfileName}}"),
            Ready,
            &[],
            "",
        ),
        case("a condition that holds", instance("{IamInstanceProfile: !If [Always, !Ref Profile, !Ref EmptyProfile]}"), Ready, &[], ""),
        case("one that does not", instance("{IamInstanceProfile: !If [Never, !Ref Profile, !Ref EmptyProfile]}"), NotReady, missing, ""),
        case(
            "an open one",
            instance("{IamInstanceProfile: !If [IsProd, !Ref Profile, !Ref EmptyProfile]}"),
            Unknown,
            &[Code::NotInPlan],
            "the condition `IsProd` cannot be decided",
        ),
        given(
            &["--parameter", "Stage=prod"],
            case("given", instance("{IamInstanceProfile: !If [IsProd, !Ref Profile, !Ref EmptyProfile]}"), Ready, &[], ""),
        ),
        given(
            &["--parameter", "Stage=test"],
            case("given", instance("{IamInstanceProfile: !If [IsProd, !Ref Profile, !Ref EmptyProfile]}"), NotReady, missing, ""),
        ),
        case(
            "a profile without a role",
            with("  Own: {Type: AWS::IAM::InstanceProfile, Properties: {Roles: []}}\n  Web: {Type: AWS::EC2::Instance, Properties: {IamInstanceProfile: !Ref Own}}"),
            NotReady,
            &[Code::InstanceProfileEmpty],
            "",
        ),
        case(
            "a profile with two roles",
            with("  Own: {Type: AWS::IAM::InstanceProfile, Properties: {Roles: [!Ref Role, !Ref Empty]}}\n  Web: {Type: AWS::EC2::Instance, Properties: {IamInstanceProfile: !Ref Own}}"),
            Unknown,
            &[Code::NotInPlan],
            "an instance profile holds one",
        ),
        case(
            "a profile with a role of the template and another",
            with("  Own: {Type: AWS::IAM::InstanceProfile, Properties: {Roles: [!Ref Role, shared]}}\n  Web: {Type: AWS::EC2::Instance, Properties: {IamInstanceProfile: !Ref Own}}"),
            Unknown,
            &[Code::NotInPlan],
            "an instance profile holds one",
        ),
        case(
            "a profile whose role is elsewhere",
            with("  Own: {Type: AWS::IAM::InstanceProfile, Properties: {Roles: [shared]}}\n  Web: {Type: AWS::EC2::Instance, Properties: {IamInstanceProfile: !Ref Own}}"),
            Unknown,
            &[Code::NotInPlan],
            "the role `shared` is not in the template",
        ),
    ]);
}

/// What is made only under a condition that cannot be decided is judged as it is where that holds.
#[test]
fn a_target_under_an_open_condition_is_judged_as_it_is_once_made() {
    let template = |conditions: [&str; 3], more: &str| {
        let under = |condition: &str| match condition {
            "" => String::new(),
            condition => format!("Condition: {condition}, "),
        };
        let [role, profile, instance] = conditions.map(under);
        with(&format!(
            "  Own: {{Type: AWS::IAM::Role, {role}Properties: {{AssumeRolePolicyDocument: *trust, ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore']}}}}
  OwnProfile: {{Type: AWS::IAM::InstanceProfile, {profile}Properties: {{Roles: [!Ref Own]}}}}
  Web: {{Type: AWS::EC2::Instance, {instance}Properties: {{IamInstanceProfile: !Ref OwnProfile}}}}
{more}"
        ))
        .replacen("Conditions:\n", CONDITIONS, 1)
    };
    const CONDITIONS: &str = "Conditions:
  IsTest: !Equals [!Ref Stage, test]
  IsBoth: !And [!Condition IsProd, !Not [!Condition HasNoName]]
  HasNoName: !Equals [!Ref RoleName, '']
  IsItself: !And [!Condition IsProd, !Not [!Condition IsItself]]
  IsEither: !Or [!Condition IsProd, !Condition HasNoName]
";
    let deny = "  More: {Type: AWS::IAM::Policy, Condition: IsProd, Properties: {PolicyName: more, Roles: [!Ref Own], PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Deny, Action: '*', Resource: '*'}]}}}\n";
    let missing: &[Code] = &[Code::NotInPlan];
    let denied: &[Code] = &[Code::ExplicitDeny];
    let open: &[Code] = &[Code::ConditionalPermission];
    let prod = ["IsProd"; 3];
    let only = |condition: &'static str| ["", "", condition];
    hold(vec![
        case("all under one", template(prod, ""), Ready, &[], ""),
        case("only the instance", template(only("IsProd"), ""), Ready, &[], ""),
        case("only the role", template(["IsProd", "", ""], ""), Unknown, missing, "`IsProd`"),
        case("the role under another", template(["HasNoName", "", "IsProd"], ""), Unknown, missing, "`HasNoName`"),
        case("the role where it is not", template(["IsTest", "", "IsProd"], ""), Unknown, missing, "is not created"),
        case("the role where the instance is, and more", template(["IsProd", "IsProd", "IsBoth"], ""), Ready, &[], ""),
        case(
            "the role where the instance may be",
            template(["IsProd", "IsProd", "IsEither"], ""),
            Unknown,
            missing,
            "`IsProd`",
        ),
        case("a deny where it is", template(prod, deny), NotReady, denied, ""),
        case("a deny where it is not", template(only("IsTest"), deny), Ready, &[], ""),
        case("a deny where it may be", template(only("HasNoName"), deny), Unknown, open, "`IsProd`"),
        case(
            "a condition that refers to itself",
            template(only("IsItself"), ""),
            Unknown,
            missing,
            "the condition `IsItself` refers to itself",
        ),
        case(
            "a condition that does not exist",
            template(only("IsNone"), ""),
            Unknown,
            missing,
            "the template has no condition `IsNone`",
        ),
    ]);
    // Another instance of the same role is judged as without the assumption.
    let two = template(only("IsTest"), deny)
        + "  Other: {Type: AWS::EC2::Instance, Properties: {IamInstanceProfile: !Ref OwnProfile}}\n";
    let report = check(&two, &[]).report();
    assert_eq!((report.of("Web").verdict, report.of("Other").verdict), (Ready, Unknown));
}

/// A condition that cannot be decided does not matter where each way in which it may come out suffices.
#[test]
fn what_suffices_however_conditions_come_out_is_ready() {
    const CORE: &str = "'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore'";
    const ADMIN: &str = "'arn:aws:iam::aws:policy/AdministratorAccess'";
    const OTHER: &str = "'arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy'";
    let attached = |policy: &str| {
        role(&format!("ManagedPolicyArns: [{policy}]")).replacen(
            "Conditions:\n",
            "Conditions:\n  HasName: !Not [!Equals [!Ref RoleName, '']]\n",
            1,
        )
    };
    let either = |condition: &str, one: &str, other: &str| format!("!If [{condition}, {one}, {other}]");
    let both = |effect: &str| {
        let policy = |name: &str, condition: &str, effect: &str| {
            format!(
                "  {name}: {{Type: AWS::IAM::Policy, Condition: {condition}, Properties: {{PolicyName: {name}, Roles: [!Ref Own], PolicyDocument: {{Version: '2012-10-17', Statement: {{Effect: {effect}, Action: ['ssm:UpdateInstanceInformation', 'ssmmessages:*'], Resource: '*'}}}}}}}}\n"
            )
        };
        role("Path: /").replacen("Conditions:\n", "Conditions:\n  IsNotProd: !Not [!Condition IsProd]\n", 1)
            + &policy("One", "IsProd", "Allow")
            + &policy("Another", "IsNotProd", effect)
    };
    let open: &[Code] = &[Code::NotInPlan];
    hold(vec![
        case("both do", attached(&either("IsProd", CORE, ADMIN)), Ready, &[], ""),
        case("one does not", attached(&either("IsProd", CORE, OTHER)), Unknown, open, "`IsProd`"),
        case("the other does not", attached(&either("IsProd", OTHER, ADMIN)), Unknown, open, "`IsProd`"),
        case(
            "one of four does not",
            attached(&either("IsProd", &either("HasName", CORE, ADMIN), &either("HasName", CORE, OTHER))),
            Unknown,
            open,
            "`HasName`",
        ),
        case(
            "all four do",
            attached(&either("IsProd", &either("HasName", CORE, ADMIN), &either("HasName", ADMIN, CORE))),
            Ready,
            &[],
            "",
        ),
        case("what is neither", attached("!ImportValue policy"), Unknown, open, "`policy`"),
        case("policies under opposite conditions", both("Allow"), Ready, &[], ""),
        case("one of which denies", both("Deny"), Unknown, &[Code::ConditionalPermission], "`IsProd`"),
    ]);
}

/// An instance takes the name of a profile, and an ARN is of one account and path.
#[test]
fn an_arn_stands_where_it_is_taken_and_is_of_its_account() {
    let place: &[&str] = &["--region", "us-east-1", "--account", "111122223333"];
    let own = "  Own: {Type: AWS::IAM::InstanceProfile, Properties: {InstanceProfileName: web, Roles: [!Ref Role]}}\n";
    let of = |launch: &str| with(&format!("{own}  Web: {launch}"));
    let instance =
        |profile: &str| of(&format!("{{Type: AWS::EC2::Instance, Properties: {{IamInstanceProfile: {profile}}}}}"));
    let template = |profile: &str| {
        of(&format!(
            "{{Type: AWS::EC2::LaunchTemplate, Properties: {{LaunchTemplateData: {{IamInstanceProfile: {profile}}}}}}}"
        ))
    };
    let configuration = |profile: &str| {
        of(&format!("{{Type: AWS::AutoScaling::LaunchConfiguration, Properties: {{IamInstanceProfile: {profile}}}}}"))
    };
    let literal = "'arn:aws:iam::111122223333:instance-profile/web'";
    let unknown: &[Code] = &[Code::NotInPlan];
    let name = "where its name stands";
    let mut cases = vec![
        case("a name", instance("!Ref Own"), Ready, &[], ""),
        case("an ARN", instance("!GetAtt Own.Arn"), Unknown, unknown, name),
        case(
            "an ARN put together",
            instance("!Sub 'arn:aws:iam::111122223333:instance-profile/${Own}'"),
            Unknown,
            unknown,
            name,
        ),
        case("a literal ARN", instance(literal), Unknown, unknown, name),
        case("a template by name", template("{Name: !Ref Own}"), Ready, &[], ""),
        case("a template by ARN", template("{Arn: !GetAtt Own.Arn}"), Ready, &[], ""),
        case("a template by a name that is an ARN", template("{Name: !GetAtt Own.Arn}"), Unknown, unknown, name),
        case(
            "a template by an ARN that is a name",
            template("{Arn: !Ref Own}"),
            Unknown,
            unknown,
            "where its ARN stands",
        ),
        case("a configuration by name", configuration("!Ref Own"), Ready, &[], ""),
        case("a configuration by ARN", configuration("!GetAtt Own.Arn"), Ready, &[], ""),
        case("the ARN of the account", template(&format!("{{Arn: {literal}}}")), Ready, &[], ""),
    ];
    for arn in [
        "arn:aws:iam::999999999999:instance-profile/web",
        "arn:aws:iam::111122223333:instance-profile/app/web",
        "arn:aws-cn:iam::111122223333:instance-profile/web",
    ] {
        cases.push(case(
            "another ARN",
            template(&format!("{{Arn: '{arn}'}}")),
            Unknown,
            unknown,
            "is not in the template",
        ));
    }
    hold(cases.into_iter().map(|case| given(place, case)).collect());
    // Of an account that is not known only the rest is compared.
    let arn = |path: &str| template(&format!("{{Arn: 'arn:aws:iam::999999999999:instance-profile/{path}'}}"));
    hold(vec![
        case("any account", arn("web"), Ready, &[], ""),
        case("another path", arn("app/web"), Unknown, unknown, "is not in the template"),
    ]);
}

#[test]
fn policies_count_wherever_the_template_attaches_them() {
    let policy = |kind: &str, properties: &str| {
        with(&format!(
            "  More:
    Type: AWS::IAM::{kind}
    Properties:
      {properties}
      PolicyDocument: {{Version: '2012-10-17', Statement: {{Effect: Allow, {CORE}, Resource: '*'}}}}
  Web: {{Type: AWS::EC2::Instance, Properties: {{IamInstanceProfile: !Ref EmptyProfile}}}}"
        ))
    };
    let conditional = |template: String| template.replace("  More:\n", "  More:\n    Condition: IsProd\n");
    let missing: &[Code] = &[Code::MissingPermission];
    let open: &[Code] = &[Code::ConditionalPermission];
    hold(vec![
        case("a policy", policy("Policy", "PolicyName: more\n      Roles: [!Ref Empty]"), Ready, &[], ""),
        case("of another role", policy("Policy", "PolicyName: more\n      Roles: [!Ref Role]"), NotReady, missing, ""),
        case("of a role elsewhere", policy("Policy", "PolicyName: more\n      Roles: [other]"), NotReady, missing, ""),
        case(
            "of a role that is not known",
            policy("Policy", "PolicyName: more\n      Roles: [!Ref RoleName]"),
            Unknown,
            open,
            "`RoleName`",
        ),
        case(
            "under an open condition",
            conditional(policy("Policy", "PolicyName: more\n      Roles: [!Ref Empty]")),
            Unknown,
            open,
            "`IsProd`",
        ),
        given(
            &["--parameter", "Stage=prod"],
            case(
                "under one that holds",
                conditional(policy("Policy", "PolicyName: more\n      Roles: [!Ref Empty]")),
                Ready,
                &[],
                "",
            ),
        ),
        case(
            "a policy of a role",
            policy("RolePolicy", "PolicyName: more\n      RoleName: !Ref Empty"),
            Ready,
            &[],
            "",
        ),
        case("a managed policy", policy("ManagedPolicy", "Roles: [!Ref Empty]"), Ready, &[], ""),
        case("a managed policy of nobody", policy("ManagedPolicy", "Description: none"), NotReady, missing, ""),
        case("inline", inline(&format!("{{Effect: Allow, {CORE}, Resource: '*'}}")), Ready, &[], ""),
        case(
            "a policy of AWS",
            role("ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore']"),
            Ready,
            &[],
            "",
        ),
        case(
            "a policy elsewhere",
            role("ManagedPolicyArns: ['arn:aws:iam::111122223333:policy/own']"),
            Unknown,
            &[Code::NotInPlan],
            "policy/own",
        ),
        case(
            "a policy that is not known",
            role("ManagedPolicyArns: [!Ref RoleName]"),
            Unknown,
            &[Code::NotInPlan],
            "`RoleName`",
        ),
        case(
            "a dynamic reference",
            role("ManagedPolicyArns: ['{{resolve:ssm:/arn}}']"),
            Unknown,
            &[Code::NotInPlan],
            "{{resolve:ssm:/arn}}",
        ),
        case(
            "from Parameter Store",
            role("ManagedPolicyArns: [!Ref Key]"),
            Unknown,
            &[Code::NotInPlan],
            "Parameter Store",
        ),
        case(
            "a boundary elsewhere",
            role(
                "ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore']\n      PermissionsBoundary: 'arn:aws:iam::111122223333:policy/edge'",
            ),
            Unknown,
            &[Code::NotInPlan],
            "policy/edge",
        ),
        case(
            "a boundary that is left out",
            role(
                "ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore']\n      PermissionsBoundary: !If [HasBoundary, !Ref Boundary, !Ref 'AWS::NoValue']",
            ),
            Ready,
            &[],
            "",
        ),
    ]);
}

/// What is not known of a statement matters only where it can change the answer, and then it is named.
#[test]
fn statements_that_are_known_in_part_settle_what_they_can() {
    let allow = format!("{{Effect: Allow, {CORE}, Resource: '*'}}");
    let and = |more: &str| inline(&format!("{allow}, {more}"));
    let open: &[Code] = &[Code::ConditionalPermission];
    hold(vec![
        case(
            "an allow of a bucket",
            and("{Effect: Allow, Action: 's3:PutObject', Resource: !Sub '${Logs.Arn}/*'}"),
            Ready,
            &[],
            "",
        ),
        case("a deny of a bucket", and("{Effect: Deny, Action: '*', Resource: !Sub '${Logs.Arn}/*'}"), Ready, &[], ""),
        case(
            "a deny of an action",
            and("{Effect: Deny, Action: !Ref RoleName, Resource: '*'}"),
            Unknown,
            open,
            "`RoleName`",
        ),
        case(
            "a deny of a known service",
            and("{Effect: Deny, Action: !Sub 's3:${RoleName}', Resource: '*'}"),
            Ready,
            &[],
            "",
        ),
        case(
            "a deny of all but",
            and("{Effect: Deny, NotAction: ['ssm:*', 'ssmmessages:*', !Ref RoleName], Resource: '*'}"),
            Ready,
            &[],
            "",
        ),
        case(
            "a deny of all but what is not known",
            and("{Effect: Deny, NotAction: !Ref RoleName, Resource: '*'}"),
            Unknown,
            open,
            "",
        ),
        case(
            "a condition",
            and(
                "{Effect: Deny, Action: '*', Resource: '*', Condition: {StringEquals: {'aws:PrincipalTag/x': !Ref RoleName}}}",
            ),
            Unknown,
            open,
            "",
        ),
        case("an effect", and("{Effect: !Ref RoleName, Action: 'ssmmessages:*', Resource: '*'}"), Unknown, open, ""),
        case(
            "a whole statement",
            and("!If [IsProd, {Effect: Deny, Action: '*', Resource: '*'}, !Ref 'AWS::NoValue']"),
            Unknown,
            open,
            "`IsProd`",
        ),
        given(
            &["--parameter", "Stage=test"],
            case(
                "one that is left out",
                and("!If [IsProd, {Effect: Deny, Action: '*', Resource: '*'}, !Ref 'AWS::NoValue']"),
                Ready,
                &[],
                "",
            ),
        ),
        given(
            &["--parameter", "Stage=prod"],
            case(
                "one that is not",
                and("!If [IsProd, {Effect: Deny, Action: 'ssmmessages:*', Resource: '*'}, !Ref 'AWS::NoValue']"),
                NotReady,
                &[Code::ExplicitDeny],
                "",
            ),
        ),
        case(
            "what only an unknown action could allow",
            inline("{Effect: Allow, Action: ['ssmmessages:*', !Ref RoleName], Resource: '*'}"),
            Unknown,
            open,
            "`RoleName`",
        ),
        case(
            "variables of a policy",
            inline(&format!(
                "{{Effect: Allow, {CORE}, Resource: '*'}}, {{Effect: Deny, Action: '*', Resource: !Sub 'arn:aws:s3:::${{!aws:PrincipalTag/x}}'}}"
            )),
            Ready,
            &[],
            "",
        ),
    ]);
}

/// A stack's own tags, which no template holds, are put on its roles. What the template sets is known.
#[test]
fn a_tag_that_a_template_does_not_set_may_be_that_of_a_stack() {
    let tagged = |tags: &str, effect: &str, condition: &str| {
        role(&format!(
            "Tags: {tags}
      ManagedPolicyArns: [!Sub 'arn:${{AWS::Partition}}:iam::aws:policy/{managed}']
      Policies: [{{PolicyName: own, PolicyDocument: {{Version: '2012-10-17', Statement: [{{Effect: {effect}, {CORE}, Resource: '*', Condition: {condition}}}]}}}}]",
            managed = if effect == "Deny" { "AmazonSSMManagedInstanceCore" } else { "CloudWatchAgentServerPolicy" },
        ))
    };
    let team = "{StringEquals: {'aws:PrincipalTag/team': web}}";
    let quarantined = "{'Null': {'aws:PrincipalTag/quarantine': 'false'}}";
    let free = "{'Null': {'aws:PrincipalTag/quarantine': 'true'}}";
    let (web, db) = ("[{Key: team, Value: web}]", "[{Key: team, Value: db}]");
    let depends: &[Code] = &[Code::ConditionalPermission];
    hold(vec![
        case("no tags, an allow", tagged("[]", "Allow", team), Unknown, depends, "`aws:PrincipalTag/team`"),
        case("no tags, a deny", tagged("[]", "Deny", quarantined), Unknown, depends, "`aws:PrincipalTag/quarantine`"),
        case("no tags, an allow without one", tagged("[]", "Allow", free), Unknown, depends, ""),
        case("another tag", tagged(web, "Deny", quarantined), Unknown, depends, ""),
        case("its own", tagged(web, "Allow", team), Ready, &[], ""),
        case("its own, which is another", tagged(db, "Allow", team), NotReady, &[Code::MissingPermission], ""),
        case(
            "its own, which denies",
            tagged("[{Key: quarantine, Value: x}]", "Deny", quarantined),
            NotReady,
            &[Code::ExplicitDeny],
            "",
        ),
        case(
            "beside a value that is not known",
            tagged("[{Key: x, Value: !Ref RoleName}, {Key: team, Value: web}]", "Allow", team),
            Ready,
            &[],
            "",
        ),
        case(
            "a value that is not known",
            tagged("[{Key: team, Value: !Ref RoleName}]", "Allow", team),
            Unknown,
            depends,
            "",
        ),
        case(
            "tags that do not matter",
            tagged("[]", "Allow", "{Bool: {'aws:SecureTransport': 'true'}}"),
            Ready,
            &[],
            "",
        ),
        given(&["--context", "aws:PrincipalTag/team=web"], case("given", tagged("[]", "Allow", team), Ready, &[], "")),
        given(
            &["--context", "aws:PrincipalTag/quarantine="],
            case("given as absent", tagged("[]", "Deny", quarantined), Ready, &[], ""),
        ),
    ]);
}

#[test]
fn trust_policies_are_judged_as_they_will_stand() {
    let trust = |statement: &str| {
        role("ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore']").replace(
            "AssumeRolePolicyDocument: *trust\n      Managed",
            &format!("AssumeRolePolicyDocument: {{Version: '2012-10-17', Statement: [{statement}]}}\n      Managed"),
        )
    };
    let of = |principal: &str| trust(&format!("{{Effect: Allow, Principal: {principal}, Action: 'sts:AssumeRole'}}"));
    hold(vec![
        case("EC2", of("{Service: ec2.amazonaws.com}"), Ready, &[], ""),
        case("Lambda", of("{Service: lambda.amazonaws.com}"), NotReady, &[Code::TrustPolicy], ""),
        case(
            "EC2 and a role of the template",
            of("{Service: ec2.amazonaws.com, AWS: !GetAtt Empty.Arn}"),
            Ready,
            &[],
            "",
        ),
        case("only a role of the template", of("{AWS: !GetAtt Empty.Arn}"), NotReady, &[Code::TrustPolicy], ""),
        case("somebody", of("{AWS: !Ref RoleName}"), Unknown, &[Code::TrustPolicy], "`RoleName`"),
        case(
            "a service that is not known",
            of("{Service: !Ref RoleName}"),
            Unknown,
            &[Code::TrustPolicy],
            "`RoleName`",
        ),
        case(
            "EC2 and a service that is not known",
            of("{Service: [!Ref RoleName, ec2.amazonaws.com]}"),
            Ready,
            &[],
            "",
        ),
        case("EC2 and somebody", of("{AWS: !Ref RoleName, Service: ec2.amazonaws.com}"), Ready, &[], ""),
        case(
            "Lambda and a service that is not known",
            of("{Service: [lambda.amazonaws.com, !Ref RoleName]}"),
            Unknown,
            &[Code::TrustPolicy],
            "`RoleName`",
        ),
        case(
            "a deny of a service that is not known",
            trust(
                "{Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: 'sts:AssumeRole'}, {Effect: Deny, Principal: {Service: [lambda.amazonaws.com, !Ref RoleName]}, Action: 'sts:AssumeRole'}",
            ),
            Unknown,
            &[Code::TrustPolicy],
            "`RoleName`",
        ),
        case(
            "a deny of EC2 and a service that is not known",
            trust(
                "{Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: 'sts:AssumeRole'}, {Effect: Deny, Principal: {Service: [ec2.amazonaws.com, !Ref RoleName]}, Action: 'sts:AssumeRole'}",
            ),
            NotReady,
            &[Code::TrustPolicy],
            "",
        ),
        given(
            &["--region", "cn-north-1"],
            case(
                "in China",
                of("{Service: !Sub 'ec2.${AWS::URLSuffix}'}"),
                Unknown,
                &[Code::NotInPlan],
                "AmazonSSMManagedInstanceCore",
            ),
        ),
    ]);
}

#[test]
fn what_launches_instances_is_a_target() {
    let launch = |data: &str| {
        format!(
            "  Template:\n    Type: AWS::EC2::LaunchTemplate\n    Properties: {{LaunchTemplateName: web, LaunchTemplateData: {data}}}\n"
        )
    };
    let good = "{IamInstanceProfile: {Arn: !GetAtt Profile.Arn}}";
    let group = |data: &str, properties: &str| {
        with(&format!(
            "{}  Web:\n    Type: AWS::AutoScaling::AutoScalingGroup\n    Properties: {properties}",
            launch(data)
        ))
    };
    let latest = "{LaunchTemplate: {LaunchTemplateId: !Ref Template, Version: !GetAtt Template.LatestVersionNumber}}";
    let own = |data: &str, properties: &str| {
        with(&format!("{}  Web:\n    Type: AWS::EC2::Instance\n    Properties: {properties}", launch(data)))
    };
    let named = "{LaunchTemplate: {LaunchTemplateName: web, Version: $Latest}}";
    hold(vec![
        case("a launch template", with(&launch(good).replace("Template:\n", "Web:\n")), Ready, &[], ""),
        case("one by name", with(&launch("{IamInstanceProfile: {Name: !Ref EmptyProfile}}").replace("Template:\n", "Web:\n")), NotReady, &[Code::MissingPermission], ""),
        case("one without a profile", with(&launch("{ImageId: ami-1}").replace("Template:\n", "Web:\n")), NotReady, &[Code::NoInstanceProfile], ""),
        case("no metadata service", with(&launch("{IamInstanceProfile: {Name: !Ref Profile}, MetadataOptions: {HttpEndpoint: disabled}}").replace("Template:\n", "Web:\n")), NotReady, &[Code::MetadataDisabled], ""),
        case("a group", group(good, latest), Ready, &[], ""),
        case("a group of nothing", group("{ImageId: ami-1}", latest), NotReady, &[Code::NoInstanceProfile], ""),
        case("a group with a version of its own", group(good, "{LaunchTemplate: {LaunchTemplateId: !Ref Template, Version: '1'}}"), Unknown, &[Code::NotInPlan], "earlier deployment"),
        case("a group of a template elsewhere", group(good, "{LaunchTemplate: {LaunchTemplateId: lt-0a1b, Version: '1'}}"), Unknown, &[Code::NotInPlan], "`lt-0a1b` is not in the template"),
        case(
            "a mixed group",
            group(good, "{MixedInstancesPolicy: {LaunchTemplate: {LaunchTemplateSpecification: {LaunchTemplateName: web, Version: $Latest}, Overrides: [{InstanceType: t3.micro}]}}}"),
            Ready,
            &[],
            "",
        ),
        case(
            "a launch configuration",
            with("  Web: {Type: AWS::AutoScaling::LaunchConfiguration, Properties: {IamInstanceProfile: !GetAtt Profile.Arn}}"),
            Ready,
            &[],
            "",
        ),
        case(
            "a group of a launch configuration",
            with("  Configuration: {Type: AWS::AutoScaling::LaunchConfiguration, Properties: {IamInstanceProfile: !Ref EmptyProfile}}
  Web: {Type: AWS::AutoScaling::AutoScalingGroup, Properties: {LaunchConfigurationName: !Ref Configuration}}"),
            NotReady,
            &[Code::MissingPermission],
            "",
        ),
        case("an instance of a template", own(good, named), Ready, &[], ""),
        case("whose own profile wins", own(good, &named.replace("{Launch", "{IamInstanceProfile: !Ref EmptyProfile, Launch")), NotReady, &[Code::MissingPermission], ""),
        case("and its own profile alone", own("{ImageId: ami-1}", &named.replacen("{Launch", "{IamInstanceProfile: !Ref Profile, Launch", 1)), Ready, &[], ""),
        case("a loop of metadata", own("{MetadataOptions: {HttpEndpoint: !Ref RoleName}}", &named.replacen("{Launch", "{IamInstanceProfile: !Ref Profile, Launch", 1)), Unknown, &[Code::NotInPlan], "`RoleName`"),
    ]);
}

#[test]
fn what_rewrites_a_template_leaves_it_open() {
    let plain = instance("{IamInstanceProfile: !Ref Profile}");
    let transformed = |transform: &str| format!("Transform: {transform}\n{plain}");
    let looped =
        |body: &str| format!("{plain}  Fn::ForEach::Each:\n    - Name\n    - [a, b]\n    - 'More${{Name}}': {body}\n");
    hold(vec![
        case("functions alone", transformed("AWS::LanguageExtensions"), Ready, &[], ""),
        case(
            "a macro",
            transformed("[AWS::LanguageExtensions, Own]"),
            Unknown,
            &[Code::NotInPlan],
            "the transform `Own`",
        ),
        case(
            "SAM",
            transformed("AWS::Serverless-2016-10-31"),
            Unknown,
            &[Code::NotInPlan],
            "AWS::Serverless-2016-10-31",
        ),
        case(
            "a loop of policies",
            looped("{Type: AWS::IAM::Policy}"),
            Unknown,
            &[Code::NotInPlan],
            "`Fn::ForEach::Each`",
        ),
        case("a loop of queues", looped("{Type: AWS::SQS::Queue}"), Ready, &[], ""),
    ]);
    // The line is that of its name, as with resources.
    let instances = looped("{Type: AWS::EC2::Instance}");
    let (verdict, _, said) = judge(&instances, "Fn::ForEach::Each", &[]);
    let line = instances.lines().position(|line| line.contains("Fn::ForEach::Each")).unwrap() + 1;
    assert_eq!(verdict, Unknown, "{said}");
    assert!(said.contains(&format!("(line {line})")), "{said}");
}

/// An attribute that is no name, a string where an object stands, a name in another case, a module: each might have been taken for what
/// it is not.
#[test]
fn what_a_reference_gives_is_what_it_is_used_for() {
    let core = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
    let of = |role: &str, roles: &str, profile: &str, more: &str| {
        with(&format!(
            "  Own: {{Type: AWS::IAM::Role, Properties: {{AssumeRolePolicyDocument: *trust, {role}}}}}
  Made: {{Type: AWS::IAM::ManagedPolicy, Properties: {{PolicyDocument: {{Statement: {{Effect: Allow, Action: '*', Resource: '*'}}}}}}}}
  OwnProfile: {{Type: AWS::IAM::InstanceProfile, Properties: {{Roles: [{roles}]{profile}}}}}
{more}"
        ))
    };
    let web = "  Web: {Type: AWS::EC2::Instance, Properties: {IamInstanceProfile: !Ref OwnProfile}}";
    let launched = |profile: &str| {
        format!(
            "  Web: {{Type: AWS::EC2::LaunchTemplate, Properties: {{LaunchTemplateData: {{IamInstanceProfile: {profile}}}}}}}"
        )
    };
    let deny = |roles: &str| {
        let statement = "{Effect: Deny, Action: 'ssm:*', Resource: '*'}";
        format!("{web}
  Denies: {{Type: AWS::IAM::Policy, Properties: {{PolicyName: no, Roles: [{roles}], PolicyDocument: {{Statement: {statement}}}}}}}")
    };
    let module =
        |given: &str| format!("{web}\n  Module: {{Type: My::X::Role::MODULE, Properties: {{Given: {given}}}}}");
    let managed = format!("ManagedPolicyArns: [{core}]");
    let by_name =
        |name: &str| format!("  Web: {{Type: AWS::EC2::Instance, Properties: {{IamInstanceProfile: {name}}}}}");
    for (template, expected) in [
        (of(&managed, "!Ref Own", "", web), Ready),
        (of(&managed, "!GetAtt Own.Arn", "", web), Unknown),
        (of(&managed, "!GetAtt Own.RoleId", "", web), Unknown),
        (of(&managed, "'arn:aws:iam::111122223333:role/Own'", "", web), Unknown),
        (of("ManagedPolicyArns: [!Ref Made]", "!Ref Own", "", web), Ready),
        (of("ManagedPolicyArns: [!GetAtt Made.PolicyArn]", "!Ref Own", "", web), Ready),
        (of("ManagedPolicyArns: [!GetAtt Made.PolicyId]", "!Ref Own", "", web), Unknown),
        (of(&managed, "!Ref Own", "", &launched("{Name: !Ref OwnProfile}")), Ready),
        (of(&managed, "!Ref Own", "", &launched("{Arn: !GetAtt OwnProfile.Arn}")), Ready),
        (of(&managed, "!Ref Own", "", &launched("!Ref OwnProfile")), Unknown),
        (of(&format!("RoleName: Web, {managed}"), "!Ref Own", "", &deny("web")), NotReady),
        (of(&managed, "!Ref Own", ", InstanceProfileName: Web", &by_name("web")), Ready),
        (of(&managed, "!Ref Own", ", InstanceProfileName: !Ref Own", &by_name("!Ref Own")), Ready),
        (
            of(
                &managed,
                "!Ref Own",
                ", InstanceProfileName: !Sub '${AWS::StackName}-web'",
                &by_name("!Sub '${AWS::StackName}-web'"),
            ),
            Ready,
        ),
        (
            of(
                &managed,
                "!Ref Own",
                ", InstanceProfileName: !Sub '${AWS::StackName}-web'",
                &by_name("!Sub '${AWS::StackName}-app'"),
            ),
            Unknown,
        ),
        (of(&managed, "!Ref Own", "", &module("!Ref Own")), Unknown),
        (of(&managed, "!Ref Own", "", &module("nothing")), Ready),
    ] {
        assert_eq!(judge(&template, "Web", &[]).0, expected, "{template}");
    }
}

#[test]
fn a_transform_or_loop_inside_the_template_leaves_open_what_it_may_set() {
    let include = "Fn::Transform: {Name: 'AWS::Include', Parameters: {Location: 's3://b/more.yaml'}}";
    let each = "Fn::ForEach::Each: [Name, [PermissionsBoundary], {'${Name}': 'arn:aws:iam::aws:policy/AWSDenyAll'}]";
    let managed = "ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore']";
    let own = role(managed);
    let web = "  Web: {Type: AWS::EC2::Instance, Properties: {IamInstanceProfile: !Ref OwnProfile}}";
    hold(vec![case("none", own.clone(), Ready, &[], "")]);
    for function in [include, each] {
        let name = format!("`{}`", function.split(": ").next().unwrap());
        let beside_type = |line: &str| own.replacen(line, &format!("{line}\n    {function}"), 1);
        for (what, template) in [
            ("beside properties of the role", role(&format!("{managed}\n      {function}"))),
            ("beside the type of the role", beside_type("  Own:")),
            (
                "beside properties of the profile",
                own.replacen("{Roles: [!Ref Own]}", &format!("{{Roles: [!Ref Own], {function}}}"), 1),
            ),
            (
                "beside the type of the profile",
                own.replacen("  OwnProfile: {", &format!("  OwnProfile: {{{function}, "), 1),
            ),
            (
                "beside properties of the instance",
                own.replacen("!Ref OwnProfile}", &format!("!Ref OwnProfile, {function}}}"), 1),
            ),
            ("beside the type of the instance", own.replacen(web, &web.replace("Type:", &format!("{function}, Type:")), 1)),
            (
                "beside variables of a text",
                own.replacen("!Ref OwnProfile}", &format!("!Sub ['${{x}}', {{x: !Ref OwnProfile, {function}}}]}}"), 1),
            ),
            (
                "in a mapping that is read",
                role("ManagedPolicyArns: [!FindInMap [Policies, core, arn]]").replacen(
                    "Conditions:",
                    &format!("  Policies: {{core: {{arn: 'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore', {function}}}}}\nConditions:"),
                    1,
                ),
            ),
        ] {
            let line = template.lines().position(|line| line.contains(function)).unwrap() + 1;
            let (verdict, _, said) = judge(&template, "Web", &[]);
            assert_eq!(verdict, Unknown, "{function} {what}: {said}");
            assert!(said.contains(&name) && said.contains(&format!("(line {line})")), "{function} {what}: {said}");
        }
    }
    for section in ["Parameters:", "Mappings:", "Conditions:", "Resources:"] {
        let template = own.replacen(section, &format!("{section}\n  {include}"), 1);
        let (verdict, _, said) = judge(&template, "Web", &[]);
        assert_eq!(verdict, Unknown, "{section} {said}");
        assert!(said.contains("`Fn::Transform`"), "{section} {said}");
    }
}

#[test]
fn a_reference_within_another_name_is_not_its_resource() {
    let named = |profile: &str| instance(&format!("{{IamInstanceProfile: {profile}}}"));
    let of_role = |role: &str| {
        with(&format!(
            "  OwnProfile: {{Type: AWS::IAM::InstanceProfile, Properties: {{Roles: [{role}]}}}}
  Web: {{Type: AWS::EC2::Instance, Properties: {{IamInstanceProfile: !Ref OwnProfile}}}}"
        ))
    };
    let launched = |arn: &str| {
        with(&format!(
            "  Web: {{Type: AWS::EC2::LaunchTemplate, Properties: {{LaunchTemplateData: {{IamInstanceProfile: {{Arn: !Sub '{arn}'}}}}}}}}"
        ))
    };
    for (template, verdict) in [
        (named("!Sub '${Profile}'"), Ready),
        (named("!Join ['', [!Ref Profile]]"), Ready),
        (named("!Sub 'legacy-${Profile}'"), Unknown),
        (named("!Sub '${Profile}-legacy'"), Unknown),
        (named("!Sub '${Role}${Profile}'"), Unknown),
        (named("!Sub '${RoleName}${Profile}'"), Unknown),
        (of_role("!Join ['', [!Ref Role]]"), Ready),
        (of_role("!Join ['-', [other, !Ref Role]]"), Unknown),
        (launched("${Profile.Arn}"), Ready),
        (launched("arn:${AWS::Partition}:iam::${AWS::AccountId}:instance-profile/${Profile}"), Ready),
        (launched("arn:aws:iam::111122223333:instance-profile/${Profile}"), Ready),
        (launched("arn:aws:iam::111122223333:instance-profile/legacy-${Profile}"), Unknown),
        (launched("arn:aws:iam::111122223333:instance-profile/team/${Profile}"), Unknown),
        (launched("arn:aws:iam::111122223333:role/${Profile}"), Unknown),
        (launched("arn:aws:iam::${RoleName}/${Profile}"), Unknown),
        (launched("arn:aws:iam::111122223333:instance-profile/${Profile.Arn}"), Unknown),
    ] {
        let (found, _, said) = judge(&template, "Web", &[]);
        assert_eq!(found, verdict, "{}: {said}", template.lines().last().unwrap());
    }
    let policy = "  Own: {Type: AWS::IAM::ManagedPolicy, Properties: {PolicyDocument: {Version: '2012-10-17', Statement: {Effect: Allow, Action: '*', Resource: '*'}}}}\n";
    for (arn, verdict) in [("${Own}", Ready), ("arn:aws:iam::aws:policy/${Own}", Unknown)] {
        let template =
            role(&format!("ManagedPolicyArns: [!Sub '{arn}']")).replace("Own", "Made").replace("${Made}", "${Own}");
        let (found, _, said) = judge(&template.replacen("  Made:\n", &format!("{policy}  Made:\n"), 1), "Web", &[]);
        assert_eq!(found, verdict, "{arn}: {said}");
    }
}

#[test]
fn of_policies_with_one_name_it_is_not_known_which_one_stays() {
    let document = |action: &str| {
        format!("PolicyDocument: {{Version: '2012-10-17', Statement: {{Effect: Allow, {action}, Resource: '*'}}}}")
    };
    let template = |name: &str, other: &str, action: &str| {
        role(&format!("Policies: [{{PolicyName: {name}, {}}}]", document(CORE)))
            + &format!(
                "  More: {{Type: AWS::IAM::Policy, Properties: {{PolicyName: {other}, Roles: [!Ref Own], {}}}}}\n",
                document(action)
            )
    };
    let objects = "Action: 's3:GetObject'";
    for (name, other, verdict) in [
        ("core", "other", Ready),
        ("core", "core", Unknown),
        // A name that is not known may be the other one, unless what is known of it says otherwise.
        ("core", "!Ref RoleName", Unknown),
        ("!Ref RoleName", "core", Unknown),
        ("!Ref RoleName", "!Ref RoleName", Unknown),
        ("!Ref RoleName", "!Ref 'AWS::StackName'", Unknown),
        ("core", "!Sub '${RoleName}re'", Unknown),
        ("core", "!Sub 'c${RoleName}'", Unknown),
        ("core", "!Sub '${RoleName}-core'", Ready),
        ("core", "!Sub 'logs-${RoleName}'", Ready),
        ("core", "!Sub '${AWS::StackName}-logs'", Ready),
        ("!Ref 'AWS::StackName'", "!Sub '${AWS::StackName}-logs'", Ready),
        ("!Sub '${AWS::StackName}-core'", "!Sub '${AWS::StackName}-more-core'", Ready),
        ("!Sub '${RoleName}-core'", "!Sub '${AWS::StackName}-more-core'", Unknown),
        (
            "!Select [0, !Split ['-', !Ref RoleName]]",
            "!Sub ['${x}-b', {x: !Select [1, !Split ['-', !Ref RoleName]]}]",
            Unknown,
        ),
    ] {
        let (found, _, said) = judge(&template(name, other, objects), "Web", &[]);
        assert_eq!(found, verdict, "{name} {other}: {said}");
    }
    let (_, _, said) = judge(&template("core", "core", objects), "Web", &[]);
    assert!(said.contains("are named `core`"), "{said}");
    let (_, _, said) = judge(&template("core", "!Ref RoleName", objects), "Web", &[]);
    assert!(said.contains("may have one name") && said.contains("`RoleName`"), "{said}");
    // Where both say the same, it does not matter which one stays.
    let (verdict, _, said) = judge(&template("core", "core", CORE), "Web", &[]);
    assert_eq!(verdict, Ready, "{said}");
    // Nor does it where something else says what is needed.
    let managed = template("core", "core", objects).replace(
        "      Policies: [",
        "      ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore']\n      Policies: [",
    );
    let (verdict, _, said) = judge(&managed, "Web", &[]);
    assert_eq!(verdict, Ready, "{said}");
}

/// The AWS CDK's own templates, made by `cloudformation/cdk/app.js`.
#[test]
fn templates_of_the_cdk() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cloudformation/cdk");
    let missing: &[Code] = &[Code::MissingPermission];
    let prod: &[&str] = &["--parameter", "Stage=prod"];
    let test: &[&str] = &["--parameter", "Stage=test"];
    for (name, arguments, target, verdict, codes) in [
        ("bastion", &[] as &[&str], "Bastion6045F255", Ready, &[] as &[Code]),
        ("instance_with_sessions", &[], "Web3C8945DB", Ready, &[]),
        ("instance_without_sessions", &[], "Web3C8945DB", NotReady, missing),
        ("group_with_role", &[], "FleetASG3971DFE5", Ready, &[]),
        ("group_without_policies", &[], "FleetASG3971DFE5", NotReady, missing),
        ("launch_template", &[], "Template576A9730", Ready, &[]),
        ("imported_role", &[], "Web3C8945DB", Unknown, &[Code::NotInPlan]),
        ("role_with_grants", &[], "Web3C8945DB", Ready, &[]),
        ("boundary", &[], "Web3C8945DB", NotReady, &[Code::BlockedByBoundary]),
        ("stage_parameter", &[], "Web3C8945DB", Unknown, &[Code::ConditionalPermission]),
        ("stage_parameter", prod, "Web3C8945DB", Ready, &[]),
        ("stage_parameter", test, "Web3C8945DB", NotReady, missing),
    ] {
        let template = fs::read_to_string(directory.join(format!("{name}.json"))).unwrap();
        let (found, found_codes, words) = judge(&template, target, arguments);
        assert_eq!((found, found_codes.as_slice()), (verdict, codes), "{name} {arguments:?}: {words}");
    }
    let made = fs::read_dir(&directory)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "json"));
    assert_eq!(made.count(), 10);
    // The launch template of an instance that has a profile of its own only says how metadata is reached.
    let sessions = fs::read_to_string(directory.join("instance_with_sessions.json")).unwrap();
    assert_eq!(check(&sessions, &[]).expect(0).report().summary.checked, 1);
}

#[test]
fn what_cannot_be_used_ends_with_2_and_says_what_to_do() {
    let plain = instance("{IamInstanceProfile: !Ref Profile}");
    let patterned = |pattern: &str| {
        plain.replace("Parameters:\n", &format!("Parameters:\n  Size: {{Type: String, AllowedPattern: '{pattern}'}}\n"))
    };
    for (template, arguments, said) in [
        ("", &[] as &[&str], "cannot use `template.yaml`: it is empty"),
        ("Resources:\n  Web: {Type: 'AWS::EC2", &[], "cannot use `template.yaml`: line "),
        ("Resources:\n\tWeb: x", &[], "cannot use `template.yaml`: line 2, column "),
        ("{\"format_version\": \"1.2\", \"planned_values\": {}}", &[], "pass it with `--terraform-plan`"),
        (&plain, &["--parameter", "Stge=prod"], "the template has no parameter `Stge`; did you mean `Stage`?"),
        (
            &plain,
            &["--parameter", "Stage=dev"],
            "`dev` is not an allowed value of the parameter `Stage`; give one of `test`, `prod`",
        ),
        (
            &patterned("^[a-z]+$"),
            &["--parameter", "Size=1"],
            "`1` does not match the allowed pattern of the parameter `Size`; give a value that matches `^[a-z]+$`",
        ),
        (
            &patterned("[a-z]+', NoEcho: 'true"),
            &["--parameter", "Size=1"],
            "the value does not match the allowed pattern of the parameter `Size`",
        ),
        (&plain, &["--parameter", "Stage"], "`Stage` is not NAME=VALUE"),
        (&plain, &["--account", "12"], "`12` is not an account ID of 12 digits"),
        (&plain, &["--trust", "trust.json"], "`--trust` is for bare documents only"),
        (&plain, &["--region", "us-east-1,us-west-2"], "a template is checked for one Region"),
        (&plain, &["--snapshot", "a.json"], "cannot be used with"),
        (&plain, &["--simulate"], "cannot be used with"),
        (&plain, &["--confirm"], "cannot be used with"),
        (&plain, &["i-0123456789abcdef0"], "cannot be used with"),
    ] {
        let output = check(template, arguments).expect(2);
        assert!(output.stderr.contains(said), "{arguments:?}: {}", output.stderr);
    }
    // What matches, also in part, and patterns that only Java knows.
    for (pattern, value) in
        [("[a-z]+", "Size=web"), ("[a-z]+", "Size=web1"), ("^(?!a).*$", "Size=a"), ("[a-z&&[^w]]", "Size=w")]
    {
        check(&patterned(pattern), &["--parameter", value]).expect(0);
    }
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["check", "--parameter", "Stage=prod", "role/web"]).expect(2);
    assert!(output.stderr.contains("`--parameter` is for a template only"), "{}", output.stderr);
}

#[test]
fn a_template_without_targets_is_an_empty_selection() {
    let template = "Resources: {Logs: {Type: AWS::S3::Bucket}}\n";
    check(template, &[]).expect(3);
    check(template, &["--allow-empty"]).expect(0);
    let unbuilt = with("  Web: {Type: AWS::EC2::Instance, Condition: Never}");
    check(&unbuilt, &[]).expect(3);
}

#[test]
fn each_template_that_a_mixed_group_launches_from_is_judged() {
    let group = |overrides: &str| {
        with(&format!(
            "  Good: {{Type: AWS::EC2::LaunchTemplate, Properties: {{LaunchTemplateData: {{IamInstanceProfile: {{Name: !Ref Profile}}}}}}}}
  None: {{Type: AWS::EC2::LaunchTemplate, Properties: {{LaunchTemplateData: {{ImageId: ami-1}}}}}}
  Web:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MixedInstancesPolicy:
        LaunchTemplate:
          LaunchTemplateSpecification: {{LaunchTemplateId: !Ref Good, Version: $Latest}}
          Overrides: {overrides}"
        ))
    };
    let of =
        |template: &str| format!("{{LaunchTemplateSpecification: {{LaunchTemplateId: {template}, Version: $Latest}}}}");
    let (good, none, elsewhere) = (of("!Ref Good"), of("!Ref None"), of("lt-2"));
    for (overrides, expected) in [
        ("[{InstanceType: m5.large}]".to_owned(), vec![Ready]),
        (format!("[{{InstanceType: m5.large}}, {good}]"), vec![Ready]),
        (format!("[{{InstanceType: m5.large}}, {none}]"), vec![Ready, NotReady]),
        (format!("[{none}, {elsewhere}, {none}]"), vec![Ready, NotReady, Unknown]),
        ("!Ref RoleName".to_owned(), vec![Ready, Unknown]),
    ] {
        let report = check(&group(&overrides), &[]).report();
        let verdicts: Vec<Verdict> =
            report.results.iter().filter(|it| it.target == "Web").map(|it| it.verdict).collect();
        assert_eq!(verdicts, expected, "{overrides}");
    }
}

/// A launch configuration or group that names an instance launches others like it.
#[test]
fn what_names_an_instance_launches_others_like_it() {
    let own = |properties: &str| format!("  Own: {{Type: AWS::EC2::Instance, Properties: {properties}}}\n");
    let configuration =
        |properties: &str| format!("  Web: {{Type: AWS::AutoScaling::LaunchConfiguration, Properties: {properties}}}");
    let group =
        |properties: &str| format!("  Web: {{Type: AWS::AutoScaling::AutoScalingGroup, Properties: {properties}}}");
    let good = own("{IamInstanceProfile: !Ref Profile}");
    let off = own("{IamInstanceProfile: !Ref Profile, MetadataOptions: {HttpEndpoint: disabled}}");
    let none = own("{ImageId: ami-1}");
    let here = "{InstanceId: !Ref Own}";
    let foreign = "{InstanceId: i-0123456789abcdef0, ImageId: ami-1}";
    let with = |instance: &str, launch: String| with(&format!("{instance}{launch}"));
    let unknown: &[Code] = &[Code::NotInPlan];
    hold(vec![
        case("of the template", with(&good, configuration(here)), Ready, &[], ""),
        case("without a profile", with(&none, configuration(here)), NotReady, &[Code::NoInstanceProfile], ""),
        case("without metadata", with(&off, configuration(here)), NotReady, &[Code::MetadataDisabled], ""),
        case("elsewhere", with("", configuration(foreign)), Unknown, unknown, "`i-0123456789abcdef0`"),
        case("not known", with("", configuration("{InstanceId: !Ref RoleName}")), Unknown, unknown, "`RoleName`"),
        case(
            "a profile of its own",
            with(&none, configuration("{InstanceId: !Ref Own, IamInstanceProfile: !Ref Profile}")),
            Ready,
            &[],
            "",
        ),
        case(
            "a profile of its own, like an instance elsewhere",
            with(
                "",
                configuration(
                    "{InstanceId: i-0123456789abcdef0, IamInstanceProfile: !Ref Profile, MetadataOptions: {HttpEndpoint: enabled}}",
                ),
            ),
            Ready,
            &[],
            "",
        ),
        case("a group", with(&good, group(here)), Ready, &[], ""),
        case("a group without a profile", with(&none, group(here)), NotReady, &[Code::NoInstanceProfile], ""),
        case("a group like one elsewhere", with("", group(foreign)), Unknown, unknown, "`i-0123456789abcdef0`"),
    ]);
}

/// What is left of a launch template and an instance that uses it, where the instance is not made.
#[test]
fn a_launch_template_of_an_instance_that_is_not_made_is_a_target() {
    let template = |condition: &str| {
        with(&format!(
            "  Web: {{Type: AWS::EC2::LaunchTemplate, Properties: {{LaunchTemplateData: {{ImageId: ami-1}}}}}}
  Own: {{Type: AWS::EC2::Instance, Condition: {condition}, Properties: {{LaunchTemplate: {{LaunchTemplateId: !Ref Web, Version: $Latest}}, IamInstanceProfile: !Ref Profile}}}}"
        ))
    };
    let targets = |condition: &str| -> Vec<String> {
        check(&template(condition), &[]).report().results.iter().map(|outcome| outcome.target.clone()).collect()
    };
    assert_eq!(targets("Always"), ["Own"]);
    assert_eq!(targets("Never"), ["Web"]);
}

/// Node groups of EKS and Batch say which role instances of a launch template have, which names no profile then.
#[test]
fn a_launch_template_without_a_profile_is_judged_with_the_role_of_what_launches_from_it() {
    let used = |more: &str| {
        with(&format!(
            "  Web: {{Type: AWS::EC2::LaunchTemplate, Properties: {{LaunchTemplateName: web, LaunchTemplateData: {{ImageId: ami-1}}}}}}\n{more}"
        ))
    };
    let nodes = |role: &str, template: &str| {
        format!(
            "  Nodes: {{Type: AWS::EKS::Nodegroup, Properties: {{NodeRole: {role}, LaunchTemplate: {template}}}}}\n"
        )
    };
    let batch = |role: &str| {
        format!(
            "  Batch: {{Type: AWS::Batch::ComputeEnvironment, Properties: {{ComputeResources: {{{role}LaunchTemplate: {{LaunchTemplateId: !Ref Web}}}}}}}}\n"
        )
    };
    let (id, name) = ("{Id: !Ref Web}", "{Name: web, Version: '1'}");
    let (missing, not_known): (&[Code], &[Code]) = (&[Code::MissingPermission], &[Code::NotInPlan]);
    let of_instance = "  Instance: {Type: AWS::EC2::Instance, Properties: {IamInstanceProfile: !Ref Profile, LaunchTemplate: {LaunchTemplateName: web, Version: $Latest}}}\n";
    hold(vec![
        case("a node group", used(&nodes("!GetAtt Role.Arn", id)), Ready, &[], ""),
        case("by name", used(&nodes("!GetAtt Role.Arn", name)), Ready, &[], ""),
        case("a role without policies", used(&nodes("!GetAtt Empty.Arn", id)), NotReady, missing, "role `Empty`"),
        case(
            "a role elsewhere",
            used(&nodes("'arn:aws:iam::111122223333:role/nodes'", id)),
            Unknown,
            not_known,
            "role/nodes` is not in the template",
        ),
        case("the name of a role", used(&nodes("!Ref Role", id)), Unknown, not_known, "where its ARN stands"),
        case("an unknown role", used(&nodes("!Ref RoleName", id)), Unknown, not_known, "`RoleName`"),
        case(
            "an unknown template",
            used(&nodes("!GetAtt Role.Arn", "{Id: !Ref RoleName}")),
            Unknown,
            not_known,
            "`RoleName`",
        ),
        case(
            "another template",
            used(&nodes("!GetAtt Role.Arn", "{Id: lt-1}")),
            NotReady,
            &[Code::NoInstanceProfile],
            "",
        ),
        case("none", used(&nodes("!GetAtt Role.Arn", "!Ref AWS::NoValue")), NotReady, &[Code::NoInstanceProfile], ""),
        case("Batch", used(&batch("InstanceRole: !GetAtt Profile.Arn, ")), Ready, &[], ""),
        case("Batch with a name", used(&batch("InstanceRole: !Ref EmptyProfile, ")), NotReady, missing, ""),
        case(
            "Batch without a role",
            used(&batch("")),
            Unknown,
            not_known,
            "`Batch.ComputeResources.InstanceRole` is not set",
        ),
        case(
            "beside an instance",
            used(&format!("{}{of_instance}", batch("InstanceRole: !Ref EmptyProfile, "))),
            NotReady,
            missing,
            "",
        ),
    ]);
    let several = used(&format!("{}{}", nodes("!GetAtt Role.Arn", id), batch("InstanceRole: !Ref EmptyProfile, ")));
    let results = check(&several, &[]).report().results;
    assert_eq!(results.iter().map(|it| it.verdict).collect::<Vec<_>>(), [Ready, NotReady]);
    let open = used(&format!("{}{of_instance}", nodes("!GetAtt Role.Arn", "{Id: !Ref RoleName}")));
    let results = check(&open, &[]).report().results;
    assert_eq!(results.iter().map(|it| it.target.as_str()).collect::<Vec<_>>(), ["Instance"]);
}

#[test]
fn session_preferences_in_a_template_count() {
    let preferences = |inputs: &str| {
        format!(
            "{}  Preferences:
    Type: AWS::SSM::Document
    Properties:
      Name: SSM-SessionManagerRunShell
      Content: {{schemaVersion: '1.0', sessionType: Standard_Stream, inputs: {inputs}}}\n",
            instance("{IamInstanceProfile: !Ref Profile}")
        )
    };
    let key = "{kmsKeyId: 'arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555'}";
    let place: &[&str] = &["--region", "us-east-1", "--account", "111122223333"];
    let (verdict, _, words) = judge(&preferences("{}"), "Web", place);
    assert_eq!(verdict, Ready, "{words}");
    let (verdict, _, words) = judge(&preferences(key), "Web", place);
    assert!(verdict != Ready && words.contains("kms:Decrypt"), "{words}");
    let (verdict, _, words) = judge(&preferences("{kmsKeyId: !Ref Key}"), "Web", place);
    assert_eq!(verdict, Unknown, "{words}");
    // One that may have the name leaves the one alone that has it, wherever it stands.
    let other = "  Other:
    Type: AWS::SSM::Document
    Properties:
      Name: !ImportValue name
      DocumentType: Session
      Content: {schemaVersion: '1.0', sessionType: Standard_Stream, inputs: {}}\n";
    let main = include_str!("cloudformation/main.yaml");
    let own = preferences(key).strip_prefix(main).unwrap().to_owned();
    for resources in [format!("{own}{other}"), format!("{other}{own}")] {
        let (verdict, _, words) = judge(&with(&resources), "Web", place);
        assert!(verdict != Ready && words.contains("kms:Decrypt"), "{words}");
    }
}

/// With encryption demanded the agent ends a session whose log group is not encrypted.
#[test]
fn a_log_group_of_a_template_is_encrypted_where_the_preferences_demand_it() {
    let place: &[&str] = &["--region", "us-east-1", "--account", "111122223333"];
    let template = |encrypted: &str, group: &str| {
        with(&format!(
            "  Own:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: *trust
      ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore', 'arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy']
      Policies: [{{PolicyName: logs, PolicyDocument: {{Version: '2012-10-17', Statement: {{Effect: Allow, Action: 'logs:*', Resource: '*'}}}}}}]
  OwnProfile: {{Type: AWS::IAM::InstanceProfile, Properties: {{Roles: [!Ref Own]}}}}
  Web: {{Type: AWS::EC2::Instance, Properties: {{IamInstanceProfile: !Ref OwnProfile}}}}
  Preferences:
    Type: AWS::SSM::Document
    Properties:
      Name: SSM-SessionManagerRunShell
      DocumentType: Session
      Content: {{schemaVersion: '1.0', sessionType: Standard_Stream, inputs: {{cloudWatchLogGroupName: !Ref Group, cloudWatchEncryptionEnabled: {encrypted}}}}}
  SessionKey: {{Type: AWS::KMS::Key, Properties: {{}}}}
  Group: {{Type: AWS::Logs::LogGroup{group}}}"
        ))
    };
    let of = |encrypted: &str, properties: &str| {
        template(encrypted, &format!(", Properties: {{LogGroupName: sessions{properties}}}"))
    };
    let key = ", KmsKeyId: !GetAtt SessionKey.Arn";
    let perhaps = ", KmsKeyId: !If [IsProd, !GetAtt SessionKey.Arn, !Ref 'AWS::NoValue']";
    let closed: &[Code] = &[Code::SessionLogs];
    let cases = vec![
        case("without a key", of("true", ""), NotReady, closed, "`sessions`"),
        case("with one", of("true", key), Ready, &[], ""),
        case("without a key where none is demanded", of("false", ""), Ready, &[], ""),
        case("perhaps with one", of("true", perhaps), Unknown, &[Code::NotInPlan], "`IsProd`"),
        case(
            "perhaps none at all",
            of("true", key).replace("AWS::Logs::LogGroup,", "AWS::Logs::LogGroup, Condition: IsProd,"),
            Unknown,
            &[Code::NotInPlan],
            "`IsProd`",
        ),
        case("one of the account", of("true", "").replace("!Ref Group", "others"), Ready, &[], ""),
    ];
    hold(cases.into_iter().map(|case| given(place, case)).collect());
}

#[test]
fn the_specifications_of_a_spot_fleet_are_targets() {
    let fleet = |data: &str| {
        with(&format!(
            "  Template: {{Type: AWS::EC2::LaunchTemplate, Properties: {{LaunchTemplateData: {{IamInstanceProfile: {{Name: !Ref Profile}}}}}}}}
  Web: {{Type: AWS::EC2::SpotFleet, Properties: {{SpotFleetRequestConfigData: {{IamFleetRole: 'arn:aws:iam::111122223333:role/fleet', {data}}}}}}}"
        ))
    };
    let verdicts = |data: &str| -> Vec<Verdict> {
        let report = check(&fleet(data), &[]).report();
        report.results.iter().filter(|outcome| outcome.target == "Web").map(|outcome| outcome.verdict).collect()
    };
    let good = "{IamInstanceProfile: {Arn: !GetAtt Profile.Arn}}";
    let latest = "{LaunchTemplateSpecification: {LaunchTemplateId: !Ref Template, Version: !GetAtt Template.LatestVersionNumber}}";
    for (data, expected) in [
        (format!("LaunchSpecifications: [{good}]"), vec![Ready]),
        (format!("LaunchSpecifications: [{good}, {{ImageId: ami-1}}, {good}]"), vec![Ready, NotReady]),
        ("LaunchSpecifications: !Ref RoleName".to_owned(), vec![Unknown]),
        (format!("LaunchTemplateConfigs: [{latest}]"), vec![Ready]),
        ("TargetCapacity: 1".to_owned(), vec![Unknown]),
    ] {
        assert_eq!(verdicts(&data), expected, "{data}");
    }
}

/// An instance beside the document of its session preferences, of which these are the other properties.
fn with_sessions(properties: &str) -> String {
    with(&format!(
        "  Web: {{Type: AWS::EC2::Instance, Properties: {{IamInstanceProfile: !Ref Profile}}}}
  Sessions:
    Type: AWS::SSM::Document
    Properties:
      Name: SSM-SessionManagerRunShell
      DocumentType: Session
{properties}"
    ))
}

/// The content of a document may be a text in YAML.
#[test]
fn session_preferences_in_yaml_are_read() {
    let sessions = |format: &str, inputs: &str| {
        with_sessions(&format!(
            "      {format}
      Content: |
        schemaVersion: 1.0
        sessionType: Standard_Stream
        inputs:
          {inputs}"
        ))
    };
    let yaml = "DocumentFormat: YAML";
    let logs = "cloudWatchLogGroupName: sessions\n          cloudWatchEncryptionEnabled: true";
    let denied: &[Code] = &[Code::MissingPermission, Code::SessionLogs];
    hold(vec![
        case("nothing more", sessions(yaml, "idleSessionTimeout: '20'"), Ready, &[], ""),
        case("logs", sessions(yaml, logs), NotReady, denied, "logs:DescribeLogGroups"),
        case(
            "a flag of YAML 1.1",
            sessions(yaml, "cloudWatchEncryptionEnabled: yes"),
            Unknown,
            &[Code::InvalidPolicy],
            "`yes`",
        ),
        case("no YAML", sessions(yaml, "a: [b"), Unknown, &[Code::NotInPlan], "its YAML cannot be read"),
        case(
            "a format that is not known",
            sessions("DocumentFormat: !Ref RoleName", logs),
            Unknown,
            &[Code::NotInPlan],
            "`RoleName`",
        ),
        case(
            "JSON, since it does not say otherwise",
            sessions("DocumentType: Session", logs).replacen("      DocumentType: Session\n", "", 1),
            Unknown,
            &[Code::InvalidPolicy],
            "",
        ),
    ]);
}

/// What a template writes as JSON is what it comes to.
#[test]
fn a_value_as_json_is_read() {
    let sessions = |inputs: &str| {
        with_sessions(&format!(
            "      Content: !ToJsonString {{schemaVersion: '1.0', sessionType: Standard_Stream, inputs: {{{inputs}}}}}"
        ))
    };
    hold(vec![
        case("nothing more", sessions("idleSessionTimeout: '20'"), Ready, &[], ""),
        case(
            "logs",
            sessions("cloudWatchLogGroupName: sessions, cloudWatchEncryptionEnabled: true"),
            NotReady,
            &[Code::MissingPermission, Code::SessionLogs],
            "logs:DescribeLogGroups",
        ),
        case("not known", sessions("cloudWatchLogGroupName: !Ref RoleName"), Unknown, &[Code::NotInPlan], "`RoleName`"),
    ]);
}
