//! Text that is rendered once, with slots of fixed width that are filled in wherever it is used.
//!
//! To format a page of 1,000 instances anew takes about as long as the client needs to read it, and would be measured along with
//! it. To copy a template and to write into it takes a few milliseconds at most, and less than the answer is held back for.

/// What a slot stands for. The text of a template has [`Slot::mark`] there, which is as wide as what will stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The 12 digits of the account.
    Account,
    /// The 17 hexadecimal digits of the instance.
    Instance,
    /// The four digits of the role.
    Role,
    /// The letter of the Availability Zone.
    Zone,
    /// Two digits of the instance's number, from its last two up: fit for an address.
    Low,
    Middle,
    High,
    /// Two digits of the VPC's number.
    Vpc,
}

/// What goes into the slots.
#[derive(Debug, Clone, Default)]
pub struct Filling {
    pub account: String,
    pub instance: String,
    pub role: usize,
    pub number: usize,
    pub vpc: usize,
}

/// A text with slots.
#[derive(Debug, Clone)]
pub struct Template {
    text: Vec<u8>,
    slots: Vec<(usize, Slot)>,
}

const ALL: [Slot; 8] =
    [Slot::Account, Slot::Instance, Slot::Role, Slot::Zone, Slot::Low, Slot::Middle, Slot::High, Slot::Vpc];

impl Slot {
    /// What stands for it in a text. Control characters, which XML must not have: no text has them otherwise.
    pub fn mark(self) -> &'static str {
        match self {
            Slot::Account => "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}",
            Slot::Instance => "\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}\u{2}",
            Slot::Role => "\u{3}\u{3}\u{3}\u{3}",
            Slot::Zone => "\u{4}",
            Slot::Low => "\u{5}\u{5}",
            Slot::Middle => "\u{6}\u{6}",
            Slot::High => "\u{7}\u{7}",
            Slot::Vpc => "\u{8}\u{8}",
        }
    }
}

impl Filling {
    /// All that is needed where only the account is of interest.
    pub fn of_account(account: &str) -> Self {
        Self { account: account.to_owned(), ..Self::default() }
    }
}

impl Template {
    /// Finds the slots of a text.
    pub fn new(text: &str) -> Self {
        let found = |slot: Slot| text.match_indices(slot.mark()).map(move |(at, _)| (at, slot));
        Self { text: text.as_bytes().to_vec(), slots: ALL.into_iter().flat_map(found).collect() }
    }

    /// Appends the text, its slots filled.
    pub fn write(&self, filling: &Filling, page: &mut Vec<u8>) {
        let start = page.len();
        page.extend_from_slice(&self.text);
        let text = &mut page[start..];
        for (at, slot) in &self.slots {
            let at = *at;
            match slot {
                Slot::Account => text[at..at + 12].copy_from_slice(&filling.account.as_bytes()[..12]),
                Slot::Instance => text[at..at + 17].copy_from_slice(&filling.instance.as_bytes()[..17]),
                Slot::Role => {
                    put_two(text, at, filling.role / 100);
                    put_two(text, at + 2, filling.role);
                }
                Slot::Zone => text[at] = zone(filling.number),
                Slot::Low => put_two(text, at, filling.number),
                Slot::Middle => put_two(text, at, filling.number / 100),
                Slot::High => put_two(text, at, filling.number / 10_000),
                Slot::Vpc => put_two(text, at, filling.vpc),
            }
        }
    }

    /// How long the text is.
    pub fn len(&self) -> usize {
        self.text.len()
    }
}

/// The letter of the Availability Zone in which the instance of this number is.
pub fn zone(number: usize) -> u8 {
    b"abc"[number % 3]
}

fn put_two(text: &mut [u8], at: usize, number: usize) {
    text[at] = b"0123456789"[number / 10 % 10];
    text[at + 1] = b"0123456789"[number % 10];
}
