//! What is done with a file.

use super::expr::{Batch, Expr};
use super::printf;
use super::walk::{Entry, Walk};
use crate::process;
use std::io::BufRead;
use stillbox_sys::{Errno, Spawn};

/// How many bytes of arguments one command gets at most.
const MAX_ARGUMENTS: usize = 128 << 10;

impl Walk<'_> {
    /// Does an action; returns whether it succeeded.
    pub(super) fn act(&mut self, action: &Expr, entry: &Entry<'_>) -> bool {
        match action {
            Expr::Print => self.write(entry, b"\n"),
            Expr::Print0 => self.write(entry, b"\0"),
            Expr::Printf(format) => {
                let mut text = Vec::new();
                format.apply(entry, &mut text);
                self.out.write(&text);
                true
            }
            Expr::Ls => {
                let mut text = Vec::new();
                printf::list(entry, self.now, &mut text);
                self.out.write(&text);
                true
            }
            Expr::Delete => self.delete(entry),
            Expr::Exec { command, directory, ask } => self.exec(command, *directory, *ask, entry),
            Expr::ExecBatch { batch, directory } => {
                self.collect(batch, *directory, entry);
                true
            }
            // Everything else is a test, which the walk itself decides.
            _ => true,
        }
    }

    fn write(&mut self, entry: &Entry<'_>, end: &[u8]) -> bool {
        self.out.write(entry.path.as_bytes());
        self.out.write(end);
        true
    }

    fn delete(&mut self, entry: &Entry<'_>) -> bool {
        // As GNU's, we do not try to remove the place where we are.
        if entry.path == "." {
            return true;
        }
        let removed =
            if entry.stat.is_dir() { std::fs::remove_dir(entry.path) } else { std::fs::remove_file(entry.path) };
        match removed {
            Ok(()) => true,
            Err(error) => {
                self.out.flush();
                eprintln!("find: cannot delete ‘{}’: {}", entry.path, crate::io::message(&error));
                self.failed = true;
                false
            }
        }
    }

    fn exec(&mut self, command: &[String], directory: bool, ask: bool, entry: &Entry<'_>) -> bool {
        let (place, file) = if directory { in_directory(entry.path) } else { (String::new(), entry.path.to_owned()) };
        self.out.flush();
        if ask {
            eprint!("< {} ... {} > ? ", command[0], entry.path);
            let mut answer = String::new();
            let read = std::io::stdin().lock().read_line(&mut answer);
            if read.is_err() || !answer.trim_start().starts_with(['y', 'Y']) {
                return false;
            }
        }
        let args: Vec<String> = command.iter().map(|arg| arg.replace("{}", &file)).collect();
        self.spawn(&args, &place).is_some_and(|code| code == 0)
    }

    /// Runs a program; returns its exit status, or `None` if it can't be started.
    fn spawn(&mut self, args: &[String], place: &str) -> Option<i32> {
        let mut spawn = Spawn::new(&args[0]);
        spawn.args(args).search_path(process::search_path());
        if !place.is_empty() {
            spawn.chdir(place);
        }
        match process::run(&spawn) {
            Ok(status) => Some(status.code()),
            Err(errno) => {
                let text = match errno {
                    Errno::NOENT => "No such file or directory".to_owned(),
                    Errno::ACCES => "Permission denied".to_owned(),
                    errno => errno.to_string(),
                };
                eprintln!("find: ‘{}’: {text}", args[0]);
                None
            }
        }
    }

    /// Adds a file to those that wait for a command.
    fn collect(&mut self, batch: &Batch, directory: bool, entry: &Entry<'_>) {
        let (place, file) = if directory { in_directory(entry.path) } else { (String::new(), entry.path.to_owned()) };
        let full = {
            let waiting = batch.waiting.borrow();
            let length: usize = waiting.1.iter().map(|file| file.len() + 1).sum();
            !waiting.1.is_empty() && (waiting.0 != place || length + file.len() > MAX_ARGUMENTS)
        };
        if full {
            self.run_batch(batch);
        }
        let mut waiting = batch.waiting.borrow_mut();
        waiting.0 = place;
        waiting.1.push(file);
    }

    fn run_batch(&mut self, batch: &Batch) {
        let (place, files) = std::mem::take(&mut *batch.waiting.borrow_mut());
        if files.is_empty() {
            return;
        }
        self.out.flush();
        let args: Vec<String> = batch.command.iter().cloned().chain(files).collect();
        // Unlike a command for one file, one for many tells of its failure by find's own status.
        self.failed |= self.spawn(&args, &place) != Some(0);
    }

    /// Runs the commands whose files still wait.
    pub(super) fn finish_batches(&mut self, expr: &Expr) {
        match expr {
            Expr::And(left, right) | Expr::Or(left, right) | Expr::List(left, right) => {
                self.finish_batches(left);
                self.finish_batches(right);
            }
            Expr::Not(inner) => self.finish_batches(inner),
            Expr::ExecBatch { batch, .. } => self.run_batch(batch),
            _ => {}
        }
    }
}

/// Splits a path into the directory that it is in and its name there.
fn in_directory(path: &str) -> (String, String) {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", name)) => ("/".to_owned(), format!("./{name}")),
        Some((directory, name)) => (directory.to_owned(), format!("./{name}")),
        None => (".".to_owned(), format!("./{path}")),
    }
}
