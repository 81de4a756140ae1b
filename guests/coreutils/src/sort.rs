//! `sort`, with the checking and merging that the library does in a second thread, of which there is none here.
//!
//! Both are made of what it does in one: a merge of files in order is a sort of all of them, and a file is in order if
//! each line has its place among the sorted ones behind the line before.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::PathBuf;
use std::{env, fs};

use uucore::error::strip_errno;

/// The short options that have a value, and the long ones.
const SHORT_WITH_VALUE: &[u8] = b"koStT";
const LONG_WITH_VALUE: [&str; 11] = [
    "batch-size",
    "buffer-size",
    "compress-program",
    "field-separator",
    "files0-from",
    "key",
    "output",
    "parallel",
    "random-source",
    "sort",
    "temporary-directory",
];

/// Runs `sort` with these arguments, as the library's utilities are run, and returns its exit status.
pub fn uumain(arguments: std::vec::IntoIter<OsString>) -> i32 {
    let all: Vec<OsString> = arguments.collect();
    let given = Given::read(&all);
    match given {
        Given { check: Some(check), .. } if given.can_check() => run_check(&given, check),
        Given { check: None, merge: true, .. } => {
            sort(given.options.into_iter().chain(given.unique.then(|| "-u".into())), given.files)
        }
        // What contradicts itself is refused there.
        _ => uu_sort::uumain(all.into_iter()),
    }
}

fn sort(options: impl IntoIterator<Item = OsString>, files: Vec<OsString>) -> i32 {
    let arguments: Vec<_> =
        [OsString::from("sort")].into_iter().chain(options).chain(["--".into()]).chain(files).collect();
    uu_sort::uumain(arguments.into_iter())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    /// Tells the first line out of order.
    Diagnose,
    /// Has only an exit status.
    Silent,
    /// Is asked for in a way that there is not, or in both ways.
    Invalid,
}

/// The command line, taken apart as far as it matters here.
#[derive(Default)]
struct Given {
    check: Option<Check>,
    merge: bool,
    unique: bool,
    zero_terminated: bool,
    output: bool,
    /// All the others.
    options: Vec<OsString>,
    files: Vec<OsString>,
}

impl Given {
    fn read(arguments: &[OsString]) -> Self {
        let mut given = Self::default();
        let mut arguments = arguments.iter().skip(1);
        while let Some(argument) = arguments.next() {
            let has_value = match argument.as_encoded_bytes() {
                b"--" => break,
                [b'-', b'-', long @ ..] => given.read_long(&String::from_utf8_lossy(long), argument),
                [b'-', letters @ ..] if !letters.is_empty() => given.read_short(letters, argument),
                _ => {
                    given.files.push(argument.clone());
                    false
                }
            };
            if has_value {
                given.options.extend(arguments.next().cloned());
            }
        }
        given.files.extend(arguments.cloned());
        given
    }

    /// Reads a long option, which may be abbreviated, and returns whether its value is the next argument.
    fn read_long(&mut self, long: &str, argument: &OsString) -> bool {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let is = |whole: &str, shortest: usize| name.len() >= shortest && whole.starts_with(name);
        if is("check", 2) {
            self.wants(match value {
                None | Some("") => Check::Diagnose,
                Some(value) if "diagnose-first".starts_with(value) => Check::Diagnose,
                Some(value) if "silent".starts_with(value) || "quiet".starts_with(value) => Check::Silent,
                Some(_) => Check::Invalid,
            });
        } else if is("check-silent", 6) {
            self.wants(Check::Silent);
        } else if is("merge", 1) {
            self.merge = true;
        } else if is("unique", 1) {
            self.unique = true;
        } else {
            self.zero_terminated |= is("zero-terminated", 1);
            self.output |= is("output", 1);
            self.options.push(argument.clone());
            return value.is_none() && LONG_WITH_VALUE.iter().any(|known| known.starts_with(name));
        }
        false
    }

    /// Reads short options, and returns whether the value of the last one is the next argument.
    fn read_short(&mut self, letters: &[u8], argument: &OsString) -> bool {
        let flags = letters.iter().position(|letter| SHORT_WITH_VALUE.contains(letter)).unwrap_or(letters.len());
        let mut kept = String::from("-");
        for letter in &letters[..flags] {
            match letter {
                b'c' => self.wants(Check::Diagnose),
                b'C' => self.wants(Check::Silent),
                b'm' => self.merge = true,
                b'u' => self.unique = true,
                b'z' => {
                    self.zero_terminated = true;
                    kept.push('z');
                }
                letter => kept.push(char::from(*letter)),
            }
        }
        if kept.len() > 1 {
            self.options.push(kept.into());
        }
        let Some(letter) = letters.get(flags) else { return false };
        self.output |= *letter == b'o';
        let option = argument.as_encoded_bytes()[1 + flags..].to_vec();
        let has_value = option.len() == 1;
        self.options.push(uucore::os_string_from_vec([b"-".to_vec(), option].concat()).unwrap_or_default());
        has_value
    }

    fn wants(&mut self, check: Check) {
        let is_other = self.check.is_some_and(|before| before != check);
        self.check = Some(if is_other { Check::Invalid } else { check });
    }

    fn can_check(&self) -> bool {
        self.check != Some(Check::Invalid) && !self.output && self.files.len() <= 1
    }
}

/// Checks that the one file, or standard input, is in order, and returns the exit status that says so.
fn run_check(given: &Given, check: Check) -> i32 {
    let name = given.files.first().cloned().unwrap_or_else(|| "-".into());
    let mut content = Vec::new();
    let read = match name.to_str() {
        Some("-") => io::stdin().read_to_end(&mut content),
        _ => fs::File::open(&name).and_then(|mut file| file.read_to_end(&mut content)),
    };
    if let Err(error) = read {
        eprintln!("sort: cannot read: {}: {}", name.display(), strip_errno(&error));
        return 2;
    }
    let separator = if given.zero_terminated { 0 } else { b'\n' };
    let places = match Files::with(&content).and_then(|files| places(given, &files, separator)) {
        Ok(Ok(places)) => places,
        Ok(Err(status)) => return status,
        Err(error) => {
            eprintln!("sort: cannot check {}: {}", name.display(), strip_errno(&error));
            return 2;
        }
    };
    match first_disorder(&lines(&content, separator), places) {
        None => 0,
        Some((at, line)) => {
            if check == Check::Diagnose {
                eprintln!("sort: {}:{}: disorder: {}", name.display(), at + 1, String::from_utf8_lossy(line));
            }
            1
        }
    }
}

/// What is sorted and where the result goes, for as long as it takes.
struct Files {
    content: PathBuf,
    sorted: PathBuf,
}

impl Files {
    fn with(content: &[u8]) -> io::Result<Self> {
        let directory = PathBuf::from(env::var_os("TMPDIR").unwrap_or_else(|| "/tmp".into()));
        let name = |part: &str| directory.join(format!("sort-{}-{part}", stillbox_sys::getpid()));
        let files = Self { content: name("content"), sorted: name("sorted") };
        fs::write(&files.content, content)?;
        Ok(files)
    }

    /// Sorts by the options that are given and one more, and returns the result, or the status of the failure.
    fn sort(&self, given: &Given, option: Option<&str>) -> io::Result<Result<Vec<u8>, i32>> {
        let options = given.options.iter().cloned();
        let more = option.map(OsString::from).into_iter().chain(["-o".into(), self.sorted.clone().into_os_string()]);
        match sort(options.chain(more), vec![self.content.clone().into_os_string()]) {
            0 => fs::read(&self.sorted).map(Ok),
            status => Ok(Err(status)),
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.content);
        let _ = fs::remove_file(&self.sorted);
    }
}

/// Where the lines with some text belong, the first of them last.
type Places = HashMap<Vec<u8>, Vec<usize>>;

/// Returns the places of all lines in order. Lines that count as the same have the same place if they are to be unique.
fn places(given: &Given, files: &Files, separator: u8) -> io::Result<Result<Places, i32>> {
    // What is unique ignores the order of lines that count as the same, and so does what is stable.
    let sorted = match files.sort(given, given.unique.then_some("-s"))? {
        Ok(sorted) => sorted,
        Err(status) => return Ok(Err(status)),
    };
    let mut firsts = Vec::new();
    if given.unique {
        match files.sort(given, Some("-u"))? {
            Ok(unique) => firsts = unique,
            Err(status) => return Ok(Err(status)),
        }
    }
    let mut firsts = lines(&firsts, separator).into_iter().peekable();
    let mut place = 0;
    let mut places = Places::new();
    for line in lines(&sorted, separator) {
        // The first of those that count as the same is the one that is left of them.
        if !given.unique || firsts.next_if_eq(&line).is_some() {
            place += 1;
        }
        places.entry(line.to_vec()).or_default().push(place);
    }
    for all in places.values_mut() {
        all.reverse();
    }
    Ok(Ok(places))
}

/// Returns the first line that doesn't belong behind the one before it, and its index.
fn first_disorder<'a>(lines: &[&'a [u8]], mut places: Places) -> Option<(usize, &'a [u8])> {
    let mut before = 0;
    lines.iter().enumerate().find_map(|(at, line)| {
        let place = places.get_mut(*line).and_then(Vec::pop).unwrap_or_default();
        let is_behind = place > before;
        before = place;
        (!is_behind).then_some((at, *line))
    })
}

fn lines(content: &[u8], separator: u8) -> Vec<&[u8]> {
    let mut lines: Vec<_> = content.split(|byte| *byte == separator).collect();
    lines.pop_if(|last| last.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(line: &str) -> Given {
        Given::read(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_told_from_their_values() {
        let merge = given("sort -nmk 2 -tm a --key=1 --out c -- -c");
        assert!(merge.merge && merge.output && merge.check.is_none());
        assert_eq!(merge.options, ["-n", "-k", "2", "-tm", "--key=1", "--out", "c"]);
        assert_eq!(merge.files, ["a", "-c"]);
        assert!(given("sort -rc -u f").check == Some(Check::Diagnose));
        assert!(given("sort --check=quiet f").check == Some(Check::Silent));
        assert!(!given("sort -cC f").can_check() && !given("sort -c f g").can_check());
    }

    #[test]
    fn a_line_before_its_place_is_found() {
        let places = || Places::from([(b"a".to_vec(), vec![2, 1]), (b"b".to_vec(), vec![3])]);
        assert_eq!(first_disorder(&[b"a", b"a", b"b"], places()), None);
        assert_eq!(first_disorder(&[b"a", b"b", b"a"], places()), Some((2, &b"a"[..])));
    }
}
