//! Checkpoints from people who mean harm: each gives an error or a checkpoint, in bounded memory, and no panic.
//!
//! The ordinary run takes seconds and does the same every time. `STILLBOX_HOSTILE_ROUNDS=1000000` makes it a long one.

mod allocator;
mod exercise;
mod reseal;

use bytes::Bytes;
use stillbox_checkpoint::format::{self, sample};
use stillbox_kernel::chunk::ChunkRef;

use exercise::exercise;

/// The most memory that one case may take: the sample is 30 kB, and its quota a mebibyte.
const MEMORY_MAX: usize = 16 << 20;

fn rounds(ordinary: u64) -> u64 {
    std::env::var("STILLBOX_HOSTILE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ordinary)
}

fn exported() -> Vec<u8> {
    let mut bytes = Vec::new();
    let len = format::export(&sample::record(), &sample::checkpoint(), &mut bytes).unwrap();
    assert_eq!(len, bytes.len() as u64);
    bytes
}

/// Tries a case, and returns whether it was accepted.
fn attempt(what: &str, bytes: Vec<u8>) -> bool {
    let bytes = Bytes::from(bytes);
    let (accepted, peak) = allocator::peak_of(|| exercise(&bytes));
    assert!(peak < MEMORY_MAX, "{what} took {peak} bytes");
    accepted
}

/// A generator that is good enough for choosing what to break (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// The sections of an exported checkpoint: where each line of the header is, and where its section is.
fn sections(bytes: &[u8]) -> Vec<(usize, std::ops::Range<usize>)> {
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let count = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let mut start = 16 + count * 48 + 32;
    let section = |index| {
        let line = 16 + index * 48;
        let end = start + u64_at(line + 8) as usize;
        let range = start..end;
        start = end;
        (line, range)
    };
    (0..count).map(section).collect()
}

/// Puts another section in the place of one, with lengths and hashes as they should be.
fn with_section(bytes: &[u8], index: usize, new: &[u8]) -> Vec<u8> {
    let (line, range) = sections(bytes)[index].clone();
    let mut changed = bytes.to_vec();
    changed[line + 8..line + 16].copy_from_slice(&(new.len() as u64).to_le_bytes());
    changed.splice(range, new.iter().copied());
    reseal::reseal(&mut changed);
    changed
}

/// Breaks bytes in one of the ways that find mistakes in parsers.
fn broken(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(7) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => {
                // A number, often a length, as large or as small as it can be.
                let number = [0, 1, 0xff, u64::from(u32::MAX), u64::MAX, u64::MAX / 2, 1 << 32][random.below(7)];
                let width = [4, 8][random.below(2)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
            }
            4 => {
                let len = random.below(64).min(bytes.len() - at);
                let part = bytes[at..at + len].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, part);
            }
            5 => {
                let len = random.below(64).min(bytes.len() - at);
                bytes.drain(at..at + len);
            }
            _ => {
                let to = random.below(bytes.len());
                bytes.swap(at, to);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

#[test]
fn the_sample_is_accepted() {
    assert!(attempt("the sample", exported()));
}

#[test]
fn every_truncation_is_refused() {
    let bytes = exported();
    for len in (0..bytes.len()).step_by(3) {
        assert!(!attempt("a truncated one", bytes[..len].to_vec()), "{len} bytes of {}", bytes.len());
    }
}

#[test]
fn every_flipped_bit_is_noticed_or_changes_nothing() {
    let bytes = exported();
    let expected = sample::checkpoint();
    let mut random = Random(1);
    for _ in 0..rounds(3000) {
        let mut flipped = bytes.clone();
        let at = random.below(bytes.len());
        flipped[at] ^= 1 << random.below(8);
        if attempt("a flipped bit", flipped.clone()) {
            // Compressed bytes can say the same in two ways: a run of zeros may be copied from here or from there.
            let (record, found) = format::import(&flipped.into()).unwrap();
            assert_eq!((record, &found.state), (sample::record(), &expected.state), "byte {at}");
            for index in 0..expected.chunks.count() {
                let chunk = ChunkRef(index);
                assert_eq!(found.chunks.get(chunk).unwrap(), expected.chunks.get(chunk).unwrap(), "byte {at}");
            }
        }
    }
}

#[test]
fn damage_under_good_hashes_is_an_error_or_a_checkpoint() {
    let bytes = exported();
    let list = sections(&bytes);
    let mut random = Random(2);
    let mut accepted = 0;
    let rounds = rounds(6000);
    for _ in 0..rounds {
        let index = random.below(list.len());
        let section = broken(&bytes[list[index].1.clone()], &mut random);
        accepted += u64::from(attempt("a damaged section", with_section(&bytes, index, &section)));
    }
    // If none or all went through, this would test nothing.
    assert!(accepted > rounds / 100 && accepted < rounds, "{accepted} of {rounds} were accepted");
}

#[test]
fn sections_out_of_order_twice_or_from_elsewhere_are_refused() {
    let bytes = exported();
    let list = sections(&bytes);
    for (a, b) in [(0, 1), (1, 2), (2, 3), (0, 3)] {
        let mut swapped = bytes.clone();
        let (first, second) = (bytes[list[a].0..][..48].to_vec(), bytes[list[b].0..][..48].to_vec());
        swapped[list[a].0..][..48].copy_from_slice(&second);
        swapped[list[b].0..][..48].copy_from_slice(&first);
        assert!(!attempt("swapped lines", with_section(&swapped, 0, &bytes[list[0].1.clone()])));
        let twice = bytes[list[a].1.clone()].to_vec();
        assert!(!attempt("a section in the place of another", with_section(&bytes, b, &twice)));
    }
}

#[test]
fn other_versions_and_other_files_say_what_they_are() {
    let mut bytes = exported();
    bytes[8] = 2;
    let message = |bytes: Vec<u8>| format::import(&bytes.into()).unwrap_err().to_string();
    assert_eq!(message(bytes), "it has version 2, and this program reads version 1");
    assert_eq!(message(b"\x7fELF is something else".to_vec()), "it does not begin as a checkpoint does");
    assert_eq!(message(vec![]), "it is cut off");
}

#[test]
fn enormous_lengths_are_refused_before_anything_is_made_of_them() {
    let bytes = exported();
    for (line, _) in sections(&bytes) {
        for len in [1 << 20, 1 << 40, 1 << 60, u64::MAX] {
            let mut long = bytes.clone();
            long[line + 8..line + 16].copy_from_slice(&len.to_le_bytes());
            reseal::reseal(&mut long);
            assert!(!attempt("an enormous length", long));
        }
    }
}
