//! `stat`: a file's metadata, or a file system's, in the usual layout or a format of one's own.

use std::io::Write;

use stillbox_sys::FsStats;
use stillbox_tools::getopt::Getopt;
use stillbox_tools::metadata::{Stamp, Stat, lstat, stat};
use stillbox_tools::mode::{letters, type_name};
use stillbox_tools::program::{Failure, Outcome, reason, stdout, warn};
use stillbox_tools::text::unescape;
use stillbox_tools::timestamp;

use super::identity::{group_name, user_name};

const LONG: [(&str, &str); 6] = [
    ("format=", "c"),
    ("printf=", "printf"),
    ("file-system", "f"),
    ("dereference", "L"),
    ("terse", "t"),
    ("cached=", "cached"),
];

const DEFAULT: &str = "  File: %_\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n\
    Device: %Hd,%Ld\tInode: %-11i Links: %h\n\
    Access: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n\
    Access: %x\nModify: %y\nChange: %z\n Birth: %w\n";
const DEFAULT_DEVICE: &str = "  File: %_\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n\
    Device: %Hd,%Ld\tInode: %-11i Links: %-5h Device type: %Hr,%Lr\n\
    Access: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n\
    Access: %x\nModify: %y\nChange: %z\n Birth: %w\n";
const TERSE: &str = "%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %W %o\n";
const FS_DEFAULT: &str = "  File: \"%n\"\n    ID: %-8i Namelen: %-7l Type: %T\n\
    Block size: %-10s Fundamental block size: %S\n\
    Blocks: Total: %-10b Free: %-10f Available: %a\nInodes: Total: %-10c Free: %d\n";
const FS_TERSE: &str = "%n %i %l %t %s %S %b %f %a %c %d\n";

pub fn main(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "c:fLt", &LONG);
    let (mut format, mut file_system, mut follow, mut terse) = (None, false, false, false);
    while let Some((key, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        match key {
            "c" => format = Some([value.as_bytes(), b"\n"].concat()),
            "printf" => format = Some(unescape(&value)),
            "f" => file_system = true,
            "L" => follow = true,
            "t" => terse = true,
            _ => {}
        }
    }
    let names = options.operands();
    if names.is_empty() {
        return Err(Failure::usage(1, "missing operand"));
    }
    let mut out = stdout();
    let mut status = 0;
    for name in &names {
        let result = if file_system {
            let default = if terse { FS_TERSE } else { FS_DEFAULT };
            file_system_stats(name).map(|stats| {
                expand(format.as_deref().unwrap_or(default.as_bytes()), |directive| stats.field(name, directive))
            })
        } else {
            let found = if name == "-" {
                stat("/dev/stdin")
            } else if follow {
                stat(name)
            } else {
                lstat(name)
            };
            found.map(|found| {
                let is_device = matches!(found.mode & 0o170000, 0o020000 | 0o060000);
                let default = match (terse, is_device) {
                    (true, _) => TERSE,
                    (_, true) => DEFAULT_DEVICE,
                    _ => DEFAULT,
                };
                expand(format.as_deref().unwrap_or(default.as_bytes()), |directive| field(name, &found, directive))
            })
        };
        match result {
            Ok(text) => out.write_all(&text)?,
            Err(error) => {
                let what = if file_system { "read file system information for" } else { "statx" };
                warn(format_args!("cannot {what} '{name}': {}", reason(&error)));
                status = 1;
            }
        }
    }
    out.flush()?;
    Ok(status)
}

/// Replaces each `%[flags][width][.precision]directive` of a format by what `field` gives for the directive.
fn expand(format: &[u8], field: impl Fn(&str) -> String) -> Vec<u8> {
    let mut result = Vec::new();
    let mut at = 0;
    while at < format.len() {
        if format[at] != b'%' {
            result.push(format[at]);
            at += 1;
            continue;
        }
        let rest = &format[at + 1..];
        let flags = rest.iter().take_while(|byte| b"-0#+ '".contains(byte)).count();
        let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = |range: std::ops::Range<usize>| {
            rest.get(range).and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok())
        };
        let width_end = flags + digits(flags);
        let width = number(flags..width_end).unwrap_or(0).min(4096);
        let mut end = width_end;
        let mut precision = None;
        if rest.get(end) == Some(&b'.') {
            let stop = end + 1 + digits(end + 1);
            precision = Some(number(end + 1..stop).unwrap_or(0));
            end = stop;
        }
        let length = match rest.get(end) {
            // `%Hd` and `%Lr` are the halves of a device number.
            Some(b'H' | b'L') if matches!(rest.get(end + 1), Some(b'd' | b'r')) => 2,
            Some(_) => 1,
            None => 0,
        };
        let directive = String::from_utf8_lossy(&rest[end..end + length]).into_owned();
        at += 1 + end + length;
        match directive.as_str() {
            "" | "%" => {
                result.push(b'%');
                continue;
            }
            _ => {}
        }
        let mut text = field(&directive);
        let flags = &rest[..flags];
        if flags.contains(&b'#') && directive == "a" {
            text.insert(0, '0');
        }
        if let Some(precision) = precision {
            // A time's precision counts the digits of its fraction.
            if matches!(directive.as_str(), "X" | "Y" | "Z" | "W") {
                text = text.split('.').next().unwrap_or_default().to_owned();
            } else if text.len() > precision {
                text.truncate(precision);
            }
        }
        let padding = width.saturating_sub(text.chars().count());
        if flags.contains(&b'-') {
            result.extend_from_slice(text.as_bytes());
            result.extend(std::iter::repeat_n(b' ', padding));
        } else {
            let fill = if flags.contains(&b'0') { b'0' } else { b' ' };
            result.extend(std::iter::repeat_n(fill, padding));
            result.extend_from_slice(text.as_bytes());
        }
    }
    result
}

fn major(device: u64) -> u64 {
    (device >> 8 & 0xfff) | (device >> 32 & !0xfff)
}

fn minor(device: u64) -> u64 {
    (device & 0xff) | (device >> 12 & 0xffff_ff00)
}

fn field(name: &str, found: &Stat, directive: &str) -> String {
    let seconds = |stamp: Stamp| stamp.0.to_string();
    match directive {
        "a" => format!("{:o}", found.mode & 0o7777),
        "A" => letters(found.mode),
        "b" => found.blocks.to_string(),
        "B" => "512".into(),
        "C" => "?".into(),
        "d" => found.device.to_string(),
        "D" => format!("{:x}", found.device),
        "Hd" => major(found.device).to_string(),
        "Ld" => minor(found.device).to_string(),
        "Hr" => major(found.represents).to_string(),
        "Lr" => minor(found.represents).to_string(),
        "f" => format!("{:x}", found.mode),
        "F" => type_name(found.mode, found.size).into(),
        "g" => found.group.to_string(),
        "G" => group_name(found.group),
        "h" => found.links.to_string(),
        "i" => found.inode.to_string(),
        "m" => "/".into(),
        "n" => name.into(),
        // What the default layout shows for a name; it has no letter of its own.
        "_" if found.is_symlink() => format!("{name} -> {}", std::fs::read_link(name).unwrap_or_default().display()),
        "_" => name.into(),
        "N" if found.is_symlink() => {
            let target = std::fs::read_link(name).unwrap_or_default();
            format!("{} -> {}", quote(name), quote(&target.to_string_lossy()))
        }
        "N" => quote(name),
        "o" => found.block_size.to_string(),
        "s" => found.size.to_string(),
        "r" => found.represents.to_string(),
        "R" => format!("{:x}", found.represents),
        "t" => format!("{:x}", major(found.represents)),
        "T" => format!("{:x}", minor(found.represents)),
        "u" => found.user.to_string(),
        "U" => user_name(found.user),
        "w" => found.born.map_or("-".into(), timestamp::full),
        "W" => found.born.map_or("0".into(), seconds),
        "x" => timestamp::full(found.accessed),
        "X" => seconds(found.accessed),
        "y" => timestamp::full(found.modified),
        "Y" => seconds(found.modified),
        "z" => timestamp::full(found.changed),
        "Z" => seconds(found.changed),
        other => format!("?{other}"),
    }
}

/// Quotes a name for the shell.
fn quote(name: &str) -> String {
    if name.contains('\'') && !name.contains(['"', '$', '`', '\\']) {
        return format!("\"{name}\"");
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}

struct FileSystem(FsStats);

const BLOCK: u64 = 4096;

fn file_system_stats(path: &str) -> std::io::Result<FileSystem> {
    Ok(FileSystem(stillbox_sys::fs_stats(path)?))
}

impl FileSystem {
    fn field(&self, name: &str, directive: &str) -> String {
        let stats = &self.0;
        let free = stats.bytes_total.saturating_sub(stats.bytes_used) / BLOCK;
        match directive {
            "a" | "f" => free.to_string(),
            "b" => (stats.bytes_total / BLOCK).to_string(),
            "c" => stats.inodes_total.to_string(),
            "d" => stats.inodes_total.saturating_sub(stats.inodes_used).to_string(),
            "i" => "0".into(),
            "l" => "255".into(),
            "n" => name.into(),
            "s" | "S" => BLOCK.to_string(),
            // The number and name of Linux's in-memory file system, which this is most like.
            "t" => "1021994".into(),
            "T" => "tmpfs".into(),
            other => format!("?{other}"),
        }
    }
}
