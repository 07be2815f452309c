//! Addresses and references: names with dots between them, each perhaps with an index.
//!
//! Source: [Resource addressing](https://developer.hashicorp.com/terraform/cli/state/resource-addressing).

/// A name in an address, with its index as it is written: `["a"]`, `[0]`, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step<'a> {
    pub name: &'a str,
    pub index: &'a str,
}

/// The steps of an address. A dot in a quoted index is no separator.
pub(super) fn steps(address: &str) -> Vec<Step<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in address.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'.' if !quoted => {
                parts.extend(address.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(address.get(start..));
    let steps = parts.into_iter().map(|part| {
        let (name, index) = part.split_at(part.find('[').unwrap_or(part.len()));
        Step { name, index }
    });
    steps.collect()
}

/// The names of the modules in the address of a module instance, without indexes: what leads to it in the configuration.
pub(super) fn calls(module: &str) -> Vec<&str> {
    steps(module).into_iter().skip(1).step_by(2).map(|step| step.name).collect()
}

/// The address of something in a module instance.
pub(super) fn within(module: &str, address: &str) -> String {
    if module.is_empty() { address.to_owned() } else { format!("{module}.{address}") }
}

/// The module that holds a module, and the call by which it does.
pub(super) fn parent(module: &str) -> Option<(String, Step<'_>)> {
    let steps = steps(module);
    let call = *steps.last()?;
    let before = steps.len().checked_sub(2)?;
    let written: Vec<String> = steps.iter().take(before).map(|step| format!("{}{}", step.name, step.index)).collect();
    Some((written.join("."), call))
}

/// References without those that stand for the beginning of another: of `a.b.c` Terraform lists `a.b` too.
pub(super) fn longest(references: &[&str]) -> Vec<String> {
    let begins = |short: &str, long: &str| {
        long.len() > short.len()
            && long.starts_with(short)
            && matches!(long.as_bytes().get(short.len()), Some(b'.' | b'['))
    };
    let mut kept: Vec<String> = Vec::new();
    for reference in references {
        if !references.iter().any(|other| begins(reference, other)) && !kept.iter().any(|known| known == reference) {
            kept.push((*reference).to_owned());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_at_its_dots_only() {
        let step = |name, index| Step { name, index };
        for (address, expected) in [
            ("aws_instance.web", vec![step("aws_instance", ""), step("web", "")]),
            (
                r#"module.a["x.y"].aws_instance.web[0]"#,
                vec![step("module", ""), step("a", r#"["x.y"]"#), step("aws_instance", ""), step("web", "[0]")],
            ),
            (r#"module.a["\"."].b"#, vec![step("module", ""), step("a", r#"["\"."]"#), step("b", "")]),
        ] {
            assert_eq!(steps(address), expected, "{address}");
        }
    }

    #[test]
    fn a_module_has_a_parent_and_calls() {
        let module = r#"module.a["x.y"].module.b[0]"#;
        assert_eq!(calls(module), ["a", "b"]);
        assert_eq!(calls(""), [""; 0]);
        assert_eq!(parent(module), Some((r#"module.a["x.y"]"#.to_owned(), Step { name: "b", index: "[0]" })));
        assert_eq!(parent("module.a"), Some((String::new(), Step { name: "a", index: "" })));
        assert_eq!(parent(""), None);
    }

    /// As Terraform 1.11 writes them for `var.n != "" ? terraform_data.role["a"].id : var.n`.
    #[test]
    fn the_beginnings_of_a_reference_are_left_out() {
        let listed = ["var.n", r#"t.role["a"].id"#, r#"t.role["a"]"#, "t.role", "var.n", "t.roles"];
        assert_eq!(longest(&listed), ["var.n", r#"t.role["a"].id"#, "t.roles"]);
    }
}
