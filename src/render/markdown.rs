//! The report as GitHub Markdown, for a comment on a pull request.

use super::page;
use super::sanitize::{markdown, terminal, word};
use super::words::{self, Place, Words};
use crate::report::{DecidedBy, Finding, Known, Outcome, Permission, Report, Severity, Shared, Verdict};

/// GitHub refuses a comment of more characters. Bytes are counted, which errs on the safe side.
const COMMENT_LIMIT: usize = 65_536;

/// How far the table may go, so that it leaves room for the reasons.
const TABLE_LIMIT: usize = COMMENT_LIMIT / 2;

/// How far the sections may go, so that the notes at the end find room.
const SECTION_LIMIT: usize = COMMENT_LIMIT - 4096;

/// The report as a comment: a summary, a table, and a section for each target that has something wrong, worst first.
///
/// What would make the comment too long is left out, and the comment says how much that was.
pub fn render(report: &Report) -> String {
    let mut outcomes: Vec<&Outcome> = report.results.iter().collect();
    outcomes.sort_by_key(|outcome| rank(outcome.verdict));
    let mut page = summary_line(report);
    if outcomes.is_empty() {
        return page;
    }

    page.push_str("\n| Target | Name | Verdict | Main reason |\n|---|---|---|---|\n");
    let left_out = append(&mut page, outcomes.iter().map(|outcome| row(outcome)), TABLE_LIMIT);
    note_left_out(&mut page, left_out, "targets");

    let concerned = outcomes.iter().filter(|outcome| has_section(outcome));
    let left_out = append(&mut page, concerned.map(|outcome| section(outcome)), SECTION_LIMIT);
    note_left_out(&mut page, left_out, "sections");

    append(&mut page, not_checked(report), COMMENT_LIMIT);
    page
}

/// The last line: whose credentials read the facts.
pub fn closing(by: Option<&str>) -> String {
    by.map(|by| format!("\n{}\n", prose(by))).unwrap_or_default()
}

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NotReady => 0,
        Verdict::Unknown => 1,
        Verdict::Ready => 2,
        Verdict::Skipped => 3,
    }
}

fn label(outcome: &Outcome) -> String {
    let verdict = match outcome.verdict {
        Verdict::NotReady => "❌ not ready",
        Verdict::Unknown => "❔ unknown",
        Verdict::Ready => "✅ ready",
        Verdict::Skipped => "➖ skipped",
    };
    format!("{verdict}{}", words::known_mark(outcome.is_known()))
}

/// Appends the pieces that fit, and answers how many did not.
fn append(page: &mut String, pieces: impl IntoIterator<Item = String>, limit: usize) -> usize {
    let mut left_out = 0;
    for piece in pieces {
        if page.len() + piece.len() <= limit {
            page.push_str(&piece);
        } else {
            left_out += 1;
        }
    }
    left_out
}

fn note_left_out(page: &mut String, left_out: usize, what: &str) {
    if left_out > 0 {
        page.push_str(&format!(
            "\n_{left_out} {what} were left out to fit into a comment. `--output json` has all of them._\n"
        ));
    }
}

fn summary_line(report: &Report) -> String {
    let summary = report.summary();
    let mut line = format!("**Session Manager: {} of {} ready**", summary.ready, summary.checked);
    for (count, what) in [(summary.not_ready, "not ready"), (summary.unknown, "unknown"), (summary.skipped, "skipped")]
    {
        if count > 0 {
            line.push_str(&format!(", {count} {what}"));
        }
    }
    if summary.known > 0 {
        line.push_str(&format!("; {} {}", summary.known, words::FROM_BASELINE));
    }
    line.push('\n');
    line
}

fn row(outcome: &Outcome) -> String {
    let name = instance_name(outcome).map(markdown).unwrap_or_default();
    let reason = main_reason(outcome)
        .map(|finding| prose(&words::finding(finding, &Place::of(outcome)).message))
        .unwrap_or_default();
    format!("| {} | {name} | {} | {reason} |\n", code(&outcome.target), label(outcome))
}

fn instance_name(outcome: &Outcome) -> Option<&str> {
    outcome.instance.as_ref()?.name.as_deref()
}

/// The finding that made the verdict; of a ready target, the worst that is more than a hint.
fn main_reason(outcome: &Outcome) -> Option<&Finding> {
    let mut findings = outcome.findings.iter().map(Shared::as_ref);
    match outcome.verdict {
        Verdict::NotReady | Verdict::Unknown => outcome.deciding().or(findings.next()),
        Verdict::Ready => findings.find(|finding| finding.severity() <= Severity::Warning),
        Verdict::Skipped => findings.next(),
    }
}

fn has_section(outcome: &Outcome) -> bool {
    match outcome.verdict {
        Verdict::NotReady | Verdict::Unknown => true,
        Verdict::Ready => main_reason(outcome).is_some(),
        Verdict::Skipped => false,
    }
}

fn section(outcome: &Outcome) -> String {
    let mut section = format!("\n### {}", code(&outcome.target));
    if let Some(name) = outcome.other_name() {
        section.push_str(&format!(" ({})", markdown(name)));
    }
    section.push_str(&format!(": {}\n", label(outcome)));

    let facts = facts(outcome);
    if !facts.is_empty() {
        section.push_str(&format!("\n{}\n", facts.join(", ")));
    }
    if !outcome.findings.is_empty() {
        section.push('\n');
        section.extend(outcome.findings_for_people().map(|(finding, known)| item(outcome, finding, known)));
    }
    if !outcome.permissions.is_empty() {
        section.push_str("\n<details><summary>Permissions</summary>\n\n");
        section.push_str("| Action | Resource | Needed for | Decision | Decided by | Depends on |\n");
        section.push_str("|---|---|---|---|---|---|\n");
        section.extend(outcome.permissions.iter().map(|permission| permission_row(permission)));
        section.push_str("\n</details>\n");
    }
    section
}

fn facts(outcome: &Outcome) -> Vec<String> {
    let profile = outcome.instance_profile.as_ref().and_then(|profile| profile.arn.as_ref().or(profile.id.as_ref()));
    let role = outcome.role.as_ref().map(|role| role.arn.as_ref().unwrap_or(&role.name));
    let file = outcome.source.as_ref().map(|source| &source.file);
    [
        ("file", file),
        ("Account", outcome.account.as_ref()),
        ("Region", outcome.region.as_ref()),
        ("instance profile", profile),
        ("role", role),
    ]
    .into_iter()
    .filter_map(|(what, value)| value.map(|value| format!("{what} {}", code(value))))
    .collect()
}

fn item(outcome: &Outcome, finding: &Finding, known: Option<&Known>) -> String {
    let Words { message, remedy } = words::finding(finding, &Place::of(outcome));
    let mut item = format!("- **{}** `{}`: {}", word(&finding.severity()), word(&finding.code()), prose(&message));
    if !remedy.is_empty() {
        item.push_str(&format!("<br>**Remedy:** {}", prose(&remedy)));
    }
    if let Some(known) = known {
        item.push_str(&format!("<br>**Known:** {}", markdown(&words::known(known))));
    }
    item.push('\n');
    item
}

fn permission_row(permission: &Permission) -> String {
    let decided_by: Vec<String> = permission.decided_by.iter().map(decider).collect();
    let depends_on: Vec<String> = permission.depends_on.iter().map(|key| code(key)).collect();
    format!(
        "| {} | {} | {} | {} | {} | {} |\n",
        code(&permission.action),
        code(&permission.resource),
        word(&permission.needed_for).replace('_', " "),
        word(&permission.decision).replace('_', " "),
        decided_by.join("<br>"),
        depends_on.join("<br>"),
    )
}

/// A policy and its statement: by Sid, else by number from 0 as in the JSON report.
fn decider(decider: &DecidedBy) -> String {
    let mut text = format!("{} ({}", code(&decider.policy), word(&decider.kind));
    match (&decider.sid, decider.statement) {
        (Some(sid), _) => text.push_str(&format!(", statement {}", code(sid))),
        (None, Some(number)) => text.push_str(&format!(", statement {number}")),
        (None, None) => {}
    }
    text.push(')');
    text
}

fn not_checked(report: &Report) -> Option<String> {
    let lines = page::not_checked(report);
    if lines.is_empty() {
        return None;
    }
    let items: String = lines.into_iter().map(|line| format!("- {}\n", prose(&line))).collect();
    Some(format!("\n<details><summary>Not checked</summary>\n\n{items}\n</details>\n"))
}

/// A sentence in which what stands in backticks becomes code.
///
/// A backtick in a name from outside may shift where code begins and ends, but both halves are made safe.
fn prose(text: &str) -> String {
    let mut pieces = text.split('`');
    let mut safe = pieces.next().map(markdown).unwrap_or_default();
    while let Some(inside) = pieces.next() {
        match pieces.next() {
            Some(after) if !inside.is_empty() => {
                safe.push_str(&code(inside));
                safe.push_str(&markdown(after));
            }
            Some(after) => {
                safe.push_str(&markdown("``"));
                safe.push_str(&markdown(after));
            }
            // Never closed.
            None => {
                safe.push_str(&markdown("`"));
                safe.push_str(&markdown(inside));
            }
        }
    }
    safe
}

/// A name as code. The short form serves where the text has nothing that ends it early.
fn code(text: &str) -> String {
    let visible = terminal(text);
    if visible.is_empty() || visible.contains(['`', '|', '\\']) || visible.trim() != visible {
        format!("<code>{}</code>", markdown(text))
    } else {
        format!("`{visible}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Code, Decision, InstanceSummary, NeededFor, PolicyKind, ProfileSummary, RoleSummary};

    fn outcome(target: &str, name: Option<&str>, verdict: Verdict, findings: Vec<Finding>) -> Outcome {
        Outcome {
            instance: Some(InstanceSummary { id: Some(target.to_owned()), name: name.map(str::to_owned), state: None }),
            not_checked: vec![crate::report::NotChecked::NetworkPath].into(),
            ..super::super::sample::outcome(target, verdict, findings)
        }
    }

    fn finding(code: Code, severity: Severity, message: &str, remedy: &str) -> Finding {
        Finding::sample(code, severity, message, remedy)
    }

    fn denied(policy: &str, sid: Option<&str>) -> Permission {
        Permission {
            action: "ssmmessages:CreateDataChannel".to_owned(),
            resource: "*".to_owned(),
            needed_for: NeededFor::Core,
            decision: Decision::ExplicitDeny,
            decided_by: vec![DecidedBy {
                policy: policy.to_owned(),
                kind: PolicyKind::Managed,
                sid: sid.map(str::to_owned),
                statement: Some(0),
            }],
            depends_on: vec!["aws:SourceVpce".to_owned()],
            required: true,
        }
    }

    /// The cells of a table row, by the rule of GitHub's tables: a pipe divides unless a backslash is before it.
    fn cells(row: &str) -> usize {
        row.matches('|').count() - 1
    }

    #[test]
    fn a_fleet() {
        let mut broken = outcome(
            "i-0bbb",
            None,
            Verdict::NotReady,
            vec![
                finding(
                    Code::ExplicitDeny,
                    Severity::Error,
                    "`NoShell` denies `ssmmessages:*`",
                    "take the statement out of `NoShell`",
                ),
                finding(Code::InstanceNotRunning, Severity::Warning, "the instance is stopped", ""),
            ],
        );
        broken.instance_profile = Some(ProfileSummary { arn: None, id: Some("AIPAEXAMPLE".to_owned()) });
        broken.role = Some(RoleSummary { arn: None, name: "web_role".to_owned() }.into());
        broken.permissions = vec![denied("NoShell", None).into()];
        let unreadable = finding(Code::AccessDenied, Severity::Warning, "iam:GetRolePolicy was denied", "allow it")
            .that_leaves_unknown();
        let report = Report::from(vec![
            outcome("i-0aaa", Some("web-1"), Verdict::Ready, vec![]),
            broken,
            outcome("i-0ccc", Some("db"), Verdict::Unknown, vec![unreadable]),
            outcome("i-0ddd", None, Verdict::Skipped, vec![]),
        ]);
        insta::assert_snapshot!(render(&report), @r#"
        **Session Manager: 1 of 4 ready**, 1 not ready, 1 unknown, 1 skipped

        | Target | Name | Verdict | Main reason |
        |---|---|---|---|
        | `i-0bbb` |  | ❌ not ready | `NoShell` denies `ssmmessages:*` |
        | `i-0ccc` | db | ❔ unknown | iam:GetRolePolicy was denied |
        | `i-0aaa` | web-1 | ✅ ready |  |
        | `i-0ddd` |  | ➖ skipped |  |

        ### `i-0bbb`: ❌ not ready

        Account `111122223333`, Region `us-east-1`, instance profile `AIPAEXAMPLE`, role `web_role`

        - **error** `explicit-deny`: `NoShell` denies `ssmmessages:*`<br>**Remedy:** take the statement out of `NoShell`
        - **warning** `instance-not-running`: the instance is stopped

        <details><summary>Permissions</summary>

        | Action | Resource | Needed for | Decision | Decided by | Depends on |
        |---|---|---|---|---|---|
        | `ssmmessages:CreateDataChannel` | `*` | core | explicit deny | `NoShell` (managed, statement 0) | `aws:SourceVpce` |

        </details>

        ### `i-0ccc` (db): ❔ unknown

        Account `111122223333`, Region `us-east-1`

        - **warning** `access-denied`: iam:GetRolePolicy was denied<br>**Remedy:** allow it

        <details><summary>Not checked</summary>

        - the network path to the Systems Manager endpoints, and VPC endpoint policies

        </details>
        "#);
    }

    #[test]
    fn nothing_checked_has_no_table() {
        assert_eq!(render(&Report::from(vec![])), "**Session Manager: 0 of 0 ready**\n");
    }

    #[test]
    fn a_ready_target_with_a_warning_says_its_remedy() {
        let warning = finding(Code::ConditionalPermission, Severity::Warning, "hangs on a key", "give `--context`");
        let page = render(&Report::from(vec![outcome("i-0aaa", None, Verdict::Ready, vec![warning])]));
        assert!(page.contains("| `i-0aaa` |  | ✅ ready | hangs on a key |\n"), "{page}");
        assert!(page.contains("<br>**Remedy:** give `--context`\n"), "{page}");
    }

    #[test]
    fn backticks_make_code_and_stray_ones_stay() {
        for (text, safe) in [
            ("a `b*c` d*", "a `b*c` d&#42;"),
            ("`a` and `b`", "`a` and `b`"),
            ("stray ` <b>", "stray &#96; &lt;b&gt;"),
            ("empty `` here", "empty &#96;&#96; here"),
            ("`a|b` `c\nd`", "<code>a&#124;b</code> <code>c&#92;nd</code>"),
            ("` @team `", "<code> @<!-- -->team </code>"),
        ] {
            assert_eq!(prose(text), safe);
        }
    }

    #[test]
    fn hostile_strings_stay_in_their_cell() {
        for hostile in [
            "a | b\n| c |",
            "`|`|` <img src=x> </details>",
            "\\| \\\\|",
            "```\n# title\n@octocat #1 [x](javascript:1)",
            "\u{202e}\u{200b}\u{1b}[2J\u{2028}",
            "]]></testcase>",
            "",
        ] {
            let mut outcome = outcome(
                hostile,
                Some(hostile),
                Verdict::NotReady,
                vec![finding(Code::ExplicitDeny, Severity::Error, hostile, &format!("`{hostile}`"))],
            );
            outcome.permissions = vec![denied(hostile, Some(hostile)).into()];
            let page = render(&Report::from(vec![outcome]));
            let rows: Vec<_> = page.lines().filter(|line| line.starts_with('|')).map(cells).collect();
            assert_eq!(rows, [4, 4, 4, 6, 6, 6], "{page}");
            assert_eq!(page.matches("<details>").count(), 2, "{page}");
            assert_eq!(page.matches("</details>").count(), 2, "{page}");
            assert_eq!(page.lines().filter(|line| line.starts_with('#')).count(), 1, "{page}");
            assert!(!page.contains("<img") && !page.contains("@octocat"), "{page}");
            assert!(!page.contains(['\u{202e}', '\u{200b}', '\u{1b}', '\u{2028}']), "{page}");
        }
    }

    #[test]
    fn a_fleet_too_large_for_a_comment_is_cut_and_says_so() {
        let error = || finding(Code::NoInstanceProfile, Severity::Error, "it has no instance profile", "attach one");
        let ready = (0..2000).map(|number| outcome(&format!("i-{number:017}"), None, Verdict::Ready, vec![]));
        let broken =
            (2000..4000).map(|number| outcome(&format!("i-{number:017}"), None, Verdict::NotReady, vec![error()]));
        let page = render(&Report::from(ready.chain(broken).collect::<Vec<_>>()));
        assert!(page.len() <= COMMENT_LIMIT, "{}", page.len());
        assert!(page.starts_with("**Session Manager: 2000 of 4000 ready**, 2000 not ready\n"));
        assert!(page.contains(" targets were left out to fit into a comment. `--output json` has all of them._\n"));
        assert!(page.contains(" sections were left out to fit into a comment. `--output json` has all of them._\n"));
        assert!(page.contains("### `i-00000000000002000`"));
        assert!(page.ends_with("</details>\n"));
    }
}
