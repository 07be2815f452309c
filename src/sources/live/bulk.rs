//! The IAM facts of a whole account at once, for when many roles are in play.
//!
//! `GetAccountAuthorizationDetails` gives every role with its trust policy, inline policies, boundary, tags and profiles, and the
//! documents of managed policies, up to a thousand a page. What it does not give is read one by one as for a single check:
//! a profile without a role, a policy that is nothing but a boundary.
//! Source: [GetAccountAuthorizationDetails](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, RoleDetail};
use futures::future::try_join3;

use super::iam::ProfileReading;
use super::reader::Reader;
use super::role::{self, RoleReading};
use crate::aws::Failure;
use crate::aws::pages::{marker, pages};
use crate::facts::ManagedPolicy;

const API: &str = "iam:GetAccountAuthorizationDetails";

/// The largest page.
const PAGE: i32 = 1000;

/// With more profiles in play than this the whole account is read at once: a role alone costs as many calls.
pub(super) const FEW: usize = 3;

/// The roles, their profiles and the managed policies of an account.
#[derive(Default)]
pub(super) struct Inventory {
    profiles: BTreeMap<String, ProfileReading>,
    roles: BTreeMap<String, RoleReading>,
    policies: BTreeMap<String, ManagedPolicy>,
    /// The roles that were told of.
    told: BTreeSet<String>,
}

impl Inventory {
    /// The profile of this name, if a role is in it.
    pub(super) fn profile(&self, name: &str) -> Option<ProfileReading> {
        self.profiles.get(&name.to_lowercase()).cloned()
    }

    /// The role of this name.
    pub(super) fn role(&self, name: &str) -> Option<RoleReading> {
        self.roles.get(&name.to_lowercase()).cloned()
    }

    /// The managed policy with this ARN.
    pub(super) fn policy(&self, arn: &str) -> Option<ManagedPolicy> {
        self.policies.get(arn).cloned()
    }

    /// Takes in a role and the profiles that hold it. One that is not told in full is left out, and read by itself.
    fn add_role(&mut self, detail: &RoleDetail) {
        let Some((name, reading)) = detail.role_name().zip(role::from_details(detail)) else { return };
        // One that is told twice, in parts perhaps, is read by itself too.
        if !self.told.insert(name.to_lowercase()) {
            self.roles.remove(&name.to_lowercase());
            return;
        }
        for profile in detail.instance_profile_list() {
            if let Some(reading) = ProfileReading::of_role(profile, &reading) {
                // Names are unique whatever their case.
                self.profiles.insert(profile.instance_profile_name().to_lowercase(), reading);
            }
        }
        self.roles.insert(name.to_lowercase(), reading);
    }

    fn add_policy(&mut self, detail: &ManagedPolicyDetail) {
        let version = detail.default_version_id().filter(|version| !version.is_empty());
        let Some((arn, version)) = detail.arn().zip(version) else { return };
        let versions = detail.policy_version_list().iter();
        let default = versions.filter(|found| found.version_id() == Some(version)).find_map(|found| found.document());
        if let Some(document) = role::document(default) {
            let policy = ManagedPolicy { version: version.to_owned(), document, shipped: None };
            self.policies.insert(arn.to_owned(), policy);
        }
    }
}

/// Reads a whole account.
pub(super) async fn inventory(reader: &Reader<'_>, partition: &str) -> Result<Inventory, Failure> {
    let (roles, local, of_aws) = try_join3(
        details(reader, partition, EntityType::Role),
        details(reader, partition, EntityType::LocalManagedPolicy),
        details(reader, partition, EntityType::AwsManagedPolicy),
    )
    .await?;
    let mut inventory = Inventory { policies: local.policies, ..roles };
    inventory.policies.extend(of_aws.policies);
    Ok(inventory)
}

async fn details(reader: &Reader<'_>, partition: &str, kind: EntityType) -> Result<Inventory, Failure> {
    let request = reader.connection.iam(partition).get_account_authorization_details().filter(kind);
    let request = request.max_items(PAGE);
    let ask = async |token| reader.calls.make(API, request.clone().set_marker(token).send()).await;
    let mut inventory = Inventory::default();
    let read = pages(API, ask, |page| {
        page.role_detail_list().iter().for_each(|detail| inventory.add_role(detail));
        page.policies().iter().for_each(|detail| inventory.add_policy(detail));
        marker(API, page.is_truncated, page.marker)
    });
    read.await?;
    Ok(inventory)
}
