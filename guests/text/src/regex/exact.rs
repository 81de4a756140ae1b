//! The back-tracking matcher.

use super::Groups;
use super::class;
use super::program::{Inst, Program};
use regex_syntax::hir::Look;

/// Above this many (instruction, place) pairs, a match does without remembering which of them failed.
const MAX_VISITED: usize = 1 << 26;

/// Returns the character of `text` at `at` and its length, if there is a valid one.
pub fn decode(text: &[u8], at: usize) -> Option<(char, usize)> {
    let first = *text.get(at)?;
    if first < 0x80 {
        return Some((char::from(first), 1));
    }
    let len = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let c = std::str::from_utf8(text.get(at..at + len)?).ok()?.chars().next()?;
    Some((c, len))
}

/// What to come back to.
enum Job {
    Try { pc: usize, at: usize },
    Restore { slot: usize, old: Option<usize> },
    RestoreAll(Vec<Option<usize>>),
}

/// One attempt at a match.
struct Run<'a> {
    program: &'a Program,
    text: &'a [u8],
    slots: Vec<Option<usize>>,
    start: usize,
    visited: Vec<u64>,
    width: usize,
}

/// Which of the matches found is taken.
#[derive(Clone, Copy)]
enum Want {
    First,
    Longest,
    EndingAt(usize),
}

impl Program {
    /// Returns the groups of the match at `start`: the longest one in POSIX syntaxes, else the first found.
    pub fn match_at(&self, text: &[u8], start: usize) -> Option<Groups> {
        self.attempt(text, start, text.len(), if self.longest { Want::Longest } else { Want::First })
    }

    /// Returns the groups of the match from `start` to `end`.
    pub fn posix_groups(&self, text: &[u8], start: usize, end: usize) -> Option<Groups> {
        self.attempt(text, start, end, Want::EndingAt(end))
    }

    fn attempt(&self, text: &[u8], start: usize, limit: usize, want: Want) -> Option<Groups> {
        if self.insts.is_empty() {
            return None;
        }
        let width = limit - start + 1;
        let pairs = width.saturating_mul(self.insts.len());
        let remember = !self.has_backrefs && pairs <= MAX_VISITED;
        let visited = if remember { vec![0; pairs / 64 + 1] } else { Vec::new() };
        let mut run = Run { program: self, text, slots: vec![None; self.slots], start, visited, width };
        run.slots[0] = Some(start);
        let end = run.run(0, start, want)?;
        run.slots[1] = Some(end);
        let pairs = run.slots[..2 * (self.groups + 1)].chunks_exact(2);
        Some(pairs.map(|pair| Some((pair[0]?, pair[1]?))).collect())
    }
}

impl Run<'_> {
    /// Tells whether this place was tried before, and remembers it.
    fn seen(&mut self, pc: usize, at: usize) -> bool {
        if self.visited.is_empty() || at - self.start >= self.width {
            return false;
        }
        let bit = pc * self.width + (at - self.start);
        let (word, mask) = (bit / 64, 1 << (bit % 64));
        let seen = self.visited[word] & mask != 0;
        self.visited[word] |= mask;
        seen
    }

    fn set(&mut self, slot: usize, value: usize, jobs: &mut Vec<Job>) {
        jobs.push(Job::Restore { slot, old: self.slots[slot] });
        self.slots[slot] = Some(value);
    }

    /// Runs from `pc` at `at`; returns where the match that `want` asks for ends, with its groups in the slots.
    fn run(&mut self, pc: usize, at: usize, want: Want) -> Option<usize> {
        let mut jobs = vec![Job::Try { pc, at }];
        let mut best: Option<(usize, Vec<Option<usize>>)> = None;
        while let Some(job) = jobs.pop() {
            let (pc, at) = match job {
                Job::Try { pc, at } => (pc, at),
                Job::Restore { slot, old } => {
                    self.slots[slot] = old;
                    continue;
                }
                Job::RestoreAll(slots) => {
                    self.slots = slots;
                    continue;
                }
            };
            let Some(end) = self.thread(pc, at, &mut jobs) else { continue };
            match want {
                Want::First => return Some(end),
                Want::EndingAt(wanted) if wanted == end => return Some(end),
                Want::EndingAt(_) => {}
                Want::Longest => {
                    if best.as_ref().is_none_or(|(longest, _)| end > *longest) {
                        best = Some((end, self.slots.clone()));
                    }
                    if end == self.text.len() {
                        break;
                    }
                }
            }
        }
        let (end, slots) = best?;
        self.slots = slots;
        Some(end)
    }

    /// Follows one thread until it matches or fails, leaving the ways not taken in `jobs`.
    fn thread(&mut self, mut pc: usize, mut at: usize, jobs: &mut Vec<Job>) -> Option<usize> {
        let program = self.program;
        loop {
            match &program.insts[pc] {
                Inst::Match => return Some(at),
                Inst::Char(c) => at += self.char_at(at).filter(|(found, _)| found == c)?.1,
                Inst::Set(set) => at += self.char_at(at).filter(|(found, _)| class::contains(set, *found))?.1,
                Inst::Byte(byte) => {
                    (self.text.get(at) == Some(byte)).then_some(())?;
                    at += 1;
                }
                Inst::Look(look) => self.looks(*look, at).then_some(())?,
                Inst::Jump(target) => {
                    pc = *target;
                    continue;
                }
                Inst::Split(first, second) => {
                    if self.seen(pc, at) {
                        return None;
                    }
                    jobs.push(Job::Try { pc: *second, at });
                    pc = *first;
                    continue;
                }
                Inst::Save(slot) => self.set(*slot, at, jobs),
                Inst::Keep => self.set(0, at, jobs),
                Inst::Progress(slot) => (self.slots[*slot] != Some(at)).then_some(())?,
                Inst::Backref(group) => at = self.backref(*group, at)?,
                Inst::Around { behind, negated, max, next } => {
                    let before = self.slots.clone();
                    let found = self.around(pc + 1, at, behind.then_some(*max));
                    if found == *negated {
                        self.slots = before;
                        return None;
                    }
                    jobs.push(Job::RestoreAll(before));
                    pc = *next;
                    continue;
                }
                Inst::Atomic { next } => {
                    let before = self.slots.clone();
                    match self.aside(pc + 1, at, Want::First) {
                        Some(end) => at = end,
                        None => {
                            self.slots = before;
                            return None;
                        }
                    }
                    jobs.push(Job::RestoreAll(before));
                    pc = *next;
                    continue;
                }
            }
            pc += 1;
        }
    }

    /// Runs a sub-program, which remembers nothing: it may be asked again from the same place.
    fn aside(&mut self, pc: usize, at: usize, want: Want) -> Option<usize> {
        let visited = std::mem::take(&mut self.visited);
        let found = self.run(pc, at, want);
        self.visited = visited;
        found
    }

    fn around(&mut self, pc: usize, at: usize, behind: Option<usize>) -> bool {
        let Some(max) = behind else {
            return self.aside(pc, at, Want::First).is_some();
        };
        let mut from = at;
        for _ in 0..=max {
            if self.aside(pc, from, Want::EndingAt(at)).is_some() {
                return true;
            }
            let Some((_, len)) = self.char_before(from) else { return false };
            from -= len;
        }
        false
    }

    fn backref(&self, group: usize, at: usize) -> Option<usize> {
        let wanted = &self.text[self.slots[2 * group]?..self.slots[2 * group + 1]?];
        let rest = &self.text[at..];
        if rest.starts_with(wanted) {
            return Some(at + wanted.len());
        }
        if !self.program.ignore_case {
            return None;
        }
        let found = rest.get(..wanted.len())?;
        let lower = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
        (lower(found) == lower(wanted)).then_some(at + wanted.len())
    }

    fn char_at(&self, at: usize) -> Option<(char, usize)> {
        if self.program.utf8 { decode(self.text, at) } else { self.text.get(at).map(|&byte| (char::from(byte), 1)) }
    }

    fn char_before(&self, at: usize) -> Option<(char, usize)> {
        let last = *self.text.get(at.checked_sub(1)?)?;
        if last < 0x80 || !self.program.utf8 {
            return Some((char::from(last), 1));
        }
        let found = (2..=4.min(at)).find_map(|len| decode(self.text, at - len).filter(|(_, found)| *found == len));
        Some(found.unwrap_or(('\u{FFFD}', 1)))
    }

    fn looks(&self, look: Look, at: usize) -> bool {
        let text = self.text;
        let word = |c: Option<(char, usize)>| {
            c.is_some_and(
                |(c, _)| if self.program.utf8 { class::is_word(c) } else { c.is_ascii() && class::is_word(c) },
            )
        };
        let (before, after) = (word(self.char_before(at)), word(self.char_at(at)));
        match look {
            Look::Start => at == 0,
            Look::End => at == text.len(),
            Look::StartLF => at == 0 || text[at - 1] == b'\n',
            Look::EndLF => at == text.len() || text[at] == b'\n',
            Look::WordAscii | Look::WordUnicode => before != after,
            Look::WordAsciiNegate | Look::WordUnicodeNegate => before == after,
            Look::WordStartAscii | Look::WordStartUnicode => !before && after,
            Look::WordEndAscii | Look::WordEndUnicode => before && !after,
            Look::WordStartHalfAscii | Look::WordStartHalfUnicode => !before,
            Look::WordEndHalfAscii | Look::WordEndHalfUnicode => !after,
            // No syntax of ours writes these.
            Look::StartCRLF | Look::EndCRLF => false,
        }
    }
}
