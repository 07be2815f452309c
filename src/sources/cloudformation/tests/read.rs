use proptest::prelude::*;

use super::super::node::{Content, Node};
use super::super::template::Template;
use super::super::{json, yaml};
use crate::limits;

/// The tree without its lines, as JSON.
fn plain(node: &Node) -> serde_json::Value {
    match &node.content {
        Content::Null => serde_json::Value::Null,
        Content::Bool(value) => (*value).into(),
        Content::Number(number) => format!("number {number}").into(),
        Content::Ambiguous(text) => format!("ambiguous {text}").into(),
        Content::Text(text) => (**text).into(),
        Content::List(items) => items.iter().map(plain).collect(),
        Content::Map(members) => members
            .iter()
            .map(|member| (member.name.to_string(), plain(&member.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

#[test]
fn short_forms_are_the_functions_that_they_stand_for() {
    for (short, long) in [
        ("!Ref A", r#"{"Ref": "A"}"#),
        ("!Condition A", r#"{"Condition": "A"}"#),
        ("!GetAtt A.Arn", r#"{"Fn::GetAtt": ["A", "Arn"]}"#),
        ("!GetAtt A.Outputs.B", r#"{"Fn::GetAtt": ["A", "Outputs.B"]}"#),
        ("!GetAtt [A, Arn]", r#"{"Fn::GetAtt": ["A", "Arn"]}"#),
        ("!Sub 'a ${B}'", r#"{"Fn::Sub": "a ${B}"}"#),
        ("!Join ['', [a, !Ref B]]", r#"{"Fn::Join": ["", ["a", {"Ref": "B"}]]}"#),
        ("!Base64\n  Fn::Sub: x", r#"{"Fn::Base64": {"Fn::Sub": "x"}}"#),
        ("!If\n- A\n- !Ref B\n- !Ref 'AWS::NoValue'", r#"{"Fn::If": ["A", {"Ref": "B"}, {"Ref": "AWS::NoValue"}]}"#),
        ("!Not [!Equals [a, b]]", r#"{"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}"#),
        ("!Transform {Name: 'AWS::Include'}", r#"{"Fn::Transform": {"Name": "AWS::Include"}}"#),
        ("!Cidr ['10.0.0.0/16', 2, 8]", r#"{"Fn::Cidr": ["10.0.0.0/16", "number 2", "number 8"]}"#),
    ] {
        let expected: serde_json::Value = serde_json::from_str(long).unwrap();
        assert_eq!(plain(&yaml::read(short).unwrap()), expected, "{short}");
    }
}

#[test]
fn plain_words_are_what_yaml_1_1_takes_them_for() {
    for (text, expected) in [
        ("2012-10-17", "2012-10-17"),
        ("'0123'", "0123"),
        ("0123", "ambiguous 0123"),
        ("111122223333", "number 111122223333"),
        ("1.5", "number 1.5"),
        ("1.50", "ambiguous 1.50"),
        ("yes", "ambiguous yes"),
        ("\"yes\"", "yes"),
        ("0x1f", "ambiguous 0x1f"),
        ("12:30", "ambiguous 12:30"),
        ("1e3", "ambiguous 1e3"),
        ("1_000", "ambiguous 1_000"),
        ("10.0.0.1", "10.0.0.1"),
        ("i-0123", "i-0123"),
        ("!!str 0123", "0123"),
        ("! yes", "yes"),
        ("arn:aws:s3:::b", "arn:aws:s3:::b"),
    ] {
        assert_eq!(plain(&yaml::read(text).unwrap()), expected, "{text}");
    }
    for (text, expected) in [("true", true.into()), ("", serde_json::Value::Null), ("~", serde_json::Value::Null)] {
        assert_eq!(plain(&yaml::read(&format!("a: {text}")).unwrap())["a"], expected, "{text}");
    }
}

#[test]
fn aliases_and_merge_keys_are_put_in() {
    let text =
        "base: &base {a: '1', b: '2'}\none: *base\ntwo:\n  <<: *base\n  b: '3'\nthree: {<<: [{c: x}, {c: y, d: z}]}\n";
    let expected = serde_json::json!({
        "base": {"a": "1", "b": "2"},
        "one": {"a": "1", "b": "2"},
        "two": {"b": "3", "a": "1"},
        "three": {"c": "x", "d": "z"},
    });
    assert_eq!(plain(&yaml::read(text).unwrap()), expected);
}

#[test]
fn yaml_and_json_keep_the_lines() {
    let of_yaml = yaml::read("Resources:\n  # a comment\n  Web:\n    Type: x\n").unwrap();
    let of_json = json::read("{\n  \"Resources\": {\n\n    \"Web\": {\n      \"Type\": \"x\"\n    }\n  }\n}").unwrap();
    for (root, web, kind) in [(of_yaml, 3, 4), (of_json, 4, 5)] {
        let resources = root.get("Resources").unwrap();
        let member = &resources.members()[0];
        assert_eq!((member.line, member.value.get("Type").unwrap().line), (web, kind));
    }
}

#[test]
fn a_lone_carriage_return_ends_no_line_of_the_file() {
    let root = yaml::read("a: 1\r\nb: [x,\r y]\nc: z\n").unwrap();
    assert_eq!(["a", "b", "c"].map(|name| root.get(name).unwrap().line), [1, 2, 3]);
    assert_eq!(yaml::read("a: 1\rb: {\n").unwrap_err().line, Some(2));
}

#[test]
fn both_formats_read_the_same() {
    let text = r#"{"A": ["x", 1, true, null, {"Fn::Sub": "${B}"}], "é\u00e9": {"\"": "\ud83d\ude00 \/"}}"#;
    assert_eq!(
        plain(&json::read(text).unwrap())["A"],
        plain(&yaml::read(r#"A: [x, 1, true, ~, !Sub "${B}"]"#).unwrap())["A"]
    );
    assert!(json::read("{\"a\":\t{\n\t\"b\": \"c\"}}").is_ok());
}

fn refused(text: &str) -> String {
    Template::parse(text).unwrap_err().to_string()
}

#[test]
fn what_is_no_template_is_told_with_its_place() {
    for (text, expected) in [
        ("", "it is empty"),
        ("  \n\n", "it is empty"),
        ("# only a comment\n", "line 1: it is empty"),
        ("just text", "line 1: it is a single value"),
        ("[a, b]", "line 1: it is a list"),
        ("Outputs: {}\n", "line 1: it has no `Resources` section"),
        ("Resources: []\n", "line 1: `Resources` is a list"),
        ("Resources:\n  Web: 1\n", "line 2: `Web` is a single value"),
        ("Resources:\n  Web: {}\n", "line 2: the resource `Web` has no `Type`"),
        ("Resources:\n  A: {Type: x}\n  A: {Type: x}\n", "line 3: `A` stands twice; the first is on line 2"),
        ("Resources:\n  A: !Reff B\n", "line 2: `!Reff` is not a function of CloudFormation"),
        ("Resources:\n  A: {Type: !!binary aGk=}\n", "line 2: CloudFormation does not support the tag `!!binary`"),
        ("Resources: {}\n---\nResources: {}\n", "line 2: a second YAML document begins"),
        ("Resources:\n  A: &a\n    B: *a\n", "line 3: an alias stands inside the value that it refers to"),
        ("Resources:\n\tA: x\n", "line 2, column "),
        ("Resources:\n  A: {Type: 'x\n", "line "),
        ("{\"Resources\": {\"A\": {\"Type\": \"x\"}", "line 1, column "),
        ("{\"Resources\": {\"A\": {\"Type\": \"x\"}, \"A\": {\"Type\": \"x\"}}}", "line 1: `A` stands twice"),
        (
            "{\"format_version\": \"1.2\", \"planned_values\": {}}",
            "it is a Terraform plan, not a template; pass it with `--terraform-plan`",
        ),
        ("{\"version\": \"36.0.0\", \"artifacts\": {}}", "it is the manifest of an AWS CDK cloud assembly"),
        ("{\"snapshot_version\": 3, \"facts\": {}}", "it is a snapshot"),
        ("{\"Version\": \"2012-10-17\", \"Statement\": []}", "it is a policy document"),
    ] {
        let error = refused(text);
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

#[test]
fn neither_depth_nor_aliases_cost_more_than_the_bounds() {
    let deep = "[".repeat(limits::TEMPLATE_DEPTH + 10);
    assert!(refused(&deep).contains("levels deep"));
    assert!(
        refused(&format!("{{\"Resources\": {}", deep.clone() + &"]".repeat(deep.len()) + "}")).contains("levels deep")
    );
    // Ten aliases of ten aliases of ten: a billion values from a kilobyte.
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    assert!(refused(&bomb).contains("values, aliases counted"));
    // And a chain that grows deeper with each alias.
    let mut chain = String::from("a0: &a0 [x]\n");
    for level in 1..=limits::TEMPLATE_DEPTH {
        chain += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
    }
    assert!(refused(&chain).contains("levels deep"));
}

#[test]
fn anchors_inside_each_other_count_as_the_copies_that_they_are() {
    let items = vec!["x"; 20_000].join(", ");
    let nested = |anchors: usize| {
        let open: String = (0..anchors).map(|index| format!("&a{index} [")).collect();
        format!("Resources: {{}}\nMetadata: {open}{items}{}\n", "]".repeat(anchors))
    };
    assert!(yaml::read(&nested(2)).is_ok());
    assert!(refused(&nested(60)).contains("values, aliases counted"));
}

#[test]
fn large_mappings_are_merged() {
    let members: Vec<String> = (0..80_000).map(|index| format!("m{index}: 1")).collect();
    let root = yaml::read(&format!("a: &a {{{}}}\nb: {{<<: *a, m7: own}}\n", members.join(", "))).unwrap();
    let merged = root.get("b").unwrap();
    assert_eq!(merged.members().len(), members.len());
    assert_eq!(merged.get("m7").and_then(Node::text), Some("own"));
}

#[test]
fn a_condition_that_is_no_name_is_refused() {
    for condition in ["[x]", "{Fn::Not: [x]}", "!Ref x", "true", "yes"] {
        let error = refused(&format!("Resources:\n  A: {{Type: x, Condition: {condition}}}\n"));
        assert!(error.contains("the `Condition` of the resource `A` is not a string"), "{condition}: {error}");
    }
}

/// Text that looks like YAML more often than arbitrary text does.
fn yaml_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("Resources:\n".to_owned()),
        "[ -~]{0,6}",
        prop::sample::select(vec![
            "\n",
            "  ",
            "- ",
            ": ",
            "{",
            "}",
            "[",
            "]",
            ", ",
            "&a ",
            "*a",
            "<<: ",
            "!Ref ",
            "!Sub ",
            "!If ",
            "!!str ",
            "| ",
            ">-\n",
            "'",
            "\"",
            "? ",
            "#",
            "---\n",
            "...\n",
            "\t",
            "%TAG ! x\n",
            "é",
            "\u{feff}",
            "\r\n",
            "Type: AWS::IAM::Role\n",
            "${",
            "{{resolve:",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn arbitrary_text_is_read_or_refused(text in yaml_like()) {
        let _ = Template::parse(&text);
        let _ = yaml::read(&text);
    }

    #[test]
    fn arbitrary_characters_are_read_or_refused(text in any::<String>()) {
        let _ = yaml::read(&text);
        let _ = json::read(&text);
    }
}
