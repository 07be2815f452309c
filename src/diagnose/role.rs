//! A role made ready for judgement: its documents parsed, its gates set up, what could not be read named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::facts::owner::{self, Owner};
use crate::facts::{
    Documents, Fact, Facts, NamedDocument, PolicyLevel, PolicyText, Role, Unreadable, UnreadableKind, is_planned_role,
};
use crate::report::{DocumentName, Finding, FindingKind};
use iam_eval::arn::Arn;
use iam_eval::{Document, DocumentKind, Policy, PolicyKind, PolicySet, PolicySetKind, UnknownDocument};

use super::explain;
use super::library::Library;

/// A role, or bare documents in the place of one.
pub(super) struct JudgedRole {
    /// Which of the roles of this run it is; 0 where that does not matter.
    pub number: usize,
    /// The role's ARN, where known.
    pub arn: Option<String>,
    /// What stands for the ARN of a role that a template gives no name.
    pub planned_arn: Option<String>,
    /// The role's id, where known.
    pub id: Option<String>,
    /// The role's name; empty for bare documents.
    pub name: String,
    /// The role's tags, where known.
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether the role may have tags of other keys.
    pub may_have_more_tags: bool,
    /// The trust policy; `None` if none is in view, an error if it is not known (a finding says why).
    pub trust: Option<Result<Arc<Document>, ()>>,
    /// The gates that its requests must pass.
    pub gates: Vec<PolicySet>,
    /// What could not be read or understood.
    pub findings: Vec<Finding>,
    /// Why resource control policies could not be read: it matters only where they cover what is asked.
    pub rcps_unread: Vec<Unreadable>,
    /// Why policies are not known: what an unknown permission may hang on that has a finding already.
    pub unread: BTreeSet<String>,
}

/// Makes one role ready. Its documents are looked for in `library` first.
pub(super) fn judge(facts: &Facts, library: &Library, role: &Role) -> JudgedRole {
    let mut reading =
        Reading { facts, library, judged: JudgedRole::new(role.name.clone()), of_files: facts.are_planned() };
    let judged = &mut reading.judged;
    let is_planned = role.arn.as_deref().is_some_and(is_planned_role);
    judged.arn = role.arn.clone().filter(|_| !is_planned);
    judged.planned_arn = role.arn.clone().filter(|_| is_planned);
    judged.id = role.id.clone();
    judged.may_have_more_tags = role.may_have_more_tags;
    judged.tags = match &role.tags {
        Fact::Known(tags) => Some(tags.clone()),
        Fact::Absent => Some(BTreeMap::new()),
        Fact::Unreadable(reason) => {
            // Only a condition on a tag depends on them, and then names its key; the boundary comes by the same call.
            if role.boundary.unreadable() != Some(reason) && reason.kind != UnreadableKind::NotInPlan {
                let unread = FindingKind::Unreadable { reason: reason.clone(), leaves_unknown: false };
                judged.findings.push(unread.into());
            }
            None
        }
    };
    let of_role = || DocumentName::TrustPolicy(role.name.clone());
    let trust = match &role.trust {
        Fact::Known(text) => reading.parse_trust(of_role(), text),
        Fact::Absent => reading.parse_trust(of_role(), &PolicyText::new("")),
        Fact::Unreadable(reason) => {
            reading.note(reason);
            Err(())
        }
    };
    reading.judged.trust = Some(trust);
    let identity = reading.identity_gate(role);
    reading.judged.gates.push(identity);
    let boundary = reading.boundary_gate(role);
    reading.judged.gates.extend(boundary);
    // Neither type of policy touches service-linked roles:
    // https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html#not-restricted-by-scp
    // https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#actions-not-restricted-by-rcps
    let path = role.arn.as_deref().and_then(Arn::parse).map(|arn| arn.path().to_owned());
    if !path.is_some_and(|path| path.starts_with("/aws-service-role/")) {
        reading.add_organization_gates();
    }
    reading.judged
}

/// Makes bare documents ready.
pub(super) fn judge_documents(facts: &Facts, library: &Library, documents: &Documents) -> JudgedRole {
    let mut reading = Reading { facts, library, judged: JudgedRole::new(String::new()), of_files: true };
    let trust = documents.trust.as_ref();
    reading.judged.trust =
        trust.map(|trust| reading.parse_trust(DocumentName::Named(trust.name.clone()), &trust.document));
    let policies =
        documents.policies.iter().map(|document| reading.parse_named(document, PolicyKind::Document)).collect();
    reading.judged.gates.push(gate_of(PolicySetKind::Identity, "", policies));
    if let Some(boundary) = &documents.boundary {
        let policy = reading.parse_named(boundary, PolicyKind::Boundary);
        reading.judged.gates.push(gate_of(PolicySetKind::Boundary, &boundary.name, vec![policy]));
    }
    reading.add_organization_gates();
    reading.judged
}

impl JudgedRole {
    fn new(name: String) -> JudgedRole {
        JudgedRole {
            number: 0,
            arn: None,
            planned_arn: None,
            id: None,
            name,
            tags: None,
            may_have_more_tags: false,
            trust: None,
            gates: Vec::new(),
            findings: Vec::new(),
            rcps_unread: Vec::new(),
            unread: BTreeSet::new(),
        }
    }

    /// Whether it was made of a role with this ARN.
    pub(super) fn has_arn(&self, arn: Option<&str>) -> bool {
        self.arn.as_deref().or(self.planned_arn.as_deref()) == arn
    }

    /// Who else owns the role, and will undo a change made by hand.
    pub(super) fn owner(&self) -> Option<Owner> {
        let arn = self.arn.as_deref().and_then(Arn::parse)?;
        owner::of_role(&arn, self.tags.as_ref().unwrap_or(&BTreeMap::new()))
    }

    /// What the owner is called that takes the change in its own code; `fix` changes the role by force only.
    pub(super) fn managed_by(&self) -> Option<String> {
        self.owner().filter(|owner| matches!(owner, Owner::Elsewhere { .. })).map(|owner| owner.name().to_owned())
    }

    /// Whether AWS lets nobody change the role.
    pub(super) fn is_reserved(&self) -> bool {
        matches!(self.owner(), Some(Owner::Reserved { .. }))
    }

    /// The role's name; `None` for bare documents.
    pub(super) fn name_if_any(&self) -> Option<String> {
        Some(self.name.clone()).filter(|name| !name.is_empty())
    }
}

/// A role that is being made ready.
struct Reading<'a> {
    facts: &'a Facts,
    library: &'a Library,
    judged: JudgedRole,
    /// Whether the documents come from files, a plan or a template. One that IAM refuses never comes into force; what an account
    /// holds it has taken.
    of_files: bool,
}

impl Reading<'_> {
    /// Remembers what could not be read, and says it in words that an unknown permission can hang on.
    fn note(&mut self, reason: &Unreadable) -> String {
        self.judged.findings.push(explain::unreadable(reason));
        self.unread(reason)
    }

    /// The same for a document.
    fn unknown(&mut self, reason: &Unreadable) -> UnknownDocument {
        UnknownDocument(self.note(reason))
    }

    /// The words for what could not be read, which has a finding.
    fn unread(&mut self, reason: &Unreadable) -> String {
        let words = match reason.kind {
            UnreadableKind::NotInPlan => format!("`{}` is not known", reason.api),
            _ => format!("`{}` could not be called", reason.api),
        };
        self.judged.unread.insert(words.clone());
        words
    }

    fn identity_gate(&mut self, role: &Role) -> PolicySet {
        let mut gate = gate_of(PolicySetKind::Identity, "", Vec::new());
        match &role.inline {
            Fact::Known(inline) => {
                for policy in inline {
                    let document = match &policy.document {
                        Fact::Known(text) => self.parse(DocumentName::Inline(policy.name.clone()), text),
                        // Its name was listed, so there is or was one, and what it says is not known.
                        Fact::Absent => Err(self.unknown(&Unreadable {
                            api: "iam:GetRolePolicy".to_owned(),
                            kind: UnreadableKind::Other,
                            message: format!("the inline policy `{}` was listed and is not there", policy.name),
                        })),
                        Fact::Unreadable(reason) => Err(self.unknown(reason)),
                    };
                    gate.policies.push(Policy { name: policy.name.clone(), kind: PolicyKind::Inline, document });
                }
            }
            Fact::Absent => {}
            Fact::Unreadable(reason) => gate.unread.push(self.note(reason)),
        }
        match &role.attached {
            Fact::Known(arns) => {
                for arn in arns {
                    let policy = self.managed(arn, PolicyKind::Managed);
                    gate.policies.push(policy);
                }
            }
            Fact::Absent => {}
            Fact::Unreadable(reason) => gate.unread.push(self.note(reason)),
        }
        gate
    }

    fn boundary_gate(&mut self, role: &Role) -> Option<PolicySet> {
        match &role.boundary {
            Fact::Known(arn) => {
                let policy = self.managed(arn, PolicyKind::Boundary);
                Some(gate_of(PolicySetKind::Boundary, arn, vec![policy]))
            }
            Fact::Absent => None,
            Fact::Unreadable(reason) => {
                let mut gate = gate_of(PolicySetKind::Boundary, "permissions boundary", Vec::new());
                gate.unread.push(self.note(reason));
                Some(gate)
            }
        }
    }

    fn add_organization_gates(&mut self) {
        // Nor do they touch the management account and its resources.
        let management =
            self.facts.organization.known().and_then(|organization| organization.management_account.as_deref());
        let account = self.judged.arn.as_deref().and_then(Arn::parse).map(|arn| arn.account);
        if account.is_some() && management == account.as_deref() {
            return;
        }
        let facts = self.facts;
        for level in facts.scp_levels.iter().flatten() {
            self.add_level(level, PolicySetKind::Scp, PolicyKind::Scp);
        }
        for level in facts.rcp_levels.iter().flatten() {
            self.add_level(level, PolicySetKind::Rcp, PolicyKind::Rcp);
        }
    }

    /// Adds the policies of one level as a gate.
    fn add_level(&mut self, level: &PolicyLevel, gate: PolicySetKind, policy: PolicyKind) {
        let policies = level.policies.iter().map(|document| self.parse_named(document, policy)).collect();
        let mut gate = gate_of(gate, &level.name, policies);
        for reason in &level.unread {
            match gate.kind {
                PolicySetKind::Rcp => self.judged.rcps_unread.push(reason.clone()),
                PolicySetKind::Identity | PolicySetKind::Boundary | PolicySetKind::Scp | PolicySetKind::Resource => {
                    self.judged.findings.push(explain::unreadable(reason));
                }
            }
            gate.unread.push(self.unread(reason));
        }
        self.judged.gates.push(gate);
    }

    fn managed(&mut self, arn: &str, kind: PolicyKind) -> Policy {
        let unread = |kind, message: &str| Unreadable {
            api: "iam:GetPolicyVersion".to_owned(),
            kind,
            message: format!("{message} `{arn}`"),
        };
        let document = match self.facts.policies.get(arn) {
            Some(Fact::Known(policy)) => self.parse(DocumentName::Managed(arn.to_owned()), &policy.document),
            Some(Fact::Unreadable(reason)) => Err(self.unknown(reason)),
            Some(Fact::Absent) => Err(self.unknown(&unread(UnreadableKind::Other, "there is no managed policy"))),
            None => Err(self.unknown(&unread(UnreadableKind::NotInSnapshot, "the snapshot does not hold the policy"))),
        };
        Policy { name: arn.to_owned(), kind, document }
    }

    fn parse_named(&mut self, named: &NamedDocument, kind: PolicyKind) -> Policy {
        let document_kind = match kind {
            PolicyKind::Rcp => DocumentKind::ResourceControl,
            PolicyKind::Scp => DocumentKind::Scp,
            PolicyKind::Inline | PolicyKind::Managed | PolicyKind::Boundary | PolicyKind::Document => {
                DocumentKind::Identity
            }
        };
        let document = self.parse_as(DocumentName::Named(named.name.clone()), &named.document, document_kind);
        Policy { name: named.name.clone(), kind, document }
    }

    fn parse(&mut self, name: DocumentName, text: &PolicyText) -> Result<Arc<Document>, UnknownDocument> {
        self.parse_as(name, text, DocumentKind::Identity)
    }

    fn parse_trust(&mut self, name: DocumentName, text: &PolicyText) -> Result<Arc<Document>, ()> {
        self.parse_as(name, text, DocumentKind::Trust).map_err(drop)
    }

    fn parse_as(
        &mut self,
        document: DocumentName,
        text: &PolicyText,
        kind: DocumentKind,
    ) -> Result<Arc<Document>, UnknownDocument> {
        let finding = match self.library.document(text, kind) {
            Ok(parsed) => {
                let problems = parsed.all_problems();
                // A document of another kind is one that IAM does not store: not even what it leaves out is certain.
                let misplaced = (!problems.is_empty()).then(|| explain::misplaced(&document, text, kind)).flatten();
                match misplaced {
                    Some(finding) => finding,
                    None => {
                        let in_doubt = || Arc::new(parsed.in_doubt(&format!("IAM refuses to store {document}")));
                        let parsed = if self.of_files && parsed.is_refused() { in_doubt() } else { parsed };
                        if !problems.is_empty() {
                            self.judged.findings.push(FindingKind::UnsoundPolicy { document, problems }.into());
                        }
                        return Ok(parsed);
                    }
                }
            }
            Err(error) => {
                // A service control policy or a trust policy that was given in the place of one is told as such.
                let of_rcp = (kind == DocumentKind::ResourceControl).then(|| explain::misplaced(&document, text, kind));
                let not_a_policy = || FindingKind::NotAPolicy {
                    document: document.clone(),
                    document_kind: kind,
                    error: error.to_string(),
                };
                of_rcp.flatten().unwrap_or_else(not_a_policy)
            }
        };
        self.judged.findings.push(finding.into());
        let words = format!("{document} could not be parsed");
        self.judged.unread.insert(words.clone());
        Err(UnknownDocument(words))
    }
}

fn gate_of(kind: PolicySetKind, name: &str, policies: Vec<Policy>) -> PolicySet {
    PolicySet { kind, name: name.to_owned(), policies, unread: Vec::new() }
}
