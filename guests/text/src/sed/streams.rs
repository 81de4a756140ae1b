//! Where lines come from and go to.

use crate::io::{self, Input, Output};
use std::collections::{HashMap, VecDeque};
use std::fs;

/// An output that remembers whether its last line lacks its end, as the input's last line may.
pub struct Sink {
    out: Output,
    unfinished: bool,
}

impl Sink {
    pub fn new(out: Output) -> Sink {
        Sink { out, unfinished: false }
    }

    /// Writes `text` as it is, on a line of its own.
    pub fn write(&mut self, text: &[u8], end: u8) {
        if std::mem::take(&mut self.unfinished) {
            self.out.write(&[end]);
        }
        self.out.write(text);
    }

    /// Writes a line; with `finished` unset without its end, which follows only if more does.
    pub fn line(&mut self, text: &[u8], end: u8, finished: bool) {
        self.write(text, end);
        if finished {
            self.out.write(&[end]);
        }
        self.unfinished = !finished;
    }

    /// Writes a line of `other`, which has the same file under another name and lines of its own.
    pub fn line_of(&mut self, other: &mut Sink, text: &[u8], end: u8, finished: bool) {
        std::mem::swap(&mut self.unfinished, &mut other.unfinished);
        self.line(text, end, finished);
        std::mem::swap(&mut self.unfinished, &mut other.unfinished);
    }

    pub fn flush(&mut self) {
        self.out.flush();
    }
}

/// How files are edited in place.
#[derive(Clone)]
pub struct InPlace {
    /// What a copy of the file is called; empty for no copy.
    pub suffix: String,
}

/// The input: all files, one after the other.
pub struct Files {
    names: VecDeque<String>,
    current: Option<Input>,
    name: String,
    separate: bool,
    in_place: Option<InPlace>,
    /// The file being edited, its new content's name and the content.
    edited: Option<(String, String, Sink)>,
    end: u8,
    pub line_number: u64,
    /// Whether a file could not be read.
    pub failed: bool,
    /// Whether a new file has begun since this was last asked.
    pub began_file: bool,
}

impl Files {
    pub fn new(names: Vec<String>, separate: bool, in_place: Option<InPlace>, end: u8) -> Files {
        Files {
            names: names.into(),
            current: None,
            name: "-".to_owned(),
            separate,
            in_place,
            edited: None,
            end,
            line_number: 0,
            failed: false,
            began_file: false,
        }
    }

    /// Returns the name of the file that the last line came from.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where output goes if the file is edited in place.
    pub fn edited(&mut self) -> Option<&mut Sink> {
        self.edited.as_mut().map(|(.., sink)| sink)
    }

    /// Takes the next line into `line`; returns whether it had its end, or `None` if there is no line.
    pub fn read_line(&mut self, line: &mut Vec<u8>) -> Option<bool> {
        loop {
            if self.current.is_none() && !self.open_next() {
                return None;
            }
            let result = self.current.as_mut().map_or(Ok(None), |input| input.read_record(self.end, line));
            match result {
                Ok(Some(finished)) => {
                    self.line_number += 1;
                    return Some(finished);
                }
                Ok(None) => self.close(),
                Err(error) => {
                    self.complain(&format!("read error on {}: {}", self.name, io::message(&error)));
                    self.close();
                }
            }
        }
    }

    /// Tells whether no line follows: in any file, or in this one if files are separate.
    pub fn is_last_line(&mut self) -> bool {
        loop {
            if let Some(input) = &mut self.current
                && !input.is_at_end().unwrap_or(true)
            {
                return false;
            }
            if self.separate || self.in_place.is_some() {
                return true;
            }
            if !self.open_next() {
                return true;
            }
        }
    }

    /// Tells whether no line follows in any file.
    pub fn is_at_end(&mut self) -> bool {
        if !self.is_last_line() {
            return false;
        }
        // A separate file's last line is not the end while there are more files.
        self.names
            .iter()
            .all(|name| !(name == "-" || fs::metadata(name).is_ok_and(|file| file.is_dir() || file.len() > 0)))
    }

    fn complain(&mut self, message: &str) {
        eprintln!("sed: {message}");
        self.failed = true;
    }

    /// Opens the next file that can be read.
    fn open_next(&mut self) -> bool {
        while let Some(name) = self.names.pop_front() {
            let is_dir = name != "-" && fs::metadata(&name).is_ok_and(|file| file.is_dir());
            if is_dir {
                let message = match self.in_place {
                    Some(_) => format!("couldn't edit {name}: not a regular file"),
                    None => format!("read error on {name}: Is a directory"),
                };
                self.complain(&message);
                continue;
            }
            let in_place = self.in_place.is_some() && name != "-";
            match Input::open(&name) {
                Ok(input) => self.current = Some(input),
                Err(error) => {
                    self.complain(&format!("can't read {name}: {}", io::message(&error)));
                    continue;
                }
            }
            if in_place {
                let new = sibling(&name, &format!("sed{:06}", stillbox_sys::getpid() % 1_000_000));
                match fs::File::create(&new) {
                    Ok(file) => self.edited = Some((name.clone(), new, Sink::new(Output::file(file)))),
                    Err(error) => {
                        self.complain(&format!("couldn't open temporary file {new}: {}", io::message(&error)));
                        self.current = None;
                        continue;
                    }
                }
            }
            if self.separate || in_place {
                self.line_number = 0;
            }
            self.began_file = true;
            self.name = name;
            return true;
        }
        false
    }

    fn close(&mut self) {
        self.current = None;
        let Some((name, new, mut sink)) = self.edited.take() else { return };
        sink.flush();
        drop(sink);
        // Links to a file are followed by editing what they lead to.
        let name = fs::canonicalize(&name).ok().and_then(|path| path.to_str().map(str::to_owned)).unwrap_or(name);
        copy_permissions(&name, &new);
        let suffix = self.in_place.as_ref().map(|edit| edit.suffix.as_str()).unwrap_or_default();
        let backed_up = if suffix.is_empty() { Ok(()) } else { fs::rename(&name, backup_name(&name, suffix)) };
        if let Err(error) = backed_up.and_then(|()| fs::rename(&new, &name)) {
            let _ = fs::remove_file(&new);
            self.complain(&format!("cannot rename {new}: {}", io::message(&error)));
        }
    }

    /// Copies what was not read of a file being edited, when the script ends early.
    pub fn finish(&mut self) {
        if let (Some(input), Some((_, _, sink))) = (&mut self.current, &mut self.edited) {
            let mut line = Vec::new();
            while let Ok(Some(finished)) = input.read_record(self.end, &mut line) {
                sink.line(&line, self.end, finished);
            }
        }
        self.close();
    }
}

fn sibling(path: &str, name: &str) -> String {
    match path.rsplit_once('/') {
        Some((directory, _)) => format!("{directory}/{name}"),
        None => name.to_owned(),
    }
}

/// Returns the name of the copy of the file at `path`: a `*` in the suffix stands for the file's name.
fn backup_name(path: &str, suffix: &str) -> String {
    let base = path.rsplit('/').next().unwrap_or(path);
    let name = if suffix.contains('*') { suffix.replace('*', base) } else { format!("{base}{suffix}") };
    if name.contains('/') { name } else { sibling(path, &name) }
}

fn copy_permissions(from: &str, to: &str) {
    if let Ok(mode) = stillbox_sys::mode(from, true) {
        // A file that keeps the default permissions is still the file that was asked for.
        let _ = stillbox_sys::set_mode(to, true, mode & 0o7777);
    }
}

/// The files that `r`, `R` and `w` name.
#[derive(Default)]
pub struct Named {
    readers: HashMap<String, Option<Input>>,
}

impl Named {
    /// Takes the next line of the file called `name` for `R`, if it has one.
    pub fn read_line(&mut self, name: &str, line: &mut Vec<u8>, end: u8) -> Option<bool> {
        let name = if name == "/dev/stdin" { "-" } else { name };
        let input = self.readers.entry(name.to_owned()).or_insert_with(|| Input::open(name).ok()).as_mut()?;
        input.read_record(end, line).ok().flatten()
    }

    /// Returns all of the file called `name`, for `r`; nothing if it can't be read.
    pub fn read_all(&mut self, name: &str) -> Vec<u8> {
        if name != "/dev/stdin" {
            return fs::read(name).unwrap_or_default();
        }
        let mut all = Vec::new();
        let mut line = Vec::new();
        while let Some(finished) = self.read_line("-", &mut line, b'\n') {
            all.extend_from_slice(&line);
            all.extend(finished.then_some(b'\n'));
        }
        all
    }
}
