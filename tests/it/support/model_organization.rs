//! An organization, as Rust values: its roots, units and accounts, and the policies at each of them.

/// An organization, as one of its accounts sees it.
#[derive(Debug, Clone)]
pub struct Organization {
    pub id: String,
    pub management_account: String,
    /// From the root down to the account itself.
    pub levels: Vec<Level>,
    /// Its other accounts.
    pub members: Vec<Member>,
    /// Whether the account may ask for more than which organization it is in.
    pub visible: bool,
    /// Whether the account may list the accounts although it does not manage the organization.
    pub delegated: bool,
}

/// A root, an organizational unit or an account.
#[derive(Debug, Clone)]
pub struct Level {
    pub id: String,
    /// Names and documents.
    pub scps: Vec<(String, String)>,
    /// Names and documents.
    pub rcps: Vec<(String, String)>,
}

impl Level {
    /// One with the policies `FullAWSAccess` and `RCPFullAWSAccess`.
    pub fn new(id: &str) -> Self {
        let full = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        let full_rcp =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
        let (scps, rcps) = (("FullAWSAccess".into(), full.into()), ("RCPFullAWSAccess".into(), full_rcp.into()));
        Self { id: id.into(), scps: vec![scps], rcps: vec![rcps] }
    }

    pub fn rcp(mut self, name: &str, document: impl ToString) -> Self {
        self.rcps.push((name.into(), document.to_string()));
        self
    }

    pub fn scp(mut self, name: &str, document: impl ToString) -> Self {
        self.scps.push((name.into(), document.to_string()));
        self
    }
}

/// An account of an organization, as its management account knows it.
#[derive(Debug, Clone)]
pub struct Member {
    pub name: String,
    /// `ACTIVE`, `SUSPENDED` or `PENDING_CLOSURE`.
    pub status: String,
    /// The account itself, with the policies that are attached to it.
    pub level: Level,
    /// From the root down to the unit that it is in; what is known already need not be told again but by its id.
    pub above: Vec<Level>,
}

impl Member {
    /// An active account right below the root.
    pub fn new(account: &str) -> Self {
        let name = format!("account-{account}");
        Self { name, status: "ACTIVE".into(), level: Level::new(account), above: Vec::new() }
    }

    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// `ACTIVE`, `SUSPENDED` or `PENDING_CLOSURE`.
    pub fn status(mut self, status: &str) -> Self {
        self.status = status.into();
        self
    }

    /// Where it is: from the root down to its unit.
    pub fn under(mut self, above: impl IntoIterator<Item = Level>) -> Self {
        self.above = above.into_iter().collect();
        self
    }

    /// Attaches a policy to the account itself.
    pub fn rcp(mut self, name: &str, document: impl ToString) -> Self {
        self.level = self.level.rcp(name, document);
        self
    }

    /// Attaches a policy to the account itself.
    pub fn scp(mut self, name: &str, document: impl ToString) -> Self {
        self.level = self.level.scp(name, document);
        self
    }
}

/// Something of the tree of an organization.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    pub level: &'a Level,
    /// What it is in; nothing for a root.
    pub parent: Option<&'a str>,
}

impl Organization {
    /// Roots, units and accounts, each once; what is told first of one holds.
    pub fn tree(&self) -> Vec<Node<'_>> {
        let mut nodes: Vec<Node<'_>> = Vec::new();
        let own: Vec<&Level> = self.levels.iter().collect();
        let others = self.members.iter().map(|member| {
            let above = if member.above.is_empty() { self.levels.get(..1).unwrap_or_default() } else { &member.above };
            above.iter().chain([&member.level]).collect()
        });
        for path in [own].into_iter().chain(others) {
            let mut parent = None;
            for level in path {
                if !nodes.iter().any(|node| node.level.id == level.id) {
                    nodes.push(Node { level, parent });
                }
                parent = Some(level.id.as_str());
            }
        }
        nodes
    }

    /// The policies of the tree, each once: the same one may stand at several places.
    pub fn policies(&self) -> Vec<&(String, String)> {
        let mut policies = Vec::new();
        for policy in self.tree().into_iter().flat_map(|node| node.level.scps.iter().chain(&node.level.rcps)) {
            if !policies.contains(&policy) {
                policies.push(policy);
            }
        }
        policies
    }
}
