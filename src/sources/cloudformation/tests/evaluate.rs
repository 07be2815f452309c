use super::super::evaluate::{Evaluator, Place};
use super::super::value::{Holds, Value};
use super::template;

const HEAD: &str = "
Parameters:
  Name: {Type: String, Default: web}
  Stage: {Type: String, AllowedValues: [test, prod]}
  List: {Type: CommaDelimitedList, Default: 'a, b,c'}
  FromStore: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /a/b}
Mappings:
  Roles:
    us-east-1: {role: east, count: 3}
Conditions:
  Is: !Equals [!Ref Name, web]
  IsNot: !Not [{Condition: Is}]
  Open: !Equals [!Ref Stage, prod]
  Both: !And [!Condition Is, !Condition IsNot]
  OpenOrIs: !Or [!Condition Open, !Condition Is]
  OpenAndIsNot: !And [!Condition Open, !Condition IsNot]
  NotOpen: !Not [!Condition Open]
  Loop: !Not [!Condition Loop]
  Region: !Equals [!Ref 'AWS::Region', us-east-1]
Resources:
  Named:
    Type: AWS::IAM::Role
    Properties: {RoleName: app, Path: /team/}
  Derived:
    Type: AWS::IAM::Role
    Properties: {RoleName: !Sub '${Named}-2'}
  Generated: {Type: AWS::IAM::Role}
  Gone: {Type: AWS::IAM::Role, Condition: IsNot}
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: logs}
  Self:
    Type: AWS::IAM::Role
    Properties: {RoleName: !Ref Self}
  Tested:
    Type: AWS::IAM::Role
    Properties:
      RoleName: ";

/// What a value comes to: its text, or what it hangs on.
fn value(text: &str) -> Value {
    let template = template(&format!("{HEAD}{text}\n"));
    let place = Place::new(Some("111122223333".to_owned()), Some("us-east-1".to_owned()), None);
    let evaluator = Evaluator::new(&template, &[], place).unwrap();
    evaluator.property(template.resource("Tested").unwrap(), "RoleName")
}

#[test]
fn functions_that_are_known() {
    for (text, expected) in [
        ("!Ref Name", "web"),
        ("!Ref Named", "app"),
        ("!Ref Derived", "app-2"),
        ("!GetAtt Named.Arn", "arn:aws:iam::111122223333:role/team/app"),
        ("!GetAtt Bucket.Arn", "arn:aws:s3:::logs"),
        ("!Ref Bucket", "logs"),
        ("!Sub '${Name}-${AWS::Region}-${Named.Arn}'", "web-us-east-1-arn:aws:iam::111122223333:role/team/app"),
        ("!Sub ['${x}-${Name}', {x: !Ref Named}]", "app-web"),
        ("!Sub '${!aws:PrincipalTag/team} ${Name}'", "${aws:PrincipalTag/team} web"),
        ("!Sub '${unclosed'", "${unclosed"),
        (
            "!Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:x.${AWS::URLSuffix}'",
            "arn:aws:iam::111122223333:x.amazonaws.com",
        ),
        ("!Join ['-', [a, !Ref Name, !If [IsNot, b, !Ref 'AWS::NoValue'], c]]", "a-web-c"),
        ("!Join ['', !Ref List]", "abc"),
        ("!Select [1, !Ref List]", "b"),
        ("!Select ['2', !Split [':', 'a:b:c']]", "c"),
        ("!If [Is, a, b]", "a"),
        ("!If [IsNot, a, b]", "b"),
        ("!If [Both, a, b]", "b"),
        ("!If [OpenOrIs, a, b]", "a"),
        ("!If [OpenAndIsNot, a, b]", "b"),
        ("!If [Open, same, same]", "same"),
        ("!If [Region, a, b]", "a"),
        ("!FindInMap [Roles, !Ref 'AWS::Region', role]", "east"),
        ("!FindInMap [Roles, us-west-2, role, {DefaultValue: other}]", "other"),
        ("!Base64 hi", "aGk="),
    ] {
        assert_eq!(value(text), Value::known(expected), "{text}");
    }
    assert_eq!(value("!If [IsNot, a, !Ref 'AWS::NoValue']"), Value::Nothing);
    assert_eq!(value("!FindInMap [Roles, us-east-1, count]"), Value::Number("3".to_owned()));
    assert_eq!(value("!Length [a, b]"), Value::Number("2".to_owned()));
}

#[test]
fn what_is_not_known_names_what_settles_it_and_its_line() {
    // The line of the tested value; those of the parameters and conditions come before it.
    let here = HEAD.lines().count();
    for (text, expected, line) in [
        ("!Ref Stage", "the parameter `Stage` has no default; give it with `--parameter Stage=VALUE`", 4),
        ("!Ref FromStore", "the parameter `FromStore` takes its value from Parameter Store", 6),
        ("!If [Open, a, b]", "the condition `Open` cannot be decided: the parameter `Stage` has no default", 4),
        ("!If [NotOpen, a, b]", "the condition `NotOpen` cannot be decided: the parameter `Stage` has no default", 4),
        ("!If [Loop, a, b]", "the condition `Loop` cannot be decided: the condition `Loop` refers to itself", 18),
        ("!Ref Generated", "the name or ID of the resource `Generated` is known only after deployment", here),
        ("!GetAtt Generated.Arn", "`Arn` of the resource `Generated` is known only after deployment", here),
        ("!Ref Gone", "the resource `Gone` is not created", here),
        ("!Ref Nobody", "the template has no parameter or resource `Nobody`", here),
        ("!ImportValue shared-role", "`shared-role` is exported by another stack", here),
        ("!Sub '{{resolve:ssm:/a/${Name}}}'", "the dynamic reference `{{resolve:ssm:/a/web}}`", here),
        ("'x{{resolve:secretsmanager:s}}'", "the dynamic reference `{{resolve:secretsmanager:s}}`", here),
        ("!Join ['', ['{{resolve:ssm:', !Ref Stage, '}}']]", "the dynamic reference `{{resolve:ssm:", here),
        ("!Select [0, !GetAZs '']", "`Fn::GetAZs` is worked out when the template is deployed", here),
        ("!Transform {Name: x}", "`Fn::Transform` is worked out", here),
        ("!FindInMap [Roles, us-west-2, role]", "the mapping `Roles` has no value for `us-west-2` and `role`", here),
        ("yes", "YAML reads a plain `yes` as another value; quote it", here),
        ("!Select [7, !Ref List]", "`Fn::Select` is worked out", here),
        ("!Sub '${AWS::StackName}'", "`AWS::StackName` is not known before deployment", here),
    ] {
        let value = value(text);
        let why = value.why().unwrap_or_else(|| panic!("{text}: {value:?}"));
        assert!(why.to_string().starts_with(expected) && why.line == line, "{text}: {why:?}");
    }
}

#[test]
fn what_refers_to_itself_or_grows_without_end_is_not_known() {
    assert!(value("!Ref Self").why().is_some());
    // Each level doubles the text of the one below.
    let mut text = "x".repeat(1000);
    for _ in 0..40 {
        text = format!("!Sub ['${{a}}${{a}}', {{a: {text}}}]");
    }
    assert!(value(&text).why().is_some());
    // A list that is copied wherever it is referred to, or made anew.
    let long = vec!["a"; 100_000].join(",");
    for list in ["!Ref Long", "!Split [',', !Join [',', !Ref Long]]"] {
        let lists = vec![list; 60].join(", ");
        let text = format!(
            "Parameters: {{Long: {{Type: CommaDelimitedList, Default: '{long}'}}}}\nResources: {{A: {{Type: x, Properties: {{P: [{lists}]}}}}}}\n"
        );
        let template = super::template(&text);
        let evaluator = Evaluator::new(&template, &[], Place::default()).unwrap();
        let why = evaluator.property(&template.resources[0], "P").why();
        assert!(why.is_some_and(|why| why.what.contains("more text than this tool follows")), "{list}");
    }
    let mut chain = String::from("Conditions:\n  C0: !Equals [a, a]\n");
    for index in 1..5000 {
        chain += &format!("  C{index}: !Not [!Condition C{}]\n", index - 1);
    }
    let template = template(&(chain + "Resources:\n  A: {Type: x, Condition: C4999}\n"));
    let evaluator = Evaluator::new(&template, &[], Place::default()).unwrap();
    assert!(matches!(evaluator.exists(&template.resources[0]), Holds::Unknown(_)));
}

#[test]
fn given_parameters_win_and_those_that_the_template_refuses_are_told() {
    let template = template(&format!("{HEAD}!Ref Stage\n"));
    let given = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    let evaluator = Evaluator::new(&template, &given(&[("Stage", "prod"), ("Name", "db")]), Place::default()).unwrap();
    assert_eq!(evaluator.property(template.resource("Tested").unwrap(), "RoleName"), Value::known("prod"));
    let refused = |pairs: &[(&str, &str)]| Evaluator::new(&template, &given(pairs), Place::default()).err().unwrap();
    assert_eq!(refused(&[("Stge", "prod")]), ["the template has no parameter `Stge`; did you mean `Stage`?"]);
    assert_eq!(
        refused(&[("Stage", "dev")]),
        ["`dev` is not an allowed value of the parameter `Stage`; give one of `test`, `prod`"]
    );
    let secret =
        super::template("Parameters: {Key: {Type: String, NoEcho: true, AllowedValues: [a]}}\nResources: {}\n");
    let mistakes = Evaluator::new(&secret, &given(&[("Key", "hunter2")]), Place::default()).err().unwrap();
    assert_eq!(mistakes, ["the value is not an allowed value of the parameter `Key`; give one of `a`"]);
    assert_eq!(refused(&[("Name", "a"), ("Name", "b")]), ["`--parameter Name` is given twice"]);
}
