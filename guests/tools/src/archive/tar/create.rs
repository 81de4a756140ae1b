//! Writing an archive.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};

use stillbox_tools::metadata::{Stat, lstat, stat};
use stillbox_tools::mode::letters;
use stillbox_tools::program::{Failure, Outcome, reason, stdout, warn};
use stillbox_tools::timestamp;
use tar::{Builder, EntryType, Header};

use super::{FAILED, Options};

/// The room for a name in a header.
const SHORT: usize = 100;

/// Puts a text, or its beginning, into a field.
fn put(field: &mut [u8; SHORT], text: &str) {
    let length = text.len().min(SHORT);
    field[..length].copy_from_slice(&text.as_bytes()[..length]);
}

struct Writer<'a, W: Write> {
    options: &'a Options,
    builder: Builder<W>,
    /// The first name under which a file with several was written.
    links: HashMap<(u64, u64), String>,
    /// The archive itself, which must not hold itself.
    archive: Option<(u64, u64)>,
    status: i32,
    removes_slash: bool,
    written: Vec<(String, bool)>,
}

/// Writes all members that the options name.
pub fn write<W: Write>(options: &Options, output: W) -> Outcome {
    let archive = stat(&options.archive).ok().filter(|_| options.archive != "-");
    let mut writer = Writer {
        options,
        builder: Builder::new(output),
        links: HashMap::new(),
        archive: archive.map(|found| (found.device, found.inode)),
        status: 0,
        removes_slash: false,
        written: Vec::new(),
    };
    for (directory, member) in &options.members {
        let path = match directory {
            Some(directory) if !member.starts_with('/') => format!("{directory}/{member}"),
            _ => member.clone(),
        };
        writer.member(&path, member)?;
    }
    writer.builder.finish()?;
    if options.remove {
        for (path, is_dir) in writer.written.iter().rev() {
            let _ = if *is_dir { fs::remove_dir(path) } else { fs::remove_file(path) };
        }
    }
    Ok(writer.status)
}

impl<W: Write> Writer<'_, W> {
    fn complain(&mut self, message: impl std::fmt::Display) {
        warn(message);
        self.status = FAILED;
    }

    /// Adds a file, or a directory with all that it holds. `path` is where it is, `name` what the archive calls it.
    fn member(&mut self, path: &str, name: &str) -> Result<(), Failure> {
        if self.options.excludes(name) {
            return Ok(());
        }
        let found = match if self.options.follow { stat(path) } else { lstat(path) } {
            Ok(found) => found,
            Err(error) => {
                self.complain(format_args!("{name}: Cannot stat: {}", reason(&error)));
                return Ok(());
            }
        };
        if self.archive == Some((found.device, found.inode)) && found.is_file() {
            warn(format_args!("{name}: file is the archive; not dumped"));
            return Ok(());
        }
        self.add(path, name, &found)?;
        if !found.is_dir() || self.options.no_recursion {
            return Ok(());
        }
        let mut names: Vec<String> = match fs::read_dir(path) {
            Ok(entries) => entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect(),
            Err(error) => {
                self.complain(format_args!("{name}: Cannot open: {}", reason(&error)));
                return Ok(());
            }
        };
        if self.options.sort {
            names.sort();
        }
        for child in names {
            let join =
                |base: &str| if base.ends_with('/') { format!("{base}{child}") } else { format!("{base}/{child}") };
            self.member(&join(path), &join(name))?;
        }
        Ok(())
    }

    fn add(&mut self, path: &str, name: &str, found: &Stat) -> Result<(), Failure> {
        let mut stored = name.to_owned();
        if !self.options.absolute {
            let start = stored.rfind("../").map_or(0, |at| at + 3);
            let bare = stored[start..].trim_start_matches('/').to_owned();
            if bare.len() < stored.len() && !self.removes_slash {
                let removed = &stored[..stored.len() - bare.len()];
                warn(format_args!("Removing leading `{removed}' from member names"));
                self.removes_slash = true;
            }
            stored = if bare.is_empty() { "./".into() } else { bare };
        }
        if found.is_dir() && !stored.ends_with('/') {
            stored.push('/');
        }
        let modified = self.options.mtime.unwrap_or(found.modified.0).max(0) as u64;
        let old = self.options.newer_than.iter().rev().find(|(known, _)| *known == stored);
        if old.is_some_and(|(_, time)| *time >= modified) {
            return Ok(());
        }
        let mut header = Header::new_gnu();
        let mode = match &self.options.mode {
            Some(change) => change.apply(found.mode, found.is_dir(), 0),
            None => found.mode & 0o7777,
        };
        header.set_mode(mode);
        header.set_mtime(modified);
        self.set_owner(&mut header, found)?;
        let identity = (found.device, found.inode);
        let first = self.links.get(&identity).filter(|_| found.is_file() && found.links > 1).cloned();
        let mut shown_link = None;
        if let Some(first) = first {
            header.set_entry_type(EntryType::Link);
            header.set_size(0);
            self.append(&mut header, &stored, &first, io::empty())?;
            shown_link = Some(format!(" link to {first}"));
        } else if found.is_dir() {
            header.set_entry_type(EntryType::Directory);
            header.set_size(0);
            self.append(&mut header, &stored, "", io::empty())?;
        } else if found.is_symlink() {
            let target = match fs::read_link(path) {
                Ok(target) => target.to_string_lossy().into_owned(),
                Err(error) => {
                    self.complain(format_args!("{name}: Cannot readlink: {}", reason(&error)));
                    return Ok(());
                }
            };
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            self.append(&mut header, &stored, &target, io::empty())?;
            shown_link = Some(format!(" -> {target}"));
        } else if found.is_file() {
            let file = match fs::File::open(path) {
                Ok(file) => file,
                Err(error) => {
                    self.complain(format_args!("{name}: Cannot open: {}", reason(&error)));
                    return Ok(());
                }
            };
            header.set_entry_type(EntryType::Regular);
            header.set_size(found.size);
            // The header's size holds even if the file changes meanwhile.
            let data = file.chain(io::repeat(0)).take(found.size);
            self.append(&mut header, &stored, "", data)?;
            if found.links > 1 {
                self.links.insert(identity, stored.clone());
            }
        } else {
            warn(format_args!("{name}: file type not supported; not dumped"));
            return Ok(());
        }
        self.written.push((path.to_owned(), found.is_dir()));
        self.report(name, found, &header, shown_link.unwrap_or_default())
    }

    /// Writes a member under exactly its name: the library would drop a leading `./`, which tar keeps.
    fn append(&mut self, header: &mut Header, name: &str, link: &str, data: impl Read) -> Result<(), Failure> {
        const LONG_NAME: u8 = b'L';
        const LONG_LINK: u8 = b'K';
        for (kind, text) in [(LONG_LINK, link), (LONG_NAME, name)] {
            if text.len() <= SHORT {
                continue;
            }
            // GNU's way: a member before the member, whose content is the name.
            let mut long = Header::new_gnu();
            put(&mut long.as_old_mut().name, "././@LongLink");
            long.set_entry_type(EntryType::new(kind));
            long.set_mode(0o644);
            long.set_mtime(0);
            long.set_uid(0);
            long.set_gid(0);
            long.set_size(text.len() as u64 + 1);
            long.set_cksum();
            self.builder.append(&long, text.as_bytes().chain(&[0][..]))?;
        }
        put(&mut header.as_old_mut().name, name);
        put(&mut header.as_old_mut().linkname, link);
        header.set_cksum();
        self.builder.append(header, data)?;
        Ok(())
    }

    fn set_owner(&self, header: &mut Header, found: &Stat) -> Result<(), Failure> {
        // `name:number`, a number, or a name that belongs to root.
        let split = |text: &str, id: u32| match text.split_once(':') {
            Some((name, number)) => (name.to_owned(), number.parse().unwrap_or(id)),
            None => match text.parse() {
                Ok(number) => (String::new(), number),
                Err(_) => (text.to_owned(), if text == "root" { 0 } else { id }),
            },
        };
        let own = |id: u32| if id == 0 { "root".to_owned() } else { String::new() };
        let (user, uid) = match &self.options.owner {
            Some(text) => split(text, found.user),
            None => (own(found.user), found.user),
        };
        let (group, gid) = match &self.options.group {
            Some(text) => split(text, found.group),
            None => (own(found.group), found.group),
        };
        header.set_uid(uid.into());
        header.set_gid(gid.into());
        if !self.options.numeric {
            header.set_username(&user)?;
            header.set_groupname(&group)?;
        }
        Ok(())
    }

    fn report(&self, name: &str, found: &Stat, header: &Header, link: String) -> Result<(), Failure> {
        if self.options.verbose == 0 {
            return Ok(());
        }
        let shown = if found.is_dir() && !name.ends_with('/') { format!("{name}/") } else { name.to_owned() };
        let line = if self.options.verbose == 1 {
            shown
        } else {
            let size = header.size().unwrap_or(0).to_string();
            let owner = format!("{0}/{0}", if found.user == 0 { "root".into() } else { found.user.to_string() });
            let time = timestamp::date_time(header.mtime().unwrap_or(0) as i64);
            let kind = found.mode & 0o170000;
            let mode = letters(kind | header.mode().unwrap_or(0));
            format!("{mode} {owner} {size:>width$} {} {shown}{link}", &time[..16], width = 18 - owner.len().min(17))
        };
        // The archive itself may be going to stdout.
        if self.options.archive == "-" {
            let _ = writeln!(io::stderr(), "{line}");
        } else {
            writeln!(stdout(), "{line}")?;
        }
        Ok(())
    }
}
