//! Redirections.
//!
//! Number 3 is the root directory of every process in a sandbox, without which none could open files. The shell
//! keeps a user's file 3 under another number.

use stillbox_sys::{self as sys, Errno, Fd, Open};

use crate::shell::{Flow, Shell};
use crate::syntax::ast::{HereDoc, Redirect, RedirectFd, RedirectKind, Word};
use crate::text;

/// Files of the shell itself have numbers from here on.
const PRIVATE: Fd = 10;

/// Where a user's file 3 really is.
const MOVED: Fd = 253;

/// Returns the number under which the shell keeps a user's file.
pub fn real_fd(fd: Fd) -> Fd {
    if fd == 3 { MOVED } else { fd }
}

/// Is what redirections changed, newest last.
#[derive(Debug, Default)]
pub struct Undo {
    saved: Vec<(Fd, Option<Fd>)>,
    /// What a command substitution had collected before file 1 became something else.
    capture: Option<Vec<u8>>,
}

impl Shell {
    /// Makes redirections. The inner error is the status of one that failed, which has been reported.
    pub fn apply_redirects(&mut self, redirects: &[Redirect]) -> Flow<Result<Undo, i32>> {
        let mut undo = Undo::default();
        for redirect in redirects {
            match self.apply_redirect(redirect, &mut undo) {
                Ok(Ok(())) => {}
                Ok(Err(message)) => {
                    self.error(message);
                    self.undo(undo);
                    return Ok(Err(1));
                }
                Err(unwind) => {
                    self.undo(undo);
                    return Err(unwind);
                }
            }
        }
        Ok(Ok(undo))
    }

    /// Brings back the files that redirections changed.
    pub fn undo(&mut self, undo: Undo) {
        for (fd, saved) in undo.saved.into_iter().rev() {
            match saved {
                Some(saved) => {
                    // Both are open files of this shell.
                    let _ = sys::dup2(saved, fd);
                    let _ = sys::close(saved);
                }
                None => drop(sys::close(fd)),
            }
        }
        if undo.capture.is_some() {
            self.capture = undo.capture;
        }
    }

    /// Makes redirections last, as `exec` does.
    pub fn keep(&mut self, undo: Undo) {
        for saved in undo.saved.into_iter().filter_map(|(_, saved)| saved) {
            let _ = sys::close(saved);
        }
    }

    /// Keeps a file aside before another takes its number.
    pub fn save_file(&mut self, fd: Fd, undo: &mut Undo) {
        if fd == 1 && self.capture.is_some() {
            undo.capture = self.capture.take();
        }
        undo.saved.push((fd, sys::dup_min(fd, PRIVATE, true).ok()));
    }

    fn apply_redirect(&mut self, redirect: &Redirect, undo: &mut Undo) -> Flow<Result<(), String>> {
        if redirect.line > 0 {
            self.line = redirect.line;
        }
        if let RedirectKind::Both { word, append } = &redirect.kind {
            let path = self.redirect_path(word)?;
            return Ok(self.open_both(path, *append, undo));
        }
        // What is opened, and the number that it gets by default.
        let (opened, default) = match &redirect.kind {
            RedirectKind::Read(word) => (self.open_word(word, Open::READ)?, 0),
            RedirectKind::Write(word) => (self.open_output(word)?, 1),
            RedirectKind::Clobber(word) => (self.open_word(word, Open::WRITE)?, 1),
            RedirectKind::Append(word) => (self.open_word(word, Open::APPEND)?, 1),
            RedirectKind::ReadWrite(word) => (self.open_word(word, Open::READ_WRITE)?, 0),
            RedirectKind::HereString(word) => {
                let body = self.expand_text(word)? + "\n";
                (here_file(&body), 0)
            }
            RedirectKind::HereDoc(here_doc) => {
                let here_doc: HereDoc = here_doc.borrow().clone();
                let body = self.expand_text(&here_doc.body)?;
                (here_file(&body), 0)
            }
            RedirectKind::DupIn(word) => return self.duplicate(redirect, word, 0, undo),
            RedirectKind::DupOut(word) => return self.duplicate(redirect, word, 1, undo),
            RedirectKind::Both { .. } => return Ok(Ok(())),
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(message) => return Ok(Err(message)),
        };
        self.place(redirect, default, opened, undo)
    }

    /// Gives an opened file the number that the redirection asks for.
    fn place(&mut self, redirect: &Redirect, default: Fd, opened: Fd, undo: &mut Undo) -> Flow<Result<(), String>> {
        let to = match &redirect.fd {
            Some(RedirectFd::Variable(name)) => {
                let moved = sys::dup_min(opened, PRIVATE, false);
                let _ = sys::close(opened);
                return Ok(match moved {
                    Ok(fd) => self.set(name, &fd.to_string()).map(|()| Ok(()))?,
                    Err(errno) => Err(format!("{name}: {errno}")),
                });
            }
            Some(RedirectFd::Number(number)) => real_fd(*number),
            None => default,
        };
        self.save_file(to, undo);
        if opened == to {
            // The number was free, so the file landed on it.
            if let Some((_, saved)) = undo.saved.last_mut()
                && let Some(copy) = saved.take()
            {
                let _ = sys::close(copy);
            }
            return Ok(sys::set_cloexec(to, false).map_err(|errno| format!("{to}: {errno}")));
        }
        let placed = sys::dup2(opened, to).map_err(|errno| format!("{to}: {errno}"));
        let _ = sys::close(opened);
        Ok(placed)
    }

    /// Makes `n>&word`.
    fn duplicate(
        &mut self,
        redirect: &Redirect,
        word: &Word,
        default: Fd,
        undo: &mut Undo,
    ) -> Flow<Result<(), String>> {
        let source = self.expand_text(word)?;
        if let (Some(RedirectFd::Variable(name)), "-") = (&redirect.fd, source.as_str()) {
            let fd = self.get(name).and_then(|text| text.parse::<Fd>().ok());
            return Ok(match fd.map(sys::close) {
                Some(Ok(())) => Ok(()),
                _ => Err(format!("{name}: {}", Errno::BADF)),
            });
        }
        let number = match &redirect.fd {
            Some(RedirectFd::Number(number)) => Some(*number),
            _ => None,
        };
        let to = real_fd(number.unwrap_or(default));
        if source == "-" {
            self.save_file(to, undo);
            if matches!(undo.saved.last(), Some((_, Some(_)))) {
                let _ = sys::close(to);
            } else {
                undo.saved.pop();
            }
            return Ok(Ok(()));
        }
        let (digits, moves) = source.strip_suffix('-').map_or((source.as_str(), false), |digits| (digits, true));
        let Ok(from) = digits.parse::<Fd>() else {
            if default == 1 && number.is_none() {
                let path = source.clone();
                return Ok(self.open_both(path, false, undo));
            }
            return Ok(Err(format!("{source}: ambiguous redirect")));
        };
        let from = real_fd(from);
        if !sys::is_open(from) {
            return Ok(Err(format!("{digits}: {}", Errno::BADF)));
        }
        if let Some(RedirectFd::Variable(_)) = &redirect.fd {
            return match sys::dup_min(from, PRIVATE, true) {
                Ok(copy) => self.place(redirect, default, copy, undo),
                Err(errno) => Ok(Err(format!("{source}: {errno}"))),
            };
        }
        if from != to {
            self.save_file(to, undo);
            if let Err(errno) = sys::dup2(from, to) {
                return Ok(Err(format!("{source}: {errno}")));
            }
            if moves {
                self.save_file(from, undo);
                let _ = sys::close(from);
            }
        }
        Ok(Ok(()))
    }

    /// Makes `&>word`.
    fn open_both(&mut self, path: String, append: bool, undo: &mut Undo) -> Result<(), String> {
        let opened = open_path(&path, if append { Open::APPEND } else { Open::WRITE })?;
        for to in [1, 2] {
            self.save_file(to, undo);
            sys::dup2(opened, to).map_err(|errno| format!("{path}: {errno}"))?;
        }
        let _ = sys::close(opened);
        Ok(())
    }

    /// Expands the word after an operator into the one path that it must be.
    fn redirect_path(&mut self, word: &Word) -> Flow<String> {
        let mut words = Vec::new();
        self.expand_fields(word, &mut words)?;
        match words.as_slice() {
            [path] => Ok(path.clone()),
            _ => {
                self.error(format_args!("{}: ambiguous redirect", crate::syntax::word_text(word)));
                Err(crate::shell::Unwind::Abort(1))
            }
        }
    }

    fn open_word(&mut self, word: &Word, how: Open) -> Flow<Result<Fd, String>> {
        let path = self.redirect_path(word)?;
        Ok(open_path(&path, how))
    }

    fn open_output(&mut self, word: &Word) -> Flow<Result<Fd, String>> {
        let path = self.redirect_path(word)?;
        if self.options.noclobber {
            let kind = sys::mode(text::encode(&path), true).map(|mode| mode & sys::file_type::MASK);
            if kind == Ok(sys::file_type::FILE) {
                return Ok(Err(format!("{path}: cannot overwrite existing file")));
            }
        }
        Ok(open_path(&path, Open::WRITE))
    }
}

fn open_path(path: &str, how: Open) -> Result<Fd, String> {
    // These name the shell's files, wherever the shell keeps them.
    let number = match path {
        "/dev/stdin" => Some(0),
        "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        _ => path.strip_prefix("/dev/fd/").and_then(|number| number.parse::<Fd>().ok()).map(real_fd),
    };
    let opened = match number {
        Some(number) => sys::dup_min(number, 0, true),
        None if path.is_empty() => Err(Errno::NOENT),
        None => loop {
            match sys::open(text::encode(path), how) {
                Err(Errno::INTR) => {}
                other => break other,
            }
        },
    };
    opened.map_err(|errno| format!("{path}: {errno}"))
}

/// Makes a file with this content to read from: a pipe if it fits in one, or a file without a name.
fn here_file(body: &str) -> Result<Fd, String> {
    const PIPE_CAPACITY: usize = 4096;
    let bytes = text::encode(body);
    let make = || -> sys::Result<Fd> {
        if bytes.len() <= PIPE_CAPACITY {
            let (read, write) = sys::pipe()?;
            let written = sys::write_all(write, &bytes);
            sys::close(write)?;
            return written.map(|()| read);
        }
        let path = format!("/tmp/.sh-here-{}", sys::getpid());
        let write = sys::open(&path, Open { exclusive: true, ..Open::WRITE })?;
        let made = sys::write_all(write, &bytes).and_then(|()| sys::open(&path, Open::READ));
        let _ = std::fs::remove_file(&path);
        sys::close(write)?;
        made
    };
    make().map_err(|errno| format!("cannot create temp file for here-document: {errno}"))
}
