//! The pages of docs/ as a book: each can be reached, links lead somewhere, and what they name is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::readme::pages;
use crate::support::install::MOTO;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// What stands between the parentheses of Markdown's links.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// The anchors of a page: of each heading its words, as GitHub and mdBook both make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter_map(|line| line.strip_prefix('#'));
    let titles = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    titles.map(|title| title.chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn each_page_is_in_the_book_once() {
    let summary = read("docs/SUMMARY.md");
    let mut listed: Vec<&str> = links(&summary).collect();
    listed.sort_unstable();
    let docs = root().join("docs");
    let below = |path: PathBuf| path.strip_prefix(&docs).ok().map(|path| path.to_str().unwrap().to_owned());
    let mut there: Vec<String> = pages().into_iter().filter_map(below).filter(|name| name != "SUMMARY.md").collect();
    there.sort_unstable();
    assert_eq!(listed, there);
}

/// `explain` knows a page for each code; here each page has its code.
#[test]
fn each_page_of_a_finding_is_of_a_code_and_in_the_table() {
    let table = read("docs/findings.md");
    for entry in fs::read_dir(root().join("docs/findings")).unwrap() {
        let path = entry.unwrap().path();
        let code = path.file_stem().unwrap().to_str().unwrap();
        assert!(table.contains(&format!("| [`{code}`](findings/{code}.md) |")), "{code}");
        let explained = crate::support::command::Sandbox::new().run(&["explain", code]).expect(0);
        assert!(explained.stdout.starts_with(&format!("{code}\n")), "{explained:?}");
    }
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let mut count = 0;
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap();
        for target in links(&text).filter(|target| !target.starts_with("http")) {
            let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target}", path.display());
            if let Some(anchor) = anchor {
                assert!(anchors(&fs::read_to_string(&file).unwrap()).contains(anchor), "{}: {target}", path.display());
            }
            // A page of the book that leads out of docs/ leads nowhere there.
            assert!(path.starts_with(root().join("docs")) <= !target.starts_with(".."), "{}: {target}", path.display());
            count += 1;
        }
    }
    assert!(count > 40, "{count} links");
}

/// The journey of an instance ID is told in files and functions, and those change.
#[test]
fn what_the_architecture_names_is_there() {
    let page = read("docs/architecture.md");
    let mut functions = 0;
    for line in page.lines() {
        let names: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        for name in names.iter().filter(|name| name.contains('/') && !name.contains(' ')) {
            assert!(root().join(name).exists(), "{name}");
        }
        if let ([file, function, ..], true) = (names.as_slice(), line.starts_with("| `") && line.contains(".rs` | `")) {
            let code = read(file);
            let declared = [format!("fn {function}("), format!("fn {function}<")];
            assert!(declared.iter().any(|it| code.contains(it)), "{file}: {function}");
            functions += 1;
        }
    }
    assert!(functions > 25, "{functions} functions");
}

/// The commands of the AWS CLI on the pages, by the page: those in code blocks, of which a backslash joins the lines, and those in
/// backticks.
fn commands() -> BTreeMap<String, Vec<String>> {
    let mut commands = BTreeMap::new();
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap().replace(" \\\n", " ");
        let (mut of_page, mut inside) = (Vec::new(), false);
        let mut lines = text.lines();
        while let Some(first) = lines.next() {
            let mut line = first.to_owned();
            // A quoted argument goes over several lines.
            while inside && line.starts_with("aws ") && line.matches('\'').count() % 2 == 1 {
                line.push_str(lines.next().expect("a quotation ends"));
            }
            if line.starts_with("```") {
                inside = !inside;
            } else if inside {
                let line = line.split("| aws ").nth(1).map_or(line.trim().to_owned(), |rest| format!("aws {rest}"));
                of_page.extend(line.starts_with("aws ").then_some(line));
            }
        }
        let spans = text.split('`').filter(|span| span.starts_with("aws ") && !span.contains('\n'));
        of_page.extend(spans.map(str::to_owned));
        of_page.dedup();
        commands.insert(path.strip_prefix(root()).unwrap().display().to_string(), of_page);
    }
    commands
}

/// Whoever reads a page in a hurry pastes what stands there: each operation, and each of its options, is one of AWS's own models.
#[test]
fn the_commands_of_the_aws_cli_exist() {
    const HOLD: &str = r#"
import json, shlex, sys
import botocore.loaders, botocore.model
from botocore import xform_name

# What the AWS CLI adds to the models or names otherwise.
SERVICES = {"s3api": "s3"}
OWN = {("sso", "login"), ("configure", "export-credentials")}
EVERYWHERE = {"region", "profile", "query", "output", "cli-input-json"}
ADDED = {
    ("ec2", "authorize-security-group-ingress"): {"protocol", "port", "source-group", "cidr"},
    ("ec2", "create-network-acl-entry"): {"ingress"},
}
loader = botocore.loaders.Loader()
count = 0
for page, lines in json.load(sys.stdin).items():
    for line in lines:
        words = shlex.split(line)
        assert len(words) > 2, f"{page}: {line}"
        service, operation, *rest = words[1:]
        if (service, operation) in OWN:
            continue
        name = SERVICES.get(service, service)
        model = botocore.model.ServiceModel(loader.load_service_model(name, "service-2"), name)
        names = {xform_name(it, "-"): it for it in model.operation_names}
        assert operation in names, f"{page}: there is no `{service} {operation}`"
        shape = model.operation_model(names[operation]).input_shape
        members = {xform_name(it, "-"): it for it in shape.members} if shape else {}
        given = {it[2:] for it in rest if it.startswith("--")}
        added = ADDED.get((service, operation), set())
        unknown = {it for it in given - EVERYWHERE - added if it not in members and it.removeprefix("no-") not in members}
        assert not unknown, f"{page}: `{service} {operation}` has no {unknown}"
        required = set(shape.required_members if shape else [])
        missing = {it for it in required if xform_name(it, "-") not in given} - ({"Egress"} if "ingress" in given else set())
        assert not missing, f"{page}: `{line}` lacks {missing}"
        count += 1
print(count)
"#;
    let mut child = Command::new(MOTO.python().unwrap())
        .args(["-c", HOLD])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    let commands = serde_json::to_vec(&commands()).unwrap();
    child.stdin.take().unwrap().write_all(&commands).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let count: usize = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    assert!(count > 60, "{count} commands");
}
