//! A short run of a fuzz target, the same each time: the seeds, and what becomes of them by a fixed number of edits.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

/// Runs a target on its seeds, and on each of them after `rounds` rounds of edits.
pub fn replay(target: &str, rounds: usize, check: impl Fn(&[u8])) {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|above| above.join("fuzz/seeds").join(target));
    let directory = directory.into_iter().find(|directory| directory.is_dir()).expect("the target has seeds");
    let files = fs::read_dir(directory).expect("it can be read").map(|file| file.expect("it can be read").path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).expect("it can be read")).collect();
    assert!(!seeds.is_empty());
    let check = |input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(input))) {
            eprintln!("the input of `{target}`: {:?}", String::from_utf8_lossy(input));
            resume_unwind(panic);
        }
    };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for seed in &seeds {
        check(seed);
        let mut input = seed.clone();
        for round in 0..rounds {
            // A few edits on top of each other, then the seed again.
            if round % 8 == 0 {
                input.clone_from(seed);
            }
            edit(&mut input, &seeds, &mut random);
            check(&input);
        }
    }
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Longer inputs are cut.
const LONGEST: usize = 8192;

fn edit(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let from = random.below(input.len() + 1);
    let until = (from + random.below(24)).min(input.len());
    match random.below(6) {
        0 => drop(input.drain(from..until)),
        1 => {
            let piece = input[from..until].to_vec();
            let at = random.below(input.len() + 1);
            input.splice(at..at, piece);
        }
        2 => {
            let other = &seeds[random.below(seeds.len())];
            let start = random.below(other.len() + 1);
            let end = (start + random.below(64)).min(other.len());
            input.splice(from..until, other[start..end].iter().copied());
        }
        3 => {
            if let Some(byte) = input.get_mut(from) {
                *byte = random.below(256) as u8;
            }
        }
        4 => input.insert(from, b"*?:\"{}[],$/ 0a\\\n"[random.below(16)]),
        _ => {
            let byte = (random.below(95) + 32) as u8;
            input.splice(from..until, [byte]);
        }
    }
    input.truncate(LONGEST);
}
