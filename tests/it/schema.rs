//! The published schemas, as documents: that they say what a reader needs, in no words of Rust.

use serde_json::Value;

use crate::support::command::Sandbox;

const FORMATS: [&str; 3] = ["report", "snapshot", "fix"];

fn schema(format: &str) -> Value {
    let output = Sandbox::new().run(&["schema", format]).expect(0);
    assert_eq!(output.stderr, "");
    output.json()
}

/// Calls this with every object below, itself included.
fn each_object<'a>(value: &'a Value, visit: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|value| each_object(value, visit));
        }
        Value::Array(values) => values.iter().for_each(|value| each_object(value, visit)),
        _ => {}
    }
}

#[test]
fn each_says_what_it_is() {
    let schemas = FORMATS.map(schema);
    for schema in &schemas {
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(!schema["description"].as_str().unwrap().is_empty());
    }
    let ids = schemas.each_ref().map(|schema| schema["$id"].as_str().unwrap());
    assert_eq!(
        ids,
        ["urn:ssm-profile:schema:report:1", "urn:ssm-profile:schema:snapshot:2", "urn:ssm-profile:schema:fix:1"]
    );
}

/// Descriptions come from the documentation of Rust code.
#[test]
fn none_speaks_rust_or_closes_an_object() {
    for format in FORMATS {
        each_object(&schema(format), &mut |object| {
            if let Some(Value::String(description)) = object.get("description") {
                for foreign in ["`None`", "`Some", "[`", "`]", "::", "`Vec", "`Option"] {
                    assert!(!description.contains(foreign), "{format}: `{foreign}` in {description}");
                }
            }
            assert!(object.get("additionalProperties") != Some(&Value::Bool(false)), "{format}: {object:?}");
            let format_of_rust =
                object.get("format").and_then(Value::as_str).filter(|format| format.starts_with("uint"));
            assert_eq!(format_of_rust, None, "{format}: {object:?}");
        });
    }
}

#[test]
fn every_finding_code_is_described_in_a_sentence() {
    let report = schema("report");
    let codes = report["$defs"]["Code"]["oneOf"].as_array().unwrap();
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        let (name, description) = (code["const"].as_str().unwrap(), code["description"].as_str().unwrap());
        assert!(name.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase()), "{name}");
        let first = description.chars().next().unwrap();
        assert!(first.is_uppercase() && description.ends_with('.'), "{name}: {description}");
    }
}

/// A reader goes by `kind`: it is required, and says which of the shapes it is.
#[test]
fn details_are_told_apart_by_their_kind() {
    for (format, details) in [("report", "FindingDetails"), ("fix", "FindingDetails"), ("fix", "RefusalDetails")] {
        let schema = schema(format);
        let shapes = schema["$defs"][details]["oneOf"].as_array().unwrap();
        let mut kinds: Vec<&str> =
            shapes.iter().map(|shape| shape["properties"]["kind"]["const"].as_str().unwrap()).collect();
        assert!(shapes.iter().all(|shape| shape["required"].as_array().unwrap().contains(&"kind".into())), "{details}");
        assert!(kinds.len() > 10, "{kinds:?}");
        kinds.sort_unstable();
        assert!(kinds.windows(2).all(|pair| pair[0] != pair[1]), "{kinds:?}");
        assert!(!kinds.contains(&"sample"), "that one is for unit tests: {kinds:?}");
    }
}

/// What another version or another run prints can be compared.
#[test]
fn it_is_the_same_each_time() {
    for format in FORMATS {
        let [first, second] = [0; 2].map(|_| Sandbox::new().run(&["schema", format]).expect(0).stdout);
        assert!(first == second, "{format}");
    }
}
