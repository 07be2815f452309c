//! What there is in the synthetic organization, and what must come out for it.
//!
//! Nothing is stored for an instance: all that is to know about it follows from its number, so that a million of them cost no
//! memory, and the verdicts that a run must come to can be counted without a run.

use std::ops::Add;

/// The account of the credentials when other accounts are read. It has nothing of its own.
pub const HUB: &str = "099999999999";

/// Every so many instances one has no instance profile. A prime, so that it meets all roles in turn.
const WITHOUT_PROFILE: usize = 97;

/// Every so many roles one is denied what Session Manager needs.
const DENIED: usize = 40;

/// How many customer managed policies grant what Session Manager needs.
pub const GRANTING_POLICIES: usize = 10;

/// Accounts that are all alike: each has the same roles, and the same number of instances in each Region.
#[derive(Debug, Clone)]
pub struct Fleet {
    pub accounts: Vec<String>,
    pub regions: Vec<String>,
    /// In each Region of each account.
    pub instances: usize,
    /// In each account; each has an instance profile of its own.
    pub roles: usize,
    /// What the names of profiles end with; those of roles end with `-role`.
    pub profile: &'static str,
    /// In each Region of each account; networks are shown only where there are some.
    pub vpcs: usize,
}

/// As its role's but for the last word.
pub const PROFILE: &str = "-profile";
/// Nothing that tells the name of the role.
pub const OTHER_PROFILE: &str = "-servers";

/// What lets the instances of a role be reached, or keeps them from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    AwsManaged,
    CustomerManaged(usize),
    Inline,
    Denied,
}

/// The verdicts that must come out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    pub ready: usize,
    pub not_ready: usize,
}

/// An instance as its id says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub account: usize,
    pub region: usize,
    pub instance: usize,
}

impl Fleet {
    /// One account, one Region.
    pub fn single(instances: usize, roles: usize) -> Self {
        Self { accounts: accounts(1), regions: vec!["us-east-1".into()], instances, roles, profile: PROFILE, vpcs: 1 }
    }

    /// Where an account stands in the list.
    pub fn account(&self, id: &str) -> Option<usize> {
        self.accounts.iter().position(|known| known == id)
    }

    /// Where a Region stands in the list.
    pub fn region(&self, name: &str) -> Option<usize> {
        self.regions.iter().position(|known| known == name)
    }

    /// What the role of this number grants.
    pub fn grant(&self, role: usize) -> Grant {
        let last = DENIED.min(self.roles) - 1;
        match role % DENIED {
            within if self.roles > 1 && within == last => Grant::Denied,
            within if within % 4 == 0 => Grant::AwsManaged,
            within if within % 2 == 0 => Grant::CustomerManaged(role / 2 % GRANTING_POLICIES),
            _ => Grant::Inline,
        }
    }

    /// The number of the role that an instance has, if it has one.
    pub fn role_of(&self, instance: usize) -> Option<usize> {
        (instance % WITHOUT_PROFILE != WITHOUT_PROFILE - 1).then_some(instance % self.roles)
    }

    /// The number of its VPC. Each has instances in all zones.
    pub fn vpc_of(&self, instance: usize) -> usize {
        instance / 3 % self.vpcs.max(1)
    }

    /// Whether Session Manager can reach an instance.
    pub fn is_ready(&self, instance: usize) -> bool {
        self.role_of(instance).is_some_and(|role| self.grant(role) != Grant::Denied)
    }

    /// What must come out for one Region of one account.
    pub fn expected_in_a_region(&self) -> Expected {
        let ready = (0..self.instances).filter(|instance| self.is_ready(*instance)).count();
        Expected { ready, not_ready: self.instances - ready }
    }

    /// How many instances there are in all.
    pub fn size(&self) -> usize {
        self.accounts.len() * self.regions.len() * self.instances
    }
}

impl Expected {
    pub fn times(self, factor: usize) -> Self {
        Self { ready: self.ready * factor, not_ready: self.not_ready * factor }
    }

    pub fn all(self) -> usize {
        self.ready + self.not_ready
    }

    /// The exit code of a run in which nothing stayed unknown.
    pub fn exit_code(self) -> i32 {
        i32::from(self.not_ready > 0)
    }
}

impl Add for Expected {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { ready: self.ready + other.ready, not_ready: self.not_ready + other.not_ready }
    }
}

impl Place {
    /// The 17 hexadecimal digits of the instance's id, which its network interface and its volume have too.
    pub fn digits(self) -> String {
        format!("0{:016x}", self.scattered())
    }

    /// The 16 digits behind the first, which is a zero in every id that AWS gives today. The others are as good as random there, so
    /// they are here: an odd factor gives each number another one.
    pub fn scattered(self) -> u64 {
        let packed = (self.account as u64) << 52 | (self.region as u64) << 44 | self.instance as u64;
        packed.wrapping_mul(SCATTER)
    }

    /// The instance's id.
    pub fn id(self) -> String {
        format!("i-{}", self.digits())
    }

    /// Undoes [`Place::id`].
    pub fn parse(id: &str) -> Option<Self> {
        let digits = id.strip_prefix("i-0").filter(|digits| digits.len() == 16)?;
        let packed = u64::from_str_radix(digits, 16).ok()?.wrapping_mul(GATHER);
        let part = |shift: u32, bits: u32| usize::try_from(packed >> shift & ((1 << bits) - 1)).ok();
        Some(Self { account: part(52, 12)?, region: part(44, 8)?, instance: part(0, 44)? })
    }
}

const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Its inverse: Newton's method doubles the number of right digits with each step.
const GATHER: u64 = {
    let (mut inverse, mut step) = (SCATTER, 0);
    while step < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(SCATTER.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
};

/// What instance ids begin with.
#[derive(Debug, Clone, Copy)]
pub struct Beginning {
    digits: u64,
    bits: u32,
}

impl Beginning {
    /// Reads `i-0a`; `None` for what no id here begins with.
    pub fn parse(beginning: &str) -> Option<Self> {
        let digits = beginning.strip_prefix("i-0").filter(|digits| digits.len() <= 16)?;
        let bits = 4 * u32::try_from(digits.len()).ok()?;
        let value = if digits.is_empty() { 0 } else { u64::from_str_radix(digits, 16).ok()? };
        Some(Self { digits: value, bits })
    }

    pub fn is_of(self, place: Place) -> bool {
        self.bits == 0 || place.scattered() >> (64 - self.bits) == self.digits
    }
}

/// The ids of this many accounts.
pub fn accounts(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{:012}", 100_000_000_001_usize + index)).collect()
}
