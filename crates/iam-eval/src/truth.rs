//! Three truth values, with the reasons for doubt carried along.

use serde::Serialize;
use std::collections::BTreeSet;

/// Why something is not known: context keys that would settle it, and other doubts in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct UnknownReason {
    /// The condition keys that it hangs on, as AWS documents their names where it does.
    pub keys: BTreeSet<String>,
    /// Doubts that no context key settles: lower case, no trailing period.
    pub notes: BTreeSet<String>,
}

impl UnknownReason {
    /// A doubt that the value of a context key would settle.
    pub fn key(key: &str) -> UnknownReason {
        UnknownReason { keys: BTreeSet::from([key.to_owned()]), notes: BTreeSet::new() }
    }

    /// A doubt in words.
    pub fn note(note: impl Into<String>) -> UnknownReason {
        UnknownReason { keys: BTreeSet::new(), notes: BTreeSet::from([note.into()]) }
    }

    /// Both doubts.
    pub fn merge(mut self, other: UnknownReason) -> UnknownReason {
        self.keys.extend(other.keys);
        self.notes.extend(other.notes);
        self
    }
}

/// Kleene's three-valued logic: `Unknown` stays unknown unless the other side settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// Certainly so.
    True,
    /// Certainly not so.
    False,
    /// Cannot be said, and why.
    Unknown(UnknownReason),
}

impl Truth {
    /// False if either is false, else unknown if either is unknown.
    pub fn and(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::False, _) | (_, Truth::False) => Truth::False,
            (Truth::Unknown(a), Truth::Unknown(b)) => Truth::Unknown(a.merge(b)),
            (Truth::Unknown(doubt), Truth::True) | (Truth::True, Truth::Unknown(doubt)) => Truth::Unknown(doubt),
            (Truth::True, Truth::True) => Truth::True,
        }
    }

    /// True if either is true, else unknown if either is unknown.
    pub fn or(self, other: Truth) -> Truth {
        !((!self).and(!other))
    }

    /// The two answers of two readings of the same thing: what they agree on, else unknown for `doubt`.
    pub fn agree(self, other: Truth, doubt: UnknownReason) -> Truth {
        match (self, other) {
            (Truth::True, Truth::True) => Truth::True,
            (Truth::False, Truth::False) => Truth::False,
            (Truth::Unknown(a), Truth::Unknown(b)) => Truth::Unknown(a.merge(b).merge(doubt)),
            (Truth::Unknown(a), _) | (_, Truth::Unknown(a)) => Truth::Unknown(a.merge(doubt)),
            (Truth::True, Truth::False) | (Truth::False, Truth::True) => Truth::Unknown(doubt),
        }
    }

    /// What it hangs on; nothing where it is certain.
    pub fn doubt(&self) -> UnknownReason {
        match self {
            Truth::Unknown(doubt) => doubt.clone(),
            Truth::True | Truth::False => UnknownReason::default(),
        }
    }

    /// Whether it is certainly so.
    pub fn is_true(&self) -> bool {
        matches!(self, Truth::True)
    }

    /// Whether it is certainly not so.
    pub fn is_false(&self) -> bool {
        matches!(self, Truth::False)
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    fn not(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Unknown(doubt) => Truth::Unknown(doubt),
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Truth {
        if value { Truth::True } else { Truth::False }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_tables() {
        let unknown = || Truth::Unknown(UnknownReason::key("k"));
        for (a, b, and, or) in [
            (Truth::True, Truth::True, Truth::True, Truth::True),
            (Truth::True, Truth::False, Truth::False, Truth::True),
            (Truth::True, unknown(), unknown(), Truth::True),
            (Truth::False, Truth::False, Truth::False, Truth::False),
            (Truth::False, unknown(), Truth::False, unknown()),
            (unknown(), unknown(), unknown(), unknown()),
        ] {
            assert_eq!((a.clone().and(b.clone()), a.clone().or(b.clone())), (and.clone(), or.clone()));
            assert_eq!((b.clone().and(a.clone()), b.or(a)), (and, or));
        }
    }

    #[test]
    fn readings_that_differ_are_unknown_with_every_reason() {
        assert_eq!(Truth::True.agree(Truth::True, UnknownReason::note("n")), Truth::True);
        let both = Truth::True.agree(Truth::Unknown(UnknownReason::key("k")), UnknownReason::note("n"));
        assert_eq!(both, Truth::Unknown(UnknownReason::key("k").merge(UnknownReason::note("n"))));
    }
}
