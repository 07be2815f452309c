//! What the examples look like in every form, whole, so that whoever changes a form sees what readers will see. `INSTA_UPDATE=always`
//! writes the files anew; a difference is to be read like code.

use insta::Settings;

use crate::support::command::Sandbox;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

/// A report on an example, whose path is not part of it.
fn report(example: &str, targets: &[&str], form: &str) -> String {
    let sandbox = Sandbox::new();
    let text = std::fs::read_to_string(format!("{EXAMPLES}/{example}.json")).unwrap();
    sandbox.file("snapshot.json", text);
    sandbox.run(&[&["check", "--snapshot", "snapshot.json", "-o", form], targets].concat()).expect(1).stdout
}

/// The page without its style and its script, a line for each element.
fn skeleton(html: &str) -> String {
    let mut page = html.to_owned();
    for name in ["style", "script"] {
        let (before, rest) = page.split_once(&format!("<{name}>")).unwrap();
        let (_, after) = rest.split_once(&format!("</{name}>")).unwrap();
        page = format!("{before}<{name}></{name}>{after}");
    }
    page.replace('<', "\n<").replace("\n</", "</").trim_start().to_owned()
}

#[test]
fn the_examples_in_every_form() {
    let mut settings = Settings::new();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        // One that is ready, two that are not, and one of which it is not known.
        let targets = ["i-0a1b2c3d400000001", "i-0a1b2c3d400000002", "i-0a1b2c3d400000005", "i-0a1b2c3d40000000d"];
        for form in ["text", "json", "ndjson", "junit", "sarif", "markdown", "html", "asff", "ocsf"] {
            let page = report("account", &targets, form);
            let page = if form == "html" { skeleton(&page) } else { page };
            insta::assert_snapshot!(format!("account.{form}"), page);
        }
        insta::assert_snapshot!("host-management.text", report("host-management", &[], "text"));
        // Of more than ten the causes are told.
        insta::assert_snapshot!("network.text", report("network", &[], "text"));
        let ten: Vec<String> = (1..=10).map(|number| format!("i-0b1b2c3d4000000{number:02x}")).collect();
        let ten: Vec<&str> = ten.iter().map(String::as_str).collect();
        insta::assert_snapshot!("network-ten.text", report("network", &ten, "text"));
    });
}
