//! Unpacking one member.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use stillbox_sys::date::seconds_of;
use stillbox_tools::metadata::{lstat, set_modified, symlink};
use stillbox_tools::program::{Failure, warn};
use zip::CompressionMethod;
use zip::read::ZipFile;

use super::Unzip;

impl Unzip {
    pub(super) fn extract<R: Read>(
        &mut self,
        member: &mut ZipFile<'_, R>,
        name: &str,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let mut inside = name.trim_start_matches('/').to_owned();
        if inside.split('/').any(|part| part == "..") {
            warn(format_args!("warning:  skipped \"../\" path component(s) in {name}"));
            inside = inside.split('/').filter(|part| *part != "..").collect::<Vec<_>>().join("/");
            self.status = self.status.max(1);
        }
        if self.junk_paths {
            inside = inside.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        }
        let target = match &self.directory {
            Some(directory) => format!("{}/{inside}", directory.trim_end_matches('/')),
            None => inside,
        };
        if member.is_dir() {
            let bare = target.trim_end_matches('/');
            if !self.junk_paths && !Path::new(bare).is_dir() {
                if let Err(error) = fs::create_dir_all(bare) {
                    self.complain(name, &error);
                } else if self.quiet == 0 {
                    writeln!(out, "   creating: {target}")?;
                }
            }
            return Ok(());
        }
        let time = member.last_modified().unwrap_or_default();
        let modified = seconds_of(time.year().into(), time.month().into(), time.day().into())
            + i64::from(time.hour()) * 3600
            + i64::from(time.minute()) * 60
            + i64::from(time.second());
        match lstat(&target) {
            Ok(existing) if (self.freshen || self.update) && existing.modified.0 >= modified => return Ok(()),
            Ok(_) if self.never_overwrite => return Ok(()),
            Ok(_) if !self.overwrite && !self.freshen && !self.update && !self.confirms(&target, out)? => return Ok(()),
            Err(_) if self.freshen => return Ok(()),
            _ => {}
        }
        let verb = match member.compression() {
            _ if member.is_symlink() => "    linking",
            CompressionMethod::Stored => " extracting",
            _ => "  inflating",
        };
        if self.quiet == 0 {
            writeln!(out, "{verb}: {target:<22}  ")?;
        }
        if let Err(error) = write_member(member, &target, modified) {
            self.complain(&target, &error);
        }
        Ok(())
    }

    /// Asks whether to replace a file; without an answer it stays.
    fn confirms(&mut self, target: &str, out: &mut dyn Write) -> Result<bool, Failure> {
        loop {
            out.flush()?;
            let mut stderr = io::stderr();
            let _ = write!(stderr, "replace {target}? [y]es, [n]o, [A]ll, [N]one, [r]ename: ");
            let mut answer = String::new();
            if io::stdin().read_line(&mut answer).unwrap_or(0) == 0 {
                let _ = writeln!(stderr, " NULL\n(EOF or read error, treating as \"[N]one\" ...)");
                self.never_overwrite = true;
                self.status = self.status.max(1);
                return Ok(false);
            }
            match answer.trim() {
                "y" | "Y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                "A" | "All" => {
                    self.overwrite = true;
                    return Ok(true);
                }
                "N" | "None" => {
                    self.never_overwrite = true;
                    return Ok(false);
                }
                other => {
                    let _ = writeln!(stderr, "error:  invalid response [{other}]");
                }
            }
        }
    }
}

fn write_member<R: Read>(member: &mut ZipFile<'_, R>, target: &str, modified: i64) -> io::Result<()> {
    if let Some(parent) = Path::new(target).parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    if lstat(target).is_ok() {
        fs::remove_file(target)?;
    }
    if member.is_symlink() {
        let mut link = String::new();
        member.read_to_string(&mut link)?;
        return symlink(&link, target);
    }
    let mut file = File::create(target)?;
    io::copy(member, &mut file)?;
    drop(file);
    if let Some(mode) = member.unix_mode() {
        stillbox_sys::set_mode(target, true, mode & 0o7777)?;
    }
    set_modified(target, modified)
}
