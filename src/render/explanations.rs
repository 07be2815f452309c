//! The pages about the findings: what each means, how to see it by hand, what to do.

use super::page::{DIM, STRONG, fold};
use super::sanitize::word;
use crate::report::Code;

/// The page about a finding, as Markdown.
pub fn page(code: Code) -> &'static str {
    macro_rules! of {
        ($name:literal) => {
            include_str!(concat!("../../docs/findings/", $name, ".md"))
        };
    }
    match code {
        Code::NoInstanceProfile => of!("no-instance-profile"),
        Code::InstanceProfileMissing => of!("instance-profile-missing"),
        Code::InstanceProfileStale => of!("instance-profile-stale"),
        Code::InstanceProfileEmpty => of!("instance-profile-empty"),
        Code::AssociationPending => of!("association-pending"),
        Code::RoleMissing => of!("role-missing"),
        Code::TrustPolicy => of!("trust-policy"),
        Code::MissingPermission => of!("missing-permission"),
        Code::OptionalPermission => of!("optional-permission"),
        Code::ExplicitDeny => of!("explicit-deny"),
        Code::BlockedByBoundary => of!("blocked-by-boundary"),
        Code::BlockedByScp => of!("blocked-by-scp"),
        Code::BlockedByRcp => of!("blocked-by-rcp"),
        Code::ConditionalPermission => of!("conditional-permission"),
        Code::InvalidPolicy => of!("invalid-policy"),
        Code::MetadataDisabled => of!("metadata-disabled"),
        Code::InstanceNotRunning => of!("instance-not-running"),
        Code::InstanceTerminated => of!("instance-terminated"),
        Code::InstanceNotFound => of!("instance-not-found"),
        Code::AccessDenied => of!("access-denied"),
        Code::AwsError => of!("aws-error"),
        Code::KmsKeyPolicy => of!("kms-key-policy"),
        Code::ManagedByDhmc => of!("managed-by-dhmc"),
        Code::DhmcFallbackOff => of!("dhmc-fallback-off"),
        Code::SessionLogs => of!("session-logs"),
        Code::AgentOffline => of!("agent-offline"),
        Code::AgentOutdated => of!("agent-outdated"),
        Code::NoNetworkPath => of!("no-network-path"),
        Code::SecurityGroupBlocks => of!("security-group-blocks"),
        Code::NetworkAclBlocks => of!("network-acl-blocks"),
        Code::EndpointDns => of!("endpoint-dns"),
        Code::EndpointPolicy => of!("endpoint-policy"),
        Code::NetworkUnknown => of!("network-unknown"),
        Code::NotConnected => of!("not-connected"),
        Code::NotInPlan => of!("not-in-plan"),
    }
}

/// Where the page about a finding can be read: in the repository, as of this version, once the manifest says where that is; until then
/// what AWS has on it, which the page names first.
pub fn address(code: Code) -> String {
    address_in(env!("CARGO_PKG_REPOSITORY"), code)
}

fn address_in(repository: &str, code: Code) -> String {
    if repository.is_empty() {
        let links = page(code).lines().filter_map(|line| line.strip_prefix("- <")?.strip_suffix('>'));
        return links.take(1).collect();
    }
    format!("{repository}/blob/v{}/docs/findings/{}.md", env!("CARGO_PKG_VERSION"), word(&code))
}

/// A page for a terminal of this many columns, with ANSI styles.
pub fn for_terminal(markdown: &str, width: usize) -> String {
    let width = Some(width);
    let mut text = String::with_capacity(markdown.len());
    for block in markdown.split("\n\n") {
        if !text.is_empty() {
            text.push('\n');
        }
        let block = block.trim_matches('\n');
        if let Some(title) = block.strip_prefix("# ").or(block.strip_prefix("## ")) {
            text.push_str(&format!("{STRONG}{title}{STRONG:#}\n"));
        } else if let Some(commands) = block.strip_prefix("```sh\n").and_then(|rest| rest.strip_suffix("\n```")) {
            // What is pasted stays as it is.
            commands.lines().for_each(|line| text.push_str(&format!("  {DIM}{line}{DIM:#}\n")));
        } else if block.starts_with("- ") {
            let items = block.split("\n- ").map(|item| item.trim_start_matches("- "));
            // The brackets make it a link in a book; a terminal finds an address by itself.
            let items =
                items.map(|item| item.strip_prefix('<').and_then(|link| link.strip_suffix('>')).unwrap_or(item));
            items.for_each(|item| fold(&mut text, width, ["- ", "  "], &one_line(item)));
        } else {
            fold(&mut text, width, ["", ""], &one_line(block));
        }
    }
    text
}

/// A paragraph without the line breaks of its source.
fn one_line(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_page_with_all_of_its_parts() {
        for code in Code::ALL {
            let page = page(code);
            let titles: Vec<&str> = page.lines().filter(|line| line.starts_with('#')).collect();
            let title = format!("# {}", word(&code));
            assert_eq!(titles, [title.as_str(), "## See it by hand", "## What to do", "## More"], "{page}");
            assert!(page.lines().all(|line| line.chars().count() <= 140), "{page}");
            assert!(page.contains("\n- <https://docs.aws.amazon.com/"), "{page}");
        }
    }

    #[test]
    fn each_page_has_an_address() {
        let page = |repository, code| address_in(repository, code);
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            page("https://git.example/team/ssm-profile", Code::TrustPolicy),
            format!("https://git.example/team/ssm-profile/blob/v{version}/docs/findings/trust-policy.md")
        );
        assert!(Code::ALL.iter().all(|code| page("", *code).starts_with("https://docs.aws.amazon.com/")));
    }

    #[test]
    fn a_page_fits_its_terminal_and_its_commands_stay_as_they_are() {
        let markdown = "# x\n\nOne two\nthree.\n\n```sh\naws a b \\\n  --c\n```\n\n- First of\n  the items.\n- <https://a.example/b>\n";
        let text = for_terminal(markdown, 40);
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            plain,
            "x\n\nOne two three.\n\n  aws a b \\\n    --c\n\n- First of the items.\n- https://a.example/b\n"
        );
    }
}
