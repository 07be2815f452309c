//! The changes for one target: along the chain from the instance to its profile, its role, and what the role allows.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::document::{self, NewStatement};
use super::grant::CannotGrant;
use super::plan::{Options, profile_of};
use super::refusal::{MissingFact, Refusal, RefusalKind, profile_taken, role_taken, unknown, unread};
use super::standing::{self, admission, holds_no_more, id_of, is_settled};
use super::{Change, State, Thing, Warning, foresee, grant, is_ours, quota};
use crate::diagnose::{self, Answers};
use crate::facts::owner::{self, Owner};
use crate::facts::{Fact, Facts, Instance, InstanceProfile, PolicyText, Role, Subject, SubjectKind, key};
use crate::needs::{Need, Requirements, UPDATE_INSTANCE_INFORMATION};
use crate::report::{DocumentName, NeededFor};
use iam_eval::Decision;
use iam_eval::arn::{Arn, is_iam_name, partition_of_region};

/// The changes for the one subject of `view`, each made in `view` as soon as it is written.
pub(super) struct Draft<'a> {
    pub(super) view: Facts,
    pub(super) changes: Vec<Change>,
    pub(super) warnings: Vec<Warning>,
    requirements: &'a Requirements,
    options: &'a Options,
    now: Timestamp,
}

/// The managed policy that `--attach-managed` attaches, in the subject's partition.
pub(super) fn managed_core(subject: &Subject) -> Option<Arn> {
    let partition = subject.partition.as_deref().or(subject.region.as_deref().map(partition_of_region))?;
    Arn::parse(&format!("arn:{partition}:iam::aws:policy/{}", foresee::MANAGED_CORE))
}

type Written = Result<(), Refusal>;

impl<'a> Draft<'a> {
    pub(super) fn new(view: Facts, requirements: &'a Requirements, options: &'a Options, now: Timestamp) -> Draft<'a> {
        Draft { view, changes: Vec::new(), warnings: Vec::new(), requirements, options, now }
    }

    /// Writes the changes. What it does not know how to fix it leaves; whoever judges the result sees it.
    pub(super) fn write(&mut self) -> Written {
        let Some(subject) = self.view.subjects.first().cloned() else { return Ok(()) };
        match &subject.kind {
            SubjectKind::Instance(Fact::Known(instance)) => self.instance(&subject, instance),
            SubjectKind::Profile(key) => match self.view.profiles.get(key).cloned() {
                Some(Fact::Known(profile)) => self.profile(&subject, &profile),
                _ => Ok(()),
            },
            SubjectKind::Role(key) => self.role(&subject, &key.clone()),
            SubjectKind::Instance(_) | SubjectKind::Documents(_) | SubjectKind::Planned(_) => Ok(()),
        }
    }

    fn instance(&mut self, subject: &Subject, instance: &Instance) -> Written {
        // Whatever is under way has to end first; the verdict says so.
        if !is_settled(instance) || matches!(instance.state.as_str(), "terminated" | "shutting-down") {
            return Ok(());
        }
        let Some(held) = &instance.profile else { return self.new_profile(subject, instance, None) };
        let Some(held_arn) = Arn::parse(&held.arn) else { return Ok(()) };
        let now_has = State::Has { profile: held_arn.clone(), id: held.id.clone() };
        match profile_of(subject).and_then(|key| self.view.profiles.get(&key).cloned()) {
            Some(Fact::Absent) => self.new_profile(subject, instance, Some(now_has)),
            Some(Fact::Known(profile)) => {
                self.profile(subject, &profile)?;
                if held.id.as_ref().is_some_and(|held| *held != profile.id) {
                    let fresh = State::Has { profile: held_arn, id: id_of(&profile) };
                    self.associate(subject, instance, Some(now_has), fresh)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What a profile needs so that its role is ready.
    fn profile(&mut self, subject: &Subject, profile: &InstanceProfile) -> Written {
        if let Some(role) = &profile.role {
            return self.role(subject, &role.clone());
        }
        let Some(arn) = Arn::parse(&profile.arn) else { return Ok(()) };
        if let Some(tags) = &profile.tags {
            self.owned(subject, &arn, tags)?;
        }
        let name = self.options.create_profile.clone().unwrap_or_else(|| profile.name.clone());
        if !is_iam_name(&name, 64) {
            return Err(Refusal::of(subject, RefusalKind::NameTooLong { name }));
        }
        let role = self.new_role(subject, &name, &arn)?;
        self.push(Thing::RoleOfProfile(arn), State::Absent, State::Holds(role));
        Ok(())
    }

    /// A profile and a role of the name that was given, and their association with the instance.
    fn new_profile(&mut self, subject: &Subject, instance: &Instance, held: Option<State>) -> Written {
        let Some(name) = self.options.create_profile.clone() else {
            return Err(Refusal::of(subject, RefusalKind::NeedsProfile { was_deleted: held.is_some() }));
        };
        let (Some(partition), Some(account)) = (subject.partition.as_deref(), subject.account.as_deref()) else {
            return Err(unknown(subject, MissingFact::Account));
        };
        let Some(arn) = Arn::parse(&format!("arn:{partition}:iam::{account}:instance-profile/{name}")) else {
            return Ok(());
        };
        let existing = self.view.profiles.get(&key(Some(account), &name)).cloned();
        // Whoever made a profile mostly made its role under the same name: the profile says more.
        if let Some(Fact::Known(profile)) = &existing
            && !profile.tags.as_ref().is_some_and(is_ours)
        {
            return Err(profile_taken(subject, &name, instance));
        }
        let role = self.new_role(subject, &name, &arn)?;
        let (arn, id) = match existing {
            Some(Fact::Known(profile)) => {
                let found = Arn::parse(&profile.arn).unwrap_or(arn);
                match &profile.role {
                    None => self.push(Thing::RoleOfProfile(found.clone()), State::Absent, State::Holds(role)),
                    Some(held) if *held == key(role.account(), role.name()) => {}
                    Some(_) => return Err(profile_taken(subject, &name, instance)),
                }
                (found, id_of(&profile))
            }
            Some(Fact::Unreadable(reason)) => return Err(unread(subject, &reason)),
            Some(Fact::Absent) | None => {
                self.push(Thing::InstanceProfile(arn.clone()), State::Absent, State::InstanceProfile { id: None });
                self.push(Thing::RoleOfProfile(arn.clone()), State::Absent, State::Holds(role));
                (arn, None)
            }
        };
        self.associate(subject, instance, held, State::Has { profile: arn, id })
    }

    /// A role of this name for the profile: a new one, or one that an earlier run of this tool made and left.
    fn new_role(&mut self, subject: &Subject, name: &str, profile: &Arn) -> Result<Arn, Refusal> {
        let role_key = key(profile.account(), name);
        let exists = matches!(self.view.profiles.get(&key(profile.account(), profile.name())), Some(Fact::Known(_)));
        let taken = || role_taken(subject, name, profile.name(), exists);
        let arn = match self.view.roles.get(&role_key) {
            Some(Fact::Known(role @ Role { arn: Some(arn), tags: Fact::Known(tags), .. })) if is_ours(tags) => {
                if !holds_no_more(role, &self.options.policy_name) {
                    return Err(taken());
                }
                Arn::parse(arn)
            }
            Some(Fact::Known(_)) => return Err(taken()),
            Some(Fact::Unreadable(reason)) => return Err(unread(subject, reason)),
            Some(Fact::Absent) | None => {
                let partition = &profile.partition;
                let arn = Arn::parse(&format!("arn:{partition}:iam::{}:role/{name}", profile.account));
                if let Some(arn) = &arn {
                    let trust = self.with(
                        subject,
                        DocumentName::TrustPolicy(name.to_owned()),
                        None,
                        None,
                        &[admission(subject)],
                    )?;
                    self.push(Thing::Role(arn.clone()), State::Absent, State::Role { trust, id: None });
                }
                arn
            }
        };
        let arn = arn.ok_or_else(|| unknown(subject, MissingFact::RoleArn(name.to_owned())))?;
        self.role(subject, &role_key)?;
        Ok(arn)
    }

    fn associate(&mut self, subject: &Subject, instance: &Instance, held: Option<State>, has: State) -> Written {
        let Some(region) = subject.region.clone() else {
            return Err(unknown(subject, MissingFact::Region));
        };
        if let Fact::Unreadable(reason) = &instance.association {
            return Err(unread(subject, reason));
        }
        // Profiles of one name are told apart by their ids alone.
        if held.as_ref() == Some(&has) {
            return Err(unknown(subject, MissingFact::ProfileId));
        }
        let thing = Thing::ProfileOfInstance { instance: instance.id.clone(), region };
        match (held, instance.state.as_str()) {
            (None, _) => self.push(thing, State::Absent, has),
            (Some(held), "running") => self.push(thing, held, has),
            // On a stopped instance a profile cannot be replaced:
            // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceIamInstanceProfileAssociation.html
            (Some(held), "stopped") => {
                self.push(thing.clone(), held, State::Absent);
                self.push(thing, State::Absent, has);
            }
            (Some(_), state) => {
                return Err(Refusal::of(subject, RefusalKind::InstanceState { state: state.to_owned() }));
            }
        }
        if let Some(group) = instance.tags.get("aws:autoscaling:groupName") {
            self.warnings.push(Warning::AutoScalingGroup { instance: instance.id.clone(), group: group.clone() });
        }
        Ok(())
    }

    /// What the role lacks: EC2 in its trust policy, and permissions.
    fn role(&mut self, subject: &Subject, role_key: &str) -> Written {
        let Some(answers) = diagnose::answers(&self.view, self.requirements, self.now, role_key, subject) else {
            return Ok(());
        };
        let Some(Fact::Known(role)) = self.view.roles.get(role_key).cloned() else { return Ok(()) };
        let untrusted = answers.trust.as_ref().is_some_and(|(decision, doubt)| match decision {
            Decision::Allowed => false,
            Decision::ImplicitDeny | Decision::ExplicitDeny => true,
            // Only what AWS does not document, not a condition that somebody wrote.
            Decision::Unknown => doubt.keys.is_empty() && !doubt.notes.is_empty(),
        });
        let lacking = answers.needs.iter().any(|(need, response)| grant::lacks(need, response));
        if !untrusted && !lacking {
            return Ok(());
        }
        let Some(arn) = role.arn.as_deref().and_then(Arn::parse) else {
            return Err(unknown(subject, MissingFact::RoleArn(role.name)));
        };
        match &role.tags {
            Fact::Known(tags) => self.owned(subject, &arn, tags)?,
            Fact::Absent => self.owned(subject, &arn, &BTreeMap::new())?,
            Fact::Unreadable(reason) => return Err(unread(subject, reason)),
        }
        if untrusted {
            self.admit(subject, &role, &arn)?;
        }
        if lacking {
            self.allow(subject, role_key, &arn, answers)?;
        }
        Ok(())
    }

    /// Refuses to change what something else owns, or warns where the user wants it all the same.
    fn owned(&mut self, subject: &Subject, arn: &Arn, tags: &BTreeMap<String, String>) -> Written {
        let Some(owner) = owner::of_role(arn, tags) else { return Ok(()) };
        let (name, evidence, undone_by) = (owner.name().to_owned(), owner.evidence().clone(), owner.undone_by());
        let role = arn.to_string();
        match owner {
            Owner::Reserved { .. } => {
                Err(Refusal::of(subject, RefusalKind::ReservedRole { role, owner: name, evidence }))
            }
            Owner::Elsewhere { .. } if self.options.force_managed_elsewhere => {
                self.warnings.push(Warning::ManagedElsewhere { role, owner: name, evidence, undone_by });
                Ok(())
            }
            Owner::Elsewhere { .. } => {
                Err(Refusal::of(subject, RefusalKind::ManagedElsewhere { role, owner: name, evidence, undone_by }))
            }
        }
    }

    fn admit(&mut self, subject: &Subject, role: &Role, arn: &Arn) -> Written {
        let Fact::Known(trust) = &role.trust else { return Ok(()) };
        let document = DocumentName::TrustPolicy(role.name.clone());
        let after = self.with(subject, document, None, Some(trust), &[admission(subject)])?;
        let size = quota::size(&after);
        if size > quota::TRUST_POLICY {
            self.warnings.push(Warning::TrustPolicySize { role: role.name.clone(), size, quota: quota::TRUST_POLICY });
        }
        self.push(Thing::TrustPolicy(arn.clone()), State::Document(trust.clone()), State::Document(after));
        Ok(())
    }

    fn allow(&mut self, subject: &Subject, role_key: &str, arn: &Arn, mut answers: Answers) -> Written {
        let Some(Fact::Known(role)) = self.view.roles.get(role_key).cloned() else { return Ok(()) };
        let lacks_core = answers
            .needs
            .iter()
            .any(|(need, response)| need.needed_for == NeededFor::Core && grant::lacks(need, response));
        let heartbeat =
            |(need, response): &(Need, _)| need.action == UPDATE_INSTANCE_INFORMATION && grant::lacks(need, response);
        if answers.needs.iter().any(heartbeat) {
            self.warn_of_host_management(subject, &role);
        }
        let attached = role.attached.known().map(Vec::as_slice).unwrap_or_default();
        if self.options.attach_managed
            && lacks_core
            && let Some(policy) = managed_core(subject).filter(|policy| !attached.contains(&policy.to_string()))
        {
            self.push(Thing::AttachedPolicy { role: arn.clone(), policy }, State::Absent, State::Attached);
            // What it covers is not granted again.
            if let Some(left) = diagnose::answers(&self.view, self.requirements, self.now, role_key, subject) {
                answers = left;
            }
        }
        let statements = grant::statements(&answers, self.options.least)
            .map_err(|CannotGrant { action, why }| Refusal::of(subject, RefusalKind::CannotGrant { action, why }))?;
        if statements.is_empty() {
            return Ok(());
        }
        // Names are unique whatever their case.
        let inline = role.inline.known().map(Vec::as_slice).unwrap_or_default();
        let existing = inline.iter().find(|policy| policy.name.eq_ignore_ascii_case(&self.options.policy_name));
        let name = existing.map_or(&self.options.policy_name, |policy| &policy.name).clone();
        let before = match existing.map(|policy| &policy.document) {
            None => None,
            Some(Fact::Known(text)) => Some(text.clone()),
            Some(Fact::Absent | Fact::Unreadable(_)) => {
                return Err(Refusal::of(subject, RefusalKind::PolicyUnreadable { role: role.name, policy: name }));
            }
        };
        let document = DocumentName::Inline(name.clone());
        let after = self.with(subject, document, Some(&role.name), before.as_ref(), &statements)?;
        let others = inline.iter().filter(|policy| policy.name != name).filter_map(|policy| policy.document.known());
        let total = quota::inline_total(others.chain([&after]));
        if total > quota::INLINE_POLICIES {
            let (size, quota) = (total, quota::INLINE_POLICIES);
            return Err(Refusal::of(subject, RefusalKind::QuotaExceeded { role: role.name.clone(), size, quota }));
        }
        let before = before.map_or(State::Absent, State::Document);
        self.push(Thing::InlinePolicy { role: arn.clone(), name }, before, State::Document(after));
        Ok(())
    }

    /// With that action an agent stays with the profile, and is no longer let in by the account's own role.
    fn warn_of_host_management(&mut self, subject: &Subject, role: &Role) {
        let settings = subject.region.as_ref().and_then(|region| self.view.settings.get(region));
        self.warnings.extend(settings.and_then(|settings| standing::leaves_host_management(settings, role)));
    }

    /// The document with the statements added; a refusal if it is none that can be added to.
    fn with(
        &self,
        subject: &Subject,
        document: DocumentName,
        role: Option<&str>,
        existing: Option<&PolicyText>,
        statements: &[NewStatement],
    ) -> Result<PolicyText, Refusal> {
        document::with_statements(existing, statements).map_err(|why| {
            Refusal::of(subject, RefusalKind::UnfitDocument { document, role: role.map(str::to_owned), why })
        })
    }

    fn push(&mut self, thing: Thing, before: State, after: State) {
        if before != after
            && let Some(change) = Change::new(thing, before, after)
        {
            foresee::apply(&mut self.view, &change);
            self.changes.push(change);
        }
    }
}
