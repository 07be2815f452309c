//! What was judged before, for the subjects that come after: a role is judged once for each context that its policies look at.
//!
//! Instances of one account and Region that share a role differ, to the role's policies, only in what those policies look at:
//! the instance's id, its VPC, its address and how it gets its credentials. Where they look at none of these, one answer holds for
//! all of them, but for the instance's ARN in its words.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use crate::agent_context::{ENDPOINT_KEYS, RequestSource};
use crate::facts::{Bucket, Fact, Facts, Instance, Role, Subject};
use crate::needs::{ContextEntry, Cost, Place, Requirements, UPDATE_INSTANCE_INFORMATION};
use crate::report::{Finding, NeededFor, NotChecked, Permission, RoleSummary, Shared, Trust};
use iam_eval::{AwsPrincipals, Document, DocumentKind, Resource, ServicePrincipal, Truth};

use super::agent_path::{self, PathMemo};
use super::library::Library;
use super::place_of;
use super::rcps::GovernedBy;
use super::resolved_needs::ResolvedNeeds;
use super::resource_policy;
use super::role::{self, JudgedRole};

/// What was judged before. It holds for the facts that it was made with.
#[derive(Default)]
pub(super) struct Memo {
    /// The documents that were parsed before.
    pub(super) library: Library,
    /// The network paths that were judged before.
    pub(super) paths: PathMemo,
    /// Whether the user asks for something of an instance that the user names, which must not be taken for another.
    names_instances: bool,
    roles: RefCell<HashMap<String, Rc<JudgedRole>>>,
    roles_judged: Cell<usize>,
    places: RefCell<HashMap<Where, Rc<Judged>>>,
    /// The last place that was looked for: the subjects of one mostly follow one another.
    last: RefCell<Option<(Where, Rc<Judged>)>>,
}

/// Account, Region and partition of a subject, and whether it is an instance.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Where {
    account: Option<String>,
    region: Option<String>,
    partition: Option<String>,
    instance: bool,
}

/// What was judged for the subjects of one place.
#[derive(Default)]
struct Judged {
    need_flags: OnceCell<NeedFlags>,
    /// The endpoints whose policies do not allow everything, none where that is no policy.
    limiting: OnceCell<BTreeMap<String, Option<Arc<Document>>>>,
    not_checked: RefCell<HashMap<Traits, Shared<Vec<NotChecked>>>>,
    answers: RefCell<HashMap<Who, Rc<Seen>>>,
}

/// What decides of an instance what its verdict does not speak of.
type Traits = [bool; 6];

/// The number of a role, none where nothing is known of it, and whether Systems Manager assumes it.
type Who = (Option<usize>, bool);

/// What is asked on behalf of every subject of a place, in short.
#[derive(Debug, Clone, Copy)]
pub(super) struct NeedFlags {
    /// Whether sessions are encrypted with a key.
    pub encrypted: bool,
    /// Whether resource control policies of the account cover something of it.
    pub governed: bool,
    /// Whether those of another account do.
    pub governed_elsewhere: bool,
    /// Whether logs go to a bucket.
    pub s3_logs: bool,
    /// Whether that is not known to be in the Region of the instance.
    pub s3_elsewhere: bool,
    /// Whether logs go to a log group.
    pub cloudwatch_logs: bool,
    /// Whether sessions end where the bucket cannot be asked about its encryption.
    pub s3_ends_sessions: bool,
    /// Whether they do where the log group cannot.
    pub logs_end_sessions: bool,
    /// Whether logs go to a bucket whose own policy is not known.
    pub bucket_policy_unread: bool,
    /// Whether they go to a bucket whose encryption is not known.
    pub bucket_encryption_unread: bool,
    /// Whether they go to a log group that was not looked at.
    pub log_group_unread: bool,
    /// Whether something is asked of a resource whose own policy nobody reads.
    pub other_policy_unread: bool,
    /// Whether the session preferences are known, or are known not to matter.
    pub preferences_known: bool,
}

/// The answers of a role in a place, by what its policies look at of an instance.
struct Seen {
    mask: KeyMask,
    answers: RefCell<HashMap<CacheKey, Rc<RoleAnswer>>>,
}

/// What the policies of a role look at of an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct KeyMask {
    id: bool,
    vpc: bool,
    private_ip: bool,
    tokens: bool,
    source: bool,
}

/// As much of an instance as a role's policies look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct CacheKey {
    id: Option<String>,
    vpc: Option<String>,
    private_ip: Option<String>,
    tokens_required: Option<bool>,
    sources: BTreeMap<&'static str, RequestSource>,
}

/// What a role, known or not, means for a subject.
#[derive(Clone)]
pub(super) struct RoleAnswer {
    /// What was found about the role, its policies and what is asked of it.
    pub findings: Vec<Shared<Finding>>,
    /// What the role allows.
    pub permissions: Vec<Shared<Permission>>,
    /// Whether the service may assume it.
    pub trust: Option<Shared<Trust>>,
    /// The role, if it has a name.
    pub role: Option<Shared<RoleSummary>>,
    /// Whether it gives credentials.
    pub credentials: Truth,
    /// The ARN of the instance that these words are about.
    pub instance_arn: Option<String>,
}

impl Memo {
    /// Nothing was judged yet.
    pub(super) fn new(requirements: &Requirements) -> Memo {
        let named = requirements.actions.iter().filter_map(|action| action.resource.as_deref());
        Memo { names_instances: named.into_iter().any(|resource| resource.contains("instance/")), ..Memo::default() }
    }

    /// A role made ready for judgement.
    pub(super) fn role(&self, facts: &Facts, key: &str, role: &Role) -> Rc<JudgedRole> {
        let known = self.roles.borrow().get(key).cloned();
        // A reading that was completed since, so that the role has an ARN now, is judged anew.
        match known.filter(|judged| judged.has_arn(role.arn.as_deref())) {
            Some(judged) => judged,
            None => {
                self.roles_judged.set(self.roles_judged.get() + 1);
                let judged = role::judge(facts, &self.library, role);
                let judged = Rc::new(JudgedRole { number: self.roles_judged.get(), ..judged });
                self.roles.borrow_mut().insert(key.to_owned(), Rc::clone(&judged));
                judged
            }
        }
    }

    /// What was judged where a subject is.
    fn judged(&self, subject: &Subject, instance: bool) -> Rc<Judged> {
        if let Some((_, judged)) = self.last.borrow().as_ref().filter(|(last, _)| last.is_of(subject, instance)) {
            return Rc::clone(judged);
        }
        let place = Where::of(subject, instance);
        let judged = Rc::clone(self.places.borrow_mut().entry(place.clone()).or_default());
        *self.last.borrow_mut() = Some((place, Rc::clone(&judged)));
        judged
    }

    /// What is asked on behalf of a subject, in short.
    pub(super) fn need_flags(
        &self,
        subject: &Subject,
        instance: bool,
        work_out: impl FnOnce() -> NeedFlags,
    ) -> NeedFlags {
        *self.judged(subject, instance).need_flags.get_or_init(work_out)
    }

    /// What verdicts on subjects with these traits do not speak of.
    pub(super) fn not_checked(
        &self,
        subject: &Subject,
        instance: bool,
        traits: Traits,
        work_out: impl FnOnce() -> Vec<NotChecked>,
    ) -> Shared<Vec<NotChecked>> {
        let judged = self.judged(subject, instance);
        let mut known = judged.not_checked.borrow_mut();
        known.entry(traits).or_insert_with(|| Shared::from(work_out())).clone()
    }

    /// What a role means for a subject; worked out only if it was not for another that is the same to the role's policies.
    pub(super) fn role_answer(
        &self,
        facts: &Facts,
        (judged, service): (Option<&JudgedRole>, &ServicePrincipal),
        subject: &Subject,
        instance: Option<&Instance>,
        sources: Option<&BTreeMap<&'static str, RequestSource>>,
        work_out: impl FnOnce() -> RoleAnswer,
    ) -> RoleAnswer {
        let place = place_of(subject, instance);
        let who = (judged.map(|judged| judged.number), service.is_systems_manager());
        let here = self.judged(subject, instance.is_some());
        let seen = here.answers.borrow().get(&who).cloned();
        let seen = seen.unwrap_or_else(|| {
            let limiting = here.limiting.get_or_init(|| limiting(facts, &self.library, place.region));
            let documents = limiting.values().flatten();
            let mask = judged
                .map_or_else(KeyMask::default, |judged| KeyMask::of(judged, facts, (&self.library, documents), &place));
            let mask = KeyMask { id: mask.id || self.names_instances, ..mask };
            let seen = Rc::new(Seen { mask, answers: RefCell::default() });
            here.answers.borrow_mut().insert(who, Rc::clone(&seen));
            seen
        });
        let mut key = instance.map(|instance| seen.mask.of_instance(instance)).unwrap_or_default();
        let is_limiting = |id: &String| here.limiting.get().is_some_and(|limiting| limiting.contains_key(id));
        let limits = |source: &RequestSource| source.endpoints().iter().any(is_limiting);
        let sources = sources.into_iter().flatten().filter(|(_, source)| seen.mask.source || limits(source));
        key.sources = sources.map(|(service, source)| (*service, source.clone())).collect();
        let known = seen.answers.borrow().get(&key).cloned();
        match known {
            Some(answer) => answer.about(instance.map(|_| place.instance_arn().to_string())),
            None => {
                let answer = work_out();
                seen.answers.borrow_mut().insert(key, Rc::new(answer.clone()));
                answer
            }
        }
    }
}

impl Where {
    fn of(subject: &Subject, instance: bool) -> Where {
        let Subject { account, region, partition, .. } = subject;
        Where { account: account.clone(), region: region.clone(), partition: partition.clone(), instance }
    }

    /// Whether a subject is there.
    fn is_of(&self, subject: &Subject, instance: bool) -> bool {
        let Subject { account, region, partition, .. } = subject;
        (&self.account, &self.region, &self.partition, self.instance) == (account, region, partition, instance)
    }
}

impl NeedFlags {
    pub(super) fn of(asked: &ResolvedNeeds<'_>, place: &Place<'_>, given: &[ContextEntry]) -> NeedFlags {
        let governed_by = |who| asked.needs.iter().any(|need| GovernedBy::of(need, place, given) == who);
        let buckets = || asked.buckets.iter().map(|bucket| bucket.fact);
        let unread = |fact: Option<&Fact<Bucket>>, of: fn(&Bucket) -> bool| match fact {
            Some(Fact::Known(bucket)) => of(bucket),
            Some(Fact::Absent) => false,
            Some(Fact::Unreadable(_)) | None => true,
        };
        let ends_sessions = |of| asked.needs.iter().any(|need| need.needed_for == of && need.cost == Cost::Sessions);
        NeedFlags {
            encrypted: asked.keys.iter().any(|key| key.used_for == NeededFor::Kms),
            governed: governed_by(GovernedBy::OwnAccount),
            governed_elsewhere: governed_by(GovernedBy::AnotherAccount),
            s3_logs: !asked.buckets.is_empty(),
            s3_elsewhere: asked.buckets.iter().any(|bucket| bucket.may_be_outside(place.region)),
            cloudwatch_logs: !asked.log_groups.is_empty(),
            s3_ends_sessions: ends_sessions(NeededFor::S3Logs),
            logs_end_sessions: ends_sessions(NeededFor::CloudwatchLogs),
            bucket_policy_unread: buckets().any(|fact| unread(fact, |bucket| bucket.policy.unreadable().is_some())),
            bucket_encryption_unread: buckets()
                .any(|fact| unread(fact, |bucket| bucket.encryption.unreadable().is_some())),
            log_group_unread: asked
                .log_groups
                .iter()
                .any(|group| !matches!(group.fact, Some(Fact::Known(_) | Fact::Absent))),
            other_policy_unread: asked.needs.iter().any(resource_policy::has_policy_that_nobody_reads),
            preferences_known: asked.preferences_known,
        }
    }
}

impl KeyMask {
    /// What the policies of a role, and those of the keys, buckets and endpoints that are in the facts, look at.
    fn of<'a>(
        judged: &JudgedRole,
        facts: &Facts,
        (library, of_endpoints): (&Library, impl Iterator<Item = &'a Arc<Document>>),
        place: &Place<'_>,
    ) -> KeyMask {
        let any_instance = Resource::Arn(Place { instance_id: None, ..*place }.instance_arn());
        let mut keys = BTreeSet::new();
        let mut id = false;
        let policies = judged.gates.iter().flat_map(|gate| &gate.policies);
        for document in policies.filter_map(|policy| policy.document.as_ref().ok()) {
            document.add_keys(&mut keys);
            id |= document.tells_apart(UPDATE_INSTANCE_INFORMATION, &any_instance);
        }
        let of_keys = facts.kms_keys.values().filter_map(|key| key.known()?.policy.known());
        let of_buckets = facts.buckets.values().filter_map(|bucket| bucket.known()?.policy.known());
        for document in of_keys.chain(of_buckets).filter_map(|text| library.document(text, DocumentKind::Resource).ok())
        {
            document.add_keys(&mut keys);
            id |= document.statements.iter().any(|statement| names_sessions(&statement.aws_principals));
        }
        for document in of_endpoints {
            document.add_keys(&mut keys);
            id |= document.statements.iter().any(|statement| names_sessions(&statement.aws_principals));
            id |= document.tells_apart(UPDATE_INSTANCE_INFORMATION, &any_instance);
        }
        let of_keys = KeyMask::of_keys(&keys);
        KeyMask { id: id || of_keys.id, ..of_keys }
    }

    /// What these keys, in lower case, hold of an instance.
    fn of_keys(keys: &BTreeSet<String>) -> KeyMask {
        const OF_ID: [&str; 4] =
            ["aws:userid", "ec2:sourceinstancearn", "kms:encryptioncontext:aws:ssm:targetid", "ssm:sourceinstancearn"];
        let looks_at = |key: &str| keys.contains(key);
        KeyMask {
            source: ENDPOINT_KEYS.iter().chain(&["aws:SourceIp"]).any(|key| looks_at(&key.to_lowercase())),
            id: OF_ID.into_iter().any(looks_at),
            vpc: looks_at("aws:ec2instancesourcevpc"),
            private_ip: looks_at("aws:ec2instancesourceprivateipv4") || looks_at("aws:vpcsourceip"),
            tokens: looks_at("ec2:roledelivery"),
        }
    }

    fn of_instance(self, instance: &Instance) -> CacheKey {
        let tokens = instance.metadata.as_ref().is_some_and(|options| options.requires_tokens());
        CacheKey {
            id: self.id.then(|| instance.id.clone()),
            vpc: instance.vpc.clone().filter(|_| self.vpc),
            private_ip: instance.private_ip.clone().filter(|_| self.private_ip),
            tokens_required: self.tokens.then_some(tokens),
            sources: BTreeMap::new(),
        }
    }
}

/// The endpoints of a Region whose policies do not allow everything, with those; none where that is no policy.
fn limiting(facts: &Facts, library: &Library, region: Option<&str>) -> BTreeMap<String, Option<Arc<Document>>> {
    let policies = agent_path::endpoint_policies(facts, region);
    let parsed = policies.map(|(id, text)| (id, library.document(text, DocumentKind::Resource).ok()));
    let limits =
        |document: &Option<Arc<Document>>| !document.as_ref().is_some_and(|document| document.allows_everything());
    parsed.filter(|(_, document)| limits(document)).map(|(id, document)| (id.clone(), document)).collect()
}

/// Whether the policy of a resource names the session of a role, which has the id of the instance for its name.
fn names_sessions(principals: &AwsPrincipals) -> bool {
    principals.names().iter().any(|name| name.contains(":assumed-role/"))
}

impl RoleAnswer {
    /// There is no role.
    pub(super) fn none() -> RoleAnswer {
        RoleAnswer {
            findings: Vec::new(),
            permissions: Vec::new(),
            trust: None,
            role: None,
            credentials: Truth::False,
            instance_arn: None,
        }
    }

    /// The same of another instance, whose permissions are on its own ARN. Findings do not hold it.
    fn about(&self, instance_arn: Option<String>) -> RoleAnswer {
        let (Some(old), Some(new)) = (&self.instance_arn, &instance_arn) else { return self.clone() };
        let mut answer = RoleAnswer { instance_arn: None, ..self.clone() };
        for permission in answer.permissions.iter_mut().filter(|permission| permission.resource == *old) {
            *permission = Shared::from(Permission { resource: new.clone(), ..Permission::clone(permission) });
        }
        answer.instance_arn = instance_arn;
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent_context::{self, Caller, Organization};
    use crate::needs::{self, KeyArn, RequiredAction, S3Logs};
    use iam_eval::Text;
    use jiff::Timestamp;

    fn caller(number: u8) -> Caller<'static> {
        let one = number == 1;
        let place = Place {
            partition: Some("aws"),
            account: Some("111122223333"),
            region: Some("us-east-1"),
            instance_id: Some(if one { "i-1" } else { "i-2" }),
        };
        Caller {
            place,
            role_arn: Some("arn:aws:iam::111122223333:role/web"),
            role_id: Some("AROAWEB"),
            role_tags: None,
            role_may_have_more_tags: false,
            vpc: Some(if one { "vpc-1" } else { "vpc-2" }),
            private_ip: Some(if one { "10.0.0.1" } else { "10.0.0.2" }),
            tokens_required: one,
            through_systems_manager: false,
            organization: Organization::None,
            sources: None,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    /// Whatever a request holds of the instance, the answers of two instances are told apart by it.
    #[test]
    fn each_key_that_differs_between_instances_is_looked_at() {
        let known = |caller: &Caller<'_>| {
            let requirements = Requirements {
                s3_logs: Some(S3Logs { bucket: "logs".to_owned(), prefix: String::new() }),
                cloudwatch_logs: Some("logs".to_owned()),
                actions: vec![RequiredAction { action: "ec2:DescribeTags".to_owned(), resource: None }],
                ..Requirements::default()
            };
            let key = KeyArn::Resolved(Text::known("arn:aws:kms:us-east-1:111122223333:key/k"));
            let needs = needs::all(&requirements, &caller.place, Some(&key));
            let base = agent_context::base(caller);
            let contexts = needs.iter().map(|need| agent_context::for_need(&base, caller, need, &[]));
            contexts.flat_map(|context| context.known()).collect::<BTreeSet<_>>()
        };
        let mut differing = BTreeSet::new();
        for (service, place) in [(false, "ec2"), (true, "ssm")] {
            let differs = |part: fn(&mut Caller<'static>), looks: fn(KeyMask) -> bool| {
                let mut other = caller(1);
                part(&mut other);
                let [one, other] =
                    [caller(1), other].map(|caller| Caller { through_systems_manager: service, ..caller });
                let keys: Vec<String> =
                    known(&one).symmetric_difference(&known(&other)).map(|(key, _)| key.to_ascii_lowercase()).collect();
                for key in &keys {
                    assert!(looks(KeyMask::of_keys(&BTreeSet::from([key.clone()]))), "{place}: {key}");
                }
                keys
            };
            differing.extend(differs(|other| other.place = caller(2).place, |mask| mask.id));
            differing.extend(differs(|other| other.vpc = caller(2).vpc, |mask| mask.vpc));
            differing.extend(differs(|other| other.private_ip = caller(2).private_ip, |mask| mask.private_ip));
            differing.extend(differs(|other| other.tokens_required = false, |mask| mask.tokens));
        }
        assert_eq!(differing.len(), 7, "{differing:?}");
    }
}
