//! What packages and releases are made from agrees with itself. Packages are built and installed by packaging/test.sh.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::de::{DeTable, DeValue};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands at a path of keys in a TOML file.
fn at<'t>(table: &'t DeTable<'_>, keys: &[&str]) -> Option<&'t DeValue<'t>> {
    let (key, rest) = keys.split_first()?;
    let value = table.get(*key)?.get_ref();
    if rest.is_empty() { Some(value) } else { at(value.as_table()?, rest) }
}

fn text<'t>(table: &'t DeTable<'_>, keys: &[&str]) -> &'t str {
    at(table, keys).and_then(DeValue::as_str).unwrap_or_else(|| panic!("Cargo.toml has no {keys:?}"))
}

/// The direct dependencies in a manifest; `dev` has those of tests and benchmarks.
fn dependencies(manifest: &DeTable<'_>, dev: bool) -> BTreeSet<String> {
    let section = if dev { "dev-dependencies" } else { "dependencies" };
    let targets = manifest.get("target").and_then(|targets| targets.get_ref().as_table());
    let of_targets = targets.into_iter().flat_map(|targets| targets.iter().map(|(_, value)| value.get_ref()));
    let tables = of_targets.filter_map(DeValue::as_table).chain([manifest]);
    let named = tables.filter_map(|table| table.get(section)?.get_ref().as_table());
    named.flat_map(|table| table.iter().map(|(name, _)| name.get_ref().to_string())).collect()
}

/// The first column of the tables in CONTRIBUTING.md whose head names a crate.
fn explained(crate_name: &str, dev: bool) -> BTreeSet<String> {
    let contributing = read("CONTRIBUTING.md");
    let mut names = BTreeSet::new();
    let mut taken = false;
    for line in contributing.lines() {
        let Some((first, why)) = line.strip_prefix("| `").and_then(|row| row.split_once(" | ")) else {
            taken = taken && line.starts_with('|');
            continue;
        };
        let (name, rest) = first.split_once('`').unwrap();
        if why == "why |" {
            taken = name == crate_name && dev == rest.contains("only");
        } else if taken {
            assert!(why.len() > " |".len(), "{line}");
            assert!(names.insert(name.to_owned()), "twice: {line}");
        }
    }
    names
}

#[test]
fn every_direct_dependency_is_explained() {
    let members = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path().join("Cargo.toml"));
    let manifests: Vec<PathBuf> = members.chain(["Cargo.toml", "fuzz/Cargo.toml"].map(|it| root().join(it))).collect();
    for path in manifests {
        let manifest = fs::read_to_string(&path).unwrap();
        let manifest = DeTable::parse(&manifest).unwrap().into_inner();
        let name = text(&manifest, &["package", "name"]);
        let (named, tests) = (dependencies(&manifest, false), dependencies(&manifest, true));
        // Small crates have one table for both.
        let (rows, test_rows) = (explained(name, false), explained(name, true));
        if test_rows.is_empty() {
            assert_eq!(rows, &named | &tests, "{name}: CONTRIBUTING.md and {}", path.display());
        } else {
            assert_eq!(rows, named, "{name}: CONTRIBUTING.md and {}", path.display());
            assert_eq!(test_rows, tests, "{name}: CONTRIBUTING.md and {}", path.display());
        }
    }
}

/// `cargo deny` holds the list against the versions too; it needs the network.
#[test]
fn every_second_version_of_a_crate_has_its_reason() {
    let lock = read("Cargo.lock");
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for name in lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')) {
        *versions.entry(name).or_default() += 1;
    }
    let several = versions.iter().filter(|(_, count)| **count > 1).map(|(name, count)| (*name, count - 1));
    let deny = read("deny.toml");
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for row in deny.lines().filter_map(|line| line.trim().strip_prefix("{ crate = \"")) {
        assert!(row.split_once("reason = \"").is_some_and(|(_, reason)| !reason.starts_with('"')), "{row}");
        *reasons.entry(row.split('@').next().unwrap()).or_default() += 1;
    }
    assert_eq!(reasons, several.collect());
}

/// The targets that are released.
fn targets() -> BTreeSet<String> {
    let workflow = read(".github/workflows/release.yml");
    let rows = workflow.lines().filter_map(|line| line.trim().strip_prefix("- { target: "));
    rows.map(|row| row.split([',', ' ']).next().unwrap().to_owned()).collect()
}

#[test]
fn archives_have_the_names_under_which_they_are_looked_for() {
    let targets = targets();
    assert_eq!(targets.len(), 8, "{targets:?}");
    let script = read("packaging/archive.sh");
    assert!(script.contains("\nname=ssm-profile-$version-$target\n"));

    let cargo = read("Cargo.toml");
    let cargo = DeTable::parse(&cargo).unwrap().into_inner();
    let version = text(&cargo, &["package", "version"]);
    let binstall = |keys: &[&str]| text(&cargo, &[&["package", "metadata", "binstall"], keys].concat()).to_owned();
    for target in &targets {
        let filled = |template: String| {
            let template = template.replace("{ version }", version).replace("{ target }", target);
            template.replace("{ name }", "ssm-profile").replace("{ bin }", "ssm-profile")
        };
        let name = format!("ssm-profile-{version}-{target}");
        let windows = target.contains("windows");
        let (url, suffix) = match windows {
            true => (binstall(&["overrides", "cfg(windows)", "pkg-url"]), "zip"),
            false => (binstall(&["pkg-url"]), "tar.gz"),
        };
        assert_eq!(filled(url), format!("{{ repo }}/releases/download/v{version}/{name}.{suffix}"));
        assert!(script.contains(&format!("\"$dist/$name.{suffix}\"")), "{suffix}");
        assert_eq!(filled(binstall(&["bin-dir"])), format!("{name}/ssm-profile{{ binary-ext }}"));
    }

    let formula = read("packaging/ssm-profile.rb.in");
    let parts: Vec<&str> = formula.split("url \"@URL@-").skip(1).collect();
    assert_eq!(parts.len(), 4);
    for part in parts {
        let target = part.split_once(".tar.gz\"").unwrap().0;
        assert!(targets.contains(target), "{target}");
        assert!(part.contains(&format!("sha256 \"@SHA256:{target}@\"")), "{target}");
    }
}

#[test]
fn packages_take_files_that_are_there_and_all_that_is_printed_for_them() {
    let cargo = read("Cargo.toml");
    let cargo = DeTable::parse(&cargo).unwrap().into_inner();
    for format in ["deb", "generate-rpm"] {
        let assets = at(&cargo, &["package", "metadata", format, "assets"]).and_then(DeValue::as_array).unwrap();
        let source = |asset: &DeValue<'_>| match asset {
            DeValue::Array(parts) => parts[0].get_ref().as_str().unwrap().to_owned(),
            DeValue::Table(table) => text(table, &["source"]).to_owned(),
            _ => panic!("{format}: {asset:?}"),
        };
        let sources: Vec<String> = assets.iter().map(|asset| source(asset.get_ref())).collect();
        for made in ["release/ssm-profile", "packaging/man/*.1"] {
            assert!(sources.contains(&format!("target/{made}")), "{format}: {made}");
        }
        let script = read("packaging/documents.sh");
        for file in ["ssm-profile.bash", "_ssm-profile", "ssm-profile.fish"] {
            assert!(sources.contains(&format!("target/packaging/completions/{file}")), "{format}: {file}");
            assert!(script.contains(&format!("\"$completions/{file}\"")), "{file}");
        }
        for source in sources.iter().filter(|source| !source.starts_with("target/")) {
            let path = root().join(source.trim_end_matches("*.md").trim_end_matches("*.json"));
            assert!(path.exists(), "{format}: {source}");
        }
        // The README leads to nothing that is not beside it.
        let readme = read("README.md");
        for link in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let page = link.split('#').next().unwrap();
            let wanted = page.rsplit_once('/').map_or(page.to_owned(), |(directory, _)| format!("{directory}/*.md"));
            assert!(page.starts_with("https:") || sources.contains(&wanted), "{format}: {page}");
        }
    }
}

/// Runs a script of packaging/ in a directory.
fn script(directory: &Path, name: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let run = Command::new("bash").arg(directory.join("packaging").join(name)).args(arguments).output();
    let run = run.expect("bash starts");
    (run.status.code(), String::from_utf8([run.stdout, run.stderr].concat()).unwrap())
}

#[test]
fn the_scripts_know_the_version() {
    assert_eq!(script(root(), "version.sh", &[]), (Some(0), format!("{}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn what_a_release_lacks_is_said_until_it_is_there() {
    const REPOSITORY: &str = "https://example.com/authors/ssm-profile";
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("packaging")).unwrap();
    for name in ["check-release.sh", "version.sh"] {
        fs::copy(root().join("packaging").join(name), copy.path().join("packaging").join(name)).unwrap();
    }
    let version = env!("CARGO_PKG_VERSION");
    let manifest = |repository: &str, maintainer: &str| {
        let text = format!(
            "[package]\nversion = \"{version}\"\n{repository}\n[package.metadata.deb]\nmaintainer = \"{maintainer}\"\n"
        );
        fs::write(copy.path().join("Cargo.toml"), text).unwrap();
    };
    manifest("", "The authors");
    fs::write(copy.path().join("CHANGELOG.md"), format!("## {version} - unreleased\n")).unwrap();
    let (code, said) = script(copy.path(), "check-release.sh", &["v9.9.9", REPOSITORY]);
    assert_eq!((code, said.matches("error: ").count()), (Some(1), 4), "{said}");
    for missing in ["v9.9.9", REPOSITORY, "maintainer", "CHANGELOG.md"] {
        assert!(said.contains(missing), "{missing}: {said}");
    }
    manifest(&format!("repository = \"{REPOSITORY}\""), "The authors <authors@example.com>");
    fs::write(copy.path().join("CHANGELOG.md"), format!("## {version} - 2026-12-01\n")).unwrap();
    let tag = format!("v{version}");
    assert_eq!(script(copy.path(), "check-release.sh", &[&tag, REPOSITORY]), (Some(0), String::new()));
}

/// Git on Windows otherwise ends lines with CR LF, with which no script runs, and the pages of `explain` have no paragraphs.
#[test]
fn lines_end_alike_everywhere() {
    assert!(read(".gitattributes").lines().any(|line| line == "* text=auto eol=lf"));
}

/// Without it, one that the lock file brings in would be optimized for speed, which is several times as large.
#[test]
fn every_crate_of_the_sdk_is_optimized_for_size() {
    let cargo = read("Cargo.toml");
    let cargo = DeTable::parse(&cargo).unwrap().into_inner();
    let lock = read("Cargo.lock");
    let names: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = \"aws-sdk-")).collect();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        let name = format!("aws-sdk-{}", name.trim_end_matches('"'));
        text(&cargo, &["profile", "release", "package", &name, "opt-level"]);
    }
}

#[test]
fn actions_are_pinned_to_commits() {
    for entry in fs::read_dir(root().join(".github/workflows")).unwrap() {
        let path = entry.unwrap().path();
        let workflow = fs::read_to_string(&path).unwrap();
        let used: Vec<&str> = workflow.lines().filter_map(|line| line.split_once("uses: ").map(|it| it.1)).collect();
        assert!(!used.is_empty(), "{}", path.display());
        for action in used {
            let (commit, version) = action.split_once('@').and_then(|it| it.1.split_once(" # v")).unwrap_or_default();
            let pinned = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(pinned && !version.is_empty(), "{}: {action}", path.display());
        }
    }
}

#[test]
fn a_new_user_gets_what_the_readme_shows() {
    let script = root().join("packaging/first-run.sh");
    let run = Command::new("sh").arg(script).arg(env!("CARGO_BIN_EXE_ssm-profile")).output().expect("sh starts");
    let both = [&run.stdout[..], &run.stderr[..]].concat();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&both));
}
