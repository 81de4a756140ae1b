//! Unpacking an archive.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use stillbox_tools::metadata::{lstat, set_modified, stat, symlink};
use stillbox_tools::program::{Failure, Outcome, reason, stdout, warn};
use tar::{Archive, Entry, EntryType};

use super::{FAILED, Options, Wanted, broken, fatal, list, member_name, open};

struct Unpacker<'a> {
    options: &'a Options,
    status: i32,
    removes_slash: bool,
    /// Modes and times of directories, set at the end, since what is put into them changes both.
    directories: Vec<(String, u32, i64)>,
}

/// Puts the members into the current directory, or into that of `-C`.
pub fn unpack(options: &Options) -> Outcome {
    let input = open(options)?;
    if let Some(directory) = &options.directory {
        stillbox_sys::chdir(directory).map_err(|errno| fatal(format_args!("{directory}: Cannot open: {errno}")))?;
    }
    let mut archive = Archive::new(input);
    let mut wanted = Wanted::new(options);
    let mut unpacker = Unpacker { options, status: 0, removes_slash: false, directories: Vec::new() };
    let mut out = stdout();
    for entry in archive.entries().map_err(|error| broken(&error))? {
        let mut entry = entry.map_err(|error| broken(&error))?;
        let name = member_name(&entry);
        if !wanted.wants(&name) {
            continue;
        }
        // Members that stripping leaves nothing of are not shown either.
        let target = unpacker.target(&name);
        if target.is_none() && !options.to_stdout {
            continue;
        }
        if options.verbose > 0 {
            let mut line = Vec::new();
            list::print(&entry, &name, options, options.verbose - 1, &mut line)?;
            // With -O stdout is for the contents.
            if options.to_stdout {
                let _ = io::stderr().write_all(&line);
            } else {
                out.write_all(&line)?;
            }
        }
        if options.to_stdout {
            if entry.header().entry_type().is_file() {
                io::copy(&mut entry, &mut out).map_err(|error| match error.kind() {
                    io::ErrorKind::BrokenPipe => error.into(),
                    _ => broken(&error),
                })?;
            }
            continue;
        }
        if let Some(target) = target {
            unpacker.member(&mut entry, &name, target)?;
        }
    }
    out.flush()?;
    unpacker.finish();
    Ok(wanted.finish().max(unpacker.status))
}

impl Unpacker<'_> {
    fn complain(&mut self, message: impl std::fmt::Display) {
        warn(message);
        self.status = FAILED;
    }

    /// Returns where a member goes; `None` if nowhere.
    fn target(&mut self, name: &str) -> Option<String> {
        let mut path = name;
        if !self.options.absolute {
            path = name.trim_start_matches('/');
            if path.len() < name.len() && !self.removes_slash {
                warn("Removing leading `/' from member names");
                self.removes_slash = true;
            }
            if path.split('/').any(|part| part == "..") {
                self.complain(format_args!("{name}: Member name contains '..'"));
                return None;
            }
        }
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let absolute = path.starts_with('/');
        if self.options.strip > 0 {
            parts.retain(|part| *part != ".");
            if parts.len() <= self.options.strip {
                return None;
            }
            parts.drain(..self.options.strip);
        }
        let mut target = parts.join("/");
        if absolute {
            target.insert(0, '/');
        }
        if let Some(top) = &self.options.one_top_level {
            let inside = target == *top || target.starts_with(&format!("{top}/"));
            if !inside {
                target = format!("{top}/{target}");
            }
        }
        Some(if target.is_empty() { ".".into() } else { target })
    }

    fn member<R: Read>(&mut self, entry: &mut Entry<'_, R>, name: &str, target: String) -> Result<(), Failure> {
        let kind = entry.header().entry_type();
        let mode = entry.header().mode().unwrap_or(0o644) & 0o7777;
        let modified = entry.header().mtime().unwrap_or(0) as i64;
        if let Some(parent) = Path::new(&target).parent().filter(|parent| !parent.as_os_str().is_empty())
            && let Err(error) = fs::create_dir_all(parent)
        {
            self.complain(format_args!("{name}: Cannot mkdir: {}", reason(&error)));
            return Ok(());
        }
        if kind == EntryType::Directory {
            if !stat(&target).is_ok_and(|found| found.is_dir())
                && let Err(error) = fs::create_dir(&target)
            {
                self.complain(format_args!("{name}: Cannot mkdir: {}", reason(&error)));
                return Ok(());
            }
            self.directories.push((target, mode, modified));
            return Ok(());
        }
        if let Ok(existing) = lstat(&target) {
            if self.options.skip_old || self.options.keep_newer && existing.modified.0 >= modified {
                return Ok(());
            }
            if self.options.keep_old {
                self.complain(format_args!("{name}: Cannot open: File exists"));
                return Ok(());
            }
            let removed = if existing.is_dir() { fs::remove_dir(&target) } else { fs::remove_file(&target) };
            if let Err(error) = removed {
                self.complain(format_args!("{name}: Cannot open: {}", reason(&error)));
                return Ok(());
            }
        }
        let link = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default();
        match kind {
            EntryType::Symlink => {
                if let Err(error) = symlink(&link, &target) {
                    self.complain(format_args!("{name}: Cannot create symlink to '{link}': {}", reason(&error)));
                }
            }
            EntryType::Link => {
                let Some(first) = self.target(&link) else { return Ok(()) };
                if let Err(error) = fs::hard_link(&first, &target) {
                    self.complain(format_args!("{name}: Cannot hard link to '{link}': {}", reason(&error)));
                }
            }
            kind if kind.is_file() || kind == EntryType::GNUSparse => {
                self.file(entry, name, &target, mode, modified)?
            }
            _ => self.complain(format_args!("{name}: file type not supported; not extracted")),
        }
        Ok(())
    }

    fn file<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        name: &str,
        target: &str,
        mode: u32,
        modified: i64,
    ) -> Result<(), Failure> {
        let mut file = match fs::File::create(target) {
            Ok(file) => file,
            Err(error) => {
                self.complain(format_args!("{name}: Cannot open: {}", reason(&error)));
                return Ok(());
            }
        };
        let mut buffer = vec![0; 64 * 1024];
        loop {
            // Reading and writing fail for different reasons: a broken archive, a full file system.
            let count = match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Err(broken(&error)),
            };
            if let Err(error) = file.write_all(&buffer[..count]) {
                self.complain(format_args!("{name}: Cannot write: {}", reason(&error)));
                return Ok(());
            }
        }
        drop(file);
        if !self.options.no_times
            && let Err(error) = set_modified(target, modified)
        {
            self.complain(format_args!("{name}: Cannot utime: {}", reason(&error)));
        }
        if let Err(errno) = stillbox_sys::set_mode(target, true, mode) {
            self.complain(format_args!(
                "{name}: Cannot change mode to {}: {errno}",
                stillbox_tools::mode::letters(mode)
            ));
        }
        Ok(())
    }

    fn finish(&mut self) {
        for (path, mode, modified) in std::mem::take(&mut self.directories).into_iter().rev() {
            if let Err(errno) = stillbox_sys::set_mode(&path, true, mode) {
                self.complain(format_args!("{path}: Cannot change mode: {errno}"));
            }
            if !self.options.no_times {
                // Not every file system lets a directory be opened for this; its time matters little.
                let _ = set_modified(&path, modified);
            }
        }
    }
}
