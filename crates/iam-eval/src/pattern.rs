//! Wildcard patterns against strings that may be unknown in part.
//!
//! `*` stands for any run of characters, `?` for exactly one
//! ([IAM JSON policy elements: Resource](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html)).
//! A match runs a set of states through the string, a bit a state and 64 bits at a time, so that no
//! pattern is slow: the cost is the string's length times the pattern's length over 64.

use std::collections::HashMap;

use super::text::{Part, Text};

/// One element of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// This character.
    Char(char),
    /// Exactly one character, `?`.
    One,
    /// Any run of characters, `*`.
    Run,
    /// A variable's value that is not known: it may match any run, but never certainly.
    Unknown,
}

/// How a pattern and a string relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// The pattern matches, whatever the unknown parts are.
    Always,
    /// It may match or not.
    Maybe,
    /// It cannot match, whatever the unknown parts are.
    Never,
}

/// A pattern, ready to be matched.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// Without `Unknown`, which became `Run`; no two runs touch, and every run stands behind the `?`s beside it.
    pieces: Vec<Piece>,
    /// Whether there was an `Unknown`.
    doubtful: bool,
    /// Where each character stands in `pieces`.
    places: HashMap<char, Vec<usize>>,
    masks: Masks,
}

impl Pattern {
    /// Prepares the pieces.
    pub fn new(given: impl IntoIterator<Item = Piece>) -> Pattern {
        let mut pattern =
            Pattern { pieces: Vec::new(), doubtful: false, places: HashMap::new(), masks: Masks::default() };
        let mut run = false;
        for piece in given {
            match piece {
                Piece::Run => run = true,
                Piece::Unknown => (run, pattern.doubtful) = (true, true),
                Piece::One => pattern.pieces.push(Piece::One),
                Piece::Char(c) => {
                    if std::mem::take(&mut run) {
                        pattern.pieces.push(Piece::Run);
                    }
                    pattern.places.entry(c).or_default().push(pattern.pieces.len());
                    pattern.pieces.push(piece);
                }
            }
        }
        if run {
            pattern.pieces.push(Piece::Run);
        }
        pattern.masks = Masks::of(&pattern.pieces, &pattern.places);
        pattern
    }

    /// A pattern with `*` and `?`.
    pub fn wildcards(text: &str) -> Pattern {
        Pattern::new(text.chars().map(piece_of))
    }

    /// The number of its pieces.
    pub fn length(&self) -> u64 {
        self.pieces.len() as u64
    }

    /// Whether it matches every string.
    pub fn is_star(&self) -> bool {
        !self.doubtful && self.pieces == [Piece::Run]
    }

    /// Matches a plain string: a `*` may stand for any characters.
    pub fn matches(&self, text: &Text) -> Match {
        self.relate(text, false)
    }

    /// Matches an ARN of a request. A `*` at the end of an ARN segment may run over colons; one in the middle of a
    /// segment, or a `?`, that would have to do so is undocumented, hence `Maybe`.
    pub fn matches_arn(&self, text: &Text) -> Match {
        self.relate(text, true)
    }

    fn relate(&self, text: &Text, colons_bind: bool) -> Match {
        if self.is_star() {
            return Match::Always;
        }
        if !self.prefix_fits(text) || !self.run(text, Reading::Possible) {
            return Match::Never;
        }
        if !self.doubtful && !colons_bind && text.as_known().is_some() {
            return Match::Always;
        }
        let reading = if colons_bind { Reading::CertainArn } else { Reading::Certain };
        if !self.doubtful && self.run(text, reading) { Match::Always } else { Match::Maybe }
    }

    /// A quick no for most of the patterns that do not match: what stands before the first wildcard differs.
    fn prefix_fits(&self, text: &Text) -> bool {
        let Some(Part::Known(start)) = text.parts().first() else { return true };
        let literal = self.pieces.iter().map_while(|piece| match piece {
            Piece::Char(c) => Some(*c),
            Piece::One | Piece::Run | Piece::Unknown => None,
        });
        literal.zip(start.chars()).all(|(a, b)| a == b)
    }

    fn run(&self, text: &Text, reading: Reading) -> bool {
        let length: usize = text.parts().iter().map(known_length).sum();
        let least = self.pieces.iter().filter(|piece| **piece != Piece::Run).count();
        let has_unknown = text.as_known().is_none();
        if least > length && (!has_unknown || reading != Reading::Possible) {
            return false;
        }
        let masks = &self.masks;
        let mut states = States::start(masks);
        let mut colons = 0;
        for part in text.parts() {
            match part {
                Part::Any if reading == Reading::Possible => states.anywhere_ahead(),
                Part::Any => states.only_runs(masks),
                Part::Within { slashes, may_be_empty } if reading == Reading::Possible => {
                    // No name in AWS holds a wildcard.
                    let fits = |c: char| !":*?".contains(c) && (*slashes || c != '/');
                    states.anywhere_by(&self.pieces, fits, *may_be_empty);
                }
                Part::Within { may_be_empty, .. } => {
                    if !may_be_empty {
                        states.advance_by_unknown(masks);
                    }
                    states.only_runs(masks);
                }
                Part::Digit if reading == Reading::Possible => {
                    states.advance_by_some(masks, &self.places, |c| c.is_ascii_digit());
                }
                Part::Digit => states.advance_by_unknown(masks),
                Part::Placeholder(token) => {
                    // The same text stands for the same name, whatever that will be.
                    let by_token = states.after(token, &self.places);
                    if reading == Reading::Possible {
                        // Nor does one hold the braces that another placeholder has.
                        states.anywhere_by(&self.pieces, |c| !":*?/{}".contains(c), false);
                    } else {
                        states.advance_by_unknown(masks);
                        states.only_runs(masks);
                    }
                    states.add(&by_token, masks);
                }
                Part::Known(known) => {
                    for c in known.chars() {
                        colons += usize::from(c == ':');
                        // Only the first five colons part an ARN; those of its resource are ordinary characters.
                        let binds = reading == Reading::CertainArn && c == ':' && colons <= 5;
                        states.advance(masks, c, self.places.get(&c), binds);
                    }
                }
            }
            if states.is_empty() {
                return false;
            }
        }
        states.accepts(self.pieces.len())
    }
}

/// A wildcard character, or the character itself.
pub(super) fn piece_of(c: char) -> Piece {
    match c {
        '*' => Piece::Run,
        '?' => Piece::One,
        other => Piece::Char(other),
    }
}

fn known_length(part: &Part) -> usize {
    match part {
        Part::Known(text) | Part::Placeholder(text) => text.chars().count(),
        Part::Digit | Part::Within { may_be_empty: false, .. } => 1,
        Part::Any | Part::Within { .. } => 0,
    }
}

/// What a run over a string asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Can it match for some value of the unknown parts?
    Possible,
    /// Does it match for every value of them?
    Certain,
    /// The same, where a `?`, and a `*` in the middle of an ARN segment, stay within it.
    CertainArn,
}

/// Bits of the pieces, 64 to a word; bit `i` is the state "before piece `i`".
#[derive(Debug, Clone, Default)]
struct Masks {
    ones: Vec<u64>,
    runs: Vec<u64>,
    /// Runs at the end of an ARN segment: a colon, or nothing, follows.
    end_runs: Vec<u64>,
    /// The places of those characters that stand in more places than there are words: at most 64 of them.
    frequent: HashMap<char, Vec<u64>>,
}

impl Masks {
    fn of(pieces: &[Piece], places: &HashMap<char, Vec<usize>>) -> Masks {
        let words = pieces.len() / 64 + 1;
        let empty = || vec![0; words];
        let mut masks = Masks { ones: empty(), runs: empty(), end_runs: empty(), frequent: HashMap::new() };
        for (c, places) in places.iter().filter(|(_, places)| places.len() > words) {
            let mut mask = empty();
            places.iter().for_each(|place| set(&mut mask, *place));
            masks.frequent.insert(*c, mask);
        }
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::One => set(&mut masks.ones, index),
                Piece::Run | Piece::Unknown => {
                    set(&mut masks.runs, index);
                    if matches!(pieces.get(index + 1), None | Some(Piece::Char(':'))) {
                        set(&mut masks.end_runs, index);
                    }
                }
                Piece::Char(_) => {}
            }
        }
        masks
    }
}

struct States {
    now: Vec<u64>,
    moved: Vec<u64>,
}

impl States {
    fn start(masks: &Masks) -> States {
        let words = masks.runs.len();
        let mut states = States { now: vec![0; words], moved: vec![0; words] };
        set(&mut states.now, 0);
        states.skip_runs(masks);
        states
    }

    /// A run may match nothing: whoever stands before one stands behind it too. No two runs touch, so one step is all.
    fn skip_runs(&mut self, masks: &Masks) {
        let mut carry = 0;
        for (now, runs) in self.now.iter_mut().zip(&masks.runs) {
            let before = *now & runs;
            *now |= (before << 1) | carry;
            carry = before >> 63;
        }
    }

    fn advance(&mut self, masks: &Masks, c: char, places: Option<&Vec<usize>>, binds: bool) {
        self.moved.iter_mut().for_each(|word| *word = 0);
        if let Some(mask) = masks.frequent.get(&c) {
            let mut carry = 0;
            for ((moved, now), mask) in self.moved.iter_mut().zip(&self.now).zip(mask) {
                let step = now & mask;
                *moved = (step << 1) | carry;
                carry = step >> 63;
            }
        } else {
            for place in places.into_iter().flatten().filter(|place| get(&self.now, **place)) {
                set(&mut self.moved, place + 1);
            }
        }
        if binds {
            // Neither a `?` nor a run in the middle of a segment takes the colon.
            for ((now, moved), stay) in self.now.iter_mut().zip(&self.moved).zip(&masks.end_runs) {
                *now = (*now & stay) | moved;
            }
            self.skip_runs(masks);
        } else {
            self.finish(masks);
        }
    }

    /// Adds to what has moved over a literal what moves over a `?`, and what stays in a run.
    fn finish(&mut self, masks: &Masks) {
        let mut carry = 0;
        for (((now, moved), ones), runs) in self.now.iter_mut().zip(&self.moved).zip(&masks.ones).zip(&masks.runs) {
            let step = *now & ones;
            *now = (*now & runs) | moved | (step << 1) | carry;
            carry = step >> 63;
        }
        self.skip_runs(masks);
    }

    /// One character of which nothing is known: only `?` and `*` take it for certain.
    fn advance_by_unknown(&mut self, masks: &Masks) {
        self.moved.iter_mut().for_each(|word| *word = 0);
        self.finish(masks);
    }

    /// One character that may be any of those that fit.
    fn advance_by_some(&mut self, masks: &Masks, places: &HashMap<char, Vec<usize>>, fits: impl Fn(char) -> bool) {
        self.moved.iter_mut().for_each(|word| *word = 0);
        let fitting = places.iter().filter(|(c, _)| fits(**c)).flat_map(|(_, places)| places);
        for place in fitting.filter(|place| get(&self.now, **place)) {
            set(&mut self.moved, place + 1);
        }
        self.finish(masks);
    }

    /// A run of characters that fit. Every state lies behind the one that it comes from, so one pass is all.
    fn anywhere_by(&mut self, pieces: &[Piece], fits: impl Fn(char) -> bool, may_be_empty: bool) {
        let mut behind = vec![0; self.now.len()];
        for (index, piece) in pieces.iter().enumerate() {
            let here = get(&self.now, index);
            let reached = get(&behind, index);
            match piece {
                Piece::Run | Piece::Unknown => {
                    if here || reached {
                        set(&mut behind, index);
                        set(&mut behind, index + 1);
                    }
                }
                Piece::One if here || reached => set(&mut behind, index + 1),
                Piece::Char(c) if (here || reached) && fits(*c) => set(&mut behind, index + 1),
                Piece::One | Piece::Char(_) => {}
            }
        }
        if may_be_empty {
            self.now.iter_mut().zip(&behind).for_each(|(now, behind)| *now |= behind);
        } else {
            self.now = behind;
        }
    }

    /// An unknown part may be what brings the match to any later state.
    fn anywhere_ahead(&mut self) {
        let mut reached = false;
        for word in &mut self.now {
            if reached {
                *word = u64::MAX;
            } else if *word != 0 {
                *word = u64::MAX << word.trailing_zeros();
                reached = true;
            }
        }
    }

    /// Only a run takes in every value of an unknown part.
    fn only_runs(&mut self, masks: &Masks) {
        self.now.iter_mut().zip(&masks.runs).for_each(|(now, runs)| *now &= runs);
        self.skip_runs(masks);
    }

    /// What stands behind a text that is matched by its own characters, and by no wildcard.
    fn after(&self, text: &str, places: &HashMap<char, Vec<usize>>) -> Vec<u64> {
        text.chars().fold(self.now.clone(), |now, c| {
            let mut moved = vec![0; now.len()];
            for place in places.get(&c).into_iter().flatten().filter(|place| get(&now, **place)) {
                set(&mut moved, place + 1);
            }
            moved
        })
    }

    fn add(&mut self, others: &[u64], masks: &Masks) {
        self.now.iter_mut().zip(others).for_each(|(now, other)| *now |= other);
        self.skip_runs(masks);
    }

    fn is_empty(&self) -> bool {
        self.now.iter().all(|word| *word == 0)
    }

    fn accepts(&self, end: usize) -> bool {
        get(&self.now, end)
    }
}

fn set(words: &mut [u64], bit: usize) {
    if let Some(word) = words.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}

fn get(words: &[u64], bit: usize) -> bool {
    words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::Match::*;
    use super::*;
    use proptest::prelude::*;

    fn plain(pattern: &str, text: &str) -> Match {
        Pattern::wildcards(pattern).matches(&Text::known(text))
    }

    #[test]
    fn wildcards_match_runs_and_single_characters() {
        for (pattern, text, expected) in [
            ("", "", Always),
            ("", "a", Never),
            ("*", "", Always),
            ("**", "anything", Always),
            ("?", "", Never),
            ("?", "ü", Always),
            ("a?c", "abc", Always),
            ("a?c", "ac", Never),
            ("a*c", "ac", Always),
            ("a*c", "abcbc", Always),
            ("a*c", "abcb", Never),
            ("*?*?", "a", Never),
            ("*?*?", "ab", Always),
            ("*a*b*", "xxbxaxxb", Always),
            ("A", "a", Never),
        ] {
            assert_eq!(plain(pattern, text), expected, "`{pattern}` on `{text}`");
        }
    }

    /// No pattern but one that has the placeholder itself is certain of what the name will be, and no name is another
    /// placeholder.
    #[test]
    fn a_placeholder_is_an_unknown_name_to_all_but_itself() {
        let text = Text::of([Part::from("key/"), Part::Placeholder("{Key}".to_owned())]);
        for (pattern, expected) in [
            ("key/{Key}", Always),
            ("*{Key}", Always),
            ("*/{Key}", Always),
            ("key/*", Always),
            ("*", Always),
            ("key/?*", Always),
            ("key/?????", Maybe),
            ("key/1*", Maybe),
            ("key/{???}", Never),
            ("key/{K*", Never),
            ("key/{Key}x", Never),
            ("key/{Other}", Never),
            ("key/a/b", Never),
            ("key/", Never),
            ("alias/*", Never),
        ] {
            assert_eq!(Pattern::wildcards(pattern).matches(&text), expected, "{pattern}");
        }
    }

    #[test]
    fn unknown_parts_of_the_string() {
        for (pattern, text, expected) in [
            ("a*", "a*", Always),
            ("a*", "ab*", Always),
            ("ab*", "a*", Maybe),
            ("b*", "a*", Never),
            ("*z", "*y", Never),
            ("?*", "*", Maybe),
            ("a*b", "a*b", Always),
            ("a?b", "a*b", Maybe),
            ("abc", "*", Maybe),
            ("abc", "*d", Never),
            ("*", "*", Always),
        ] {
            let answer = Pattern::wildcards(pattern).matches(&Text::with_wildcards(text));
            assert_eq!(answer, expected, "`{pattern}` on `{text}`");
        }
    }

    #[test]
    fn unknown_parts_hold_no_colon_where_they_are_names() {
        let account = || std::iter::repeat_n(Part::Digit, 12);
        let instance = |tail: &[Part]| {
            let start = [Part::from("arn:aws:ec2:"), Part::NAME, Part::from(":")].into_iter();
            Text::of(start.chain(account()).chain([Part::from(":instance/i-")]).chain(tail.iter().cloned()))
        };
        let any = instance(&[Part::NAME]);
        for (pattern, expected) in [
            ("arn:aws:ec2:*:*:instance/*", Always),
            ("arn:aws:ec2:*:*:instance/i-*", Always),
            ("arn:aws:ec2:?*:????????????:instance/i-?*", Always),
            ("arn:aws:ec2:*:???????????:instance/*", Never),
            ("arn:aws:ec2:*:*:volume/*", Never),
            ("arn:aws:ec2:*:*:instance/mi-*", Never),
            ("arn:aws:ec2:us-east-1:111122223333:instance/*", Maybe),
            ("arn:aws:ec2:*:11112222333x:instance/*", Never),
            ("arn:aws:ec2:*:*:instance/i-0*", Maybe),
            ("arn:aws:ec2:*:*:instance/i-a/b", Never),
            ("arn:aws:ec2:*:*:instance/i-", Never),
        ] {
            assert_eq!(Pattern::wildcards(pattern).matches_arn(&any), expected, "{pattern}");
        }
        let role = Text::of([Part::from("arn:aws:iam::1:role/"), Part::PATH]);
        for (pattern, expected) in
            [("arn:aws:iam::*:root", Never), ("arn:aws:iam::*:role/a/b", Maybe), ("arn:aws:iam::*:role/?*", Always)]
        {
            assert_eq!(Pattern::wildcards(pattern).matches(&role), expected, "{pattern}");
        }
        let partition = Text::of([Part::from("arn:aws"), Part::REST, Part::from(":s3:::b")]);
        for (pattern, expected) in [
            ("arn:aws:s3:::b", Maybe),
            ("arn:aws-cn:s3:::b", Maybe),
            ("arn:*:s3:::b", Always),
            ("arn:aws*:s3:::b", Always),
        ] {
            assert_eq!(Pattern::wildcards(pattern).matches(&partition), expected, "{pattern}");
        }
    }

    #[test]
    fn an_unknown_variable_never_matches_for_certain() {
        let pattern = Pattern::new([Piece::Char('a'), Piece::Unknown, Piece::Char('z')]);
        for (text, expected) in [("az", Maybe), ("abz", Maybe), ("ab", Never)] {
            assert_eq!(pattern.matches(&Text::known(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_star_at_the_end_of_a_segment_runs_over_colons_and_one_in_the_middle_is_in_doubt() {
        let arn = "arn:aws:ec2:us-east-1:111122223333:instance/i-1";
        for (pattern, expected) in [
            ("arn:aws:ec2:*:*:instance/*", Always),
            ("arn:aws:ec2:*", Always),
            ("arn:*:instance/*", Always),
            ("arn:aws:ec2:us-*-1:*:instance/*", Always),
            ("arn:aws:ec2:us-e*:instance/*", Always),
            ("arn:aws:e*1:111122223333:instance/*", Maybe),
            ("*:instance/i-1", Always),
            ("*instance/i-1", Maybe),
            ("arn:aws:s3:::*", Never),
        ] {
            assert_eq!(Pattern::wildcards(pattern).matches_arn(&Text::known(arn)), expected, "{pattern}");
        }
        let log = Text::known("arn:aws:logs:us-east-1:111122223333:log-group:a:log-stream:b");
        assert_eq!(
            Pattern::wildcards("arn:aws:logs:*:*:log-g*m:b").matches_arn(&log),
            Always,
            "colons of the resource"
        );
    }

    #[test]
    fn ten_thousand_stars_against_a_long_string_are_no_work() {
        let text = Text::known("a".repeat(12_000));
        for (pattern, expected) in [
            ("*".repeat(10_000), Always),
            ("*a".repeat(10_000), Always),
            ("*a".repeat(10_000) + "b", Never),
            ("*?".repeat(10_000), Always),
            ("*?a".repeat(6_000), Always),
            ("*?a".repeat(6_001), Never),
        ] {
            assert_eq!(Pattern::wildcards(&pattern).matches(&text), expected);
        }
    }

    /// The definition, by trying every split.
    fn slow(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|at| slow(rest, &text[at..])),
            Some((c, rest)) => text.split_first().is_some_and(|(t, tail)| (*c == '?' || c == t) && slow(rest, tail)),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab:*?]{0,12}", text in "[ab:]{0,12}") {
            let expected = slow(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
            prop_assert_eq!(plain(&pattern, &text), if expected { Always } else { Never });
        }

        #[test]
        fn filling_in_an_unknown_part_only_settles_the_answer(pattern in "[ab:*?]{0,8}", text in "[ab:*]{0,6}", value in "[ab:]{0,4}") {
            let before = Pattern::wildcards(&pattern).matches(&Text::with_wildcards(&text));
            let after = plain(&pattern, &text.replace('*', &value));
            prop_assert!(before == Maybe || before == after, "{:?} became {:?}", before, after);
        }

        #[test]
        fn filling_in_a_name_only_settles_the_answer(pattern in "[a:*?/]{0,8}", before in "[a:]{0,3}", name in "[a1]{1,3}", digit in "[0-9]") {
            let text = Text::of([Part::from(before.as_str()), Part::NAME, Part::Digit, Part::REST]);
            let unsettled = Pattern::wildcards(&pattern).matches(&text);
            let settled = plain(&pattern, &format!("{before}{name}{digit}"));
            prop_assert!(unsettled == Maybe || unsettled == settled, "{:?} became {:?}", unsettled, settled);
        }

        #[test]
        fn long_patterns_agree_across_word_borders(prefix in "a{55,70}", pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            prop_assert_eq!(plain(&format!("{prefix}{pattern}"), &format!("{prefix}{text}")), plain(&pattern, &text));
        }
    }
}
