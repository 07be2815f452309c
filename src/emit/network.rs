//! What a proposal for a network says besides its changes, the same in each language.

use crate::fix::{NetworkChange, NetworkProposal};

/// How many targets are named.
const EXAMPLES: usize = 10;

/// What a person should know before making the changes, as sentences without a final period.
pub(super) fn notes(proposal: &NetworkProposal) -> Vec<String> {
    let NetworkProposal { region, vpc, targets, redirects, services, .. } = proposal;
    let mut notes = vec![format!("The network of VPC `{vpc}` in {region}, which opens the path of {}", some(targets))];
    if creates_interface_endpoints(proposal) {
        notes.push(format!(
            "Interface endpoints are billed by the hour and zone ({} here), and by the data that they process",
            match proposal.billed_zones() {
                1 => "1 network interface".to_owned(),
                interfaces => format!("{interfaces} network interfaces"),
            }
        ));
    }
    if !services.is_empty() {
        let services: Vec<String> = services.iter().map(|service| format!("`{}`", service.name())).collect();
        notes.push(format!(
            "The names of {} then lead to the endpoints in all subnets of the VPC that resolve them: {}. Whatever there is in \
             security groups that the endpoints do not admit loses its path to these services",
            services.join(", "),
            redirects.iter().map(|subnet| format!("`{subnet}`")).collect::<Vec<_>>().join(", ")
        ));
    }
    notes
}

fn creates_interface_endpoints(proposal: &NetworkProposal) -> bool {
    proposal.changes.iter().any(|change| matches!(change, NetworkChange::CreateInterfaceEndpoint { .. }))
}

fn some(targets: &[String]) -> String {
    let named: Vec<String> = targets.iter().take(EXAMPLES).map(|target| format!("`{target}`")).collect();
    match targets.len().saturating_sub(EXAMPLES) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What the created security group says of itself: a description may hold few characters, and no backtick
/// ([CreateSecurityGroup](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html)).
pub(super) const GROUP_DESCRIPTION: &str = "VPC endpoints for Session Manager";
