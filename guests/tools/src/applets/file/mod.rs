//! `file`: what a file holds, from its first bytes.

mod text;

use std::io::{self, Read, Write};

use stillbox_tools::getopt::Getopt;
use stillbox_tools::metadata::{lstat, stat};
use stillbox_tools::program::{Failure, Outcome, read_input, reason, stdout};

/// What a file's content is: in words, and as a MIME type with a character set.
struct Kind {
    words: String,
    mime: &'static str,
    charset: &'static str,
}

impl Kind {
    fn new(words: impl Into<String>, mime: &'static str, charset: &'static str) -> Self {
        Self { words: words.into(), mime, charset }
    }
}

/// How many bytes are looked at.
const LOOK: u64 = 1 << 20;

/// Formats that their first bytes (at the given offset) tell.
const MAGIC: &[(usize, &[u8], &str, &str)] = &[
    (0, b"\x7fELF", "ELF", "application/x-executable"),
    (0, b"PK\x03\x04", "Zip archive data", "application/zip"),
    (0, b"PK\x05\x06", "Zip archive data (empty)", "application/zip"),
    (0, b"BZh", "bzip2 compressed data", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "XZ compressed data", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard compressed data (v0.8+)", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-zip archive data", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "RAR archive data", "application/x-rar"),
    (0, b"GIF8", "GIF image data", "image/gif"),
    (0, b"\xff\xd8\xff", "JPEG image data", "image/jpeg"),
    (0, b"BM", "PC bitmap", "image/bmp"),
    (0, b"%PDF-", "PDF document", "application/pdf"),
    (0, b"%!PS", "PostScript document text", "application/postscript"),
    (0, b"SQLite format 3\0", "SQLite 3.x database", "application/vnd.sqlite3"),
    (0, b"!<arch>\n", "current ar archive", "application/x-archive"),
    (0, b"\xca\xfe\xba\xbe", "compiled Java class data", "application/x-java-applet"),
    (0, b"OggS", "Ogg data", "application/ogg"),
    (0, b"fLaC", "FLAC audio bitstream data", "audio/flac"),
    (0, b"ID3", "Audio file with ID3", "audio/mpeg"),
    (0, b"MZ", "MS-DOS executable", "application/x-dosexec"),
    (0, b"wOFF", "Web Open Font Format", "font/woff"),
    (0, b"wOF2", "Web Open Font Format (Version 2)", "font/woff2"),
    (0, b"II*\0", "TIFF image data, little-endian", "image/tiff"),
    (0, b"MM\0*", "TIFF image data, big-endian", "image/tiff"),
    (257, b"ustar  \0", "POSIX tar archive (GNU)", "application/x-tar"),
    (257, b"ustar\0", "POSIX tar archive", "application/x-tar"),
    (4, b"ftyp", "ISO Media", "video/mp4"),
];

pub fn main(args: &[String]) -> Outcome {
    let long = [
        ("brief", "b"),
        ("mime", "i"),
        ("mime-type", "mime-type"),
        ("mime-encoding", "mime-encoding"),
        ("dereference", "L"),
        ("no-dereference", "h"),
        ("separator=", "F"),
        ("files-from=", "f"),
        ("print0", "0"),
    ];
    let mut options = Getopt::new(args, "bihLF:f:0sNzk", &long);
    let (mut brief, mut style, mut follow, mut separator, mut aligned) = (false, "", false, ":".to_owned(), true);
    let mut names = Vec::new();
    while let Some((key, value)) = options.next_option()? {
        match key {
            "b" => brief = true,
            "i" | "mime-type" | "mime-encoding" => style = key,
            "L" => follow = true,
            "h" => follow = false,
            "F" => separator = value.unwrap_or_default(),
            "N" => aligned = false,
            "f" => {
                let path = value.unwrap_or_default();
                let text = read_input(&path)
                    .map_err(|error| Failure::new(1, format_args!("cannot open '{path}': {}", reason(&error))))?;
                names.extend(String::from_utf8_lossy(&text).lines().map(str::to_owned));
            }
            _ => {}
        }
    }
    names.extend(options.operands());
    if names.is_empty() {
        return Err(Failure::usage(1, "no files given"));
    }
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) + separator.len();
    let mut out = stdout();
    for name in &names {
        let kind = identify(name, follow);
        let text = match style {
            "i" => format!("{}; charset={}", kind.mime, kind.charset),
            "mime-type" => kind.mime.to_owned(),
            "mime-encoding" => kind.charset.to_owned(),
            _ => kind.words,
        };
        let shown = if name == "-" { "/dev/stdin" } else { name };
        if brief {
            writeln!(out, "{text}")?;
        } else if aligned {
            writeln!(out, "{:<width$} {text}", format!("{shown}{separator}"))?;
        } else {
            writeln!(out, "{shown}{separator} {text}")?;
        }
    }
    out.flush()?;
    Ok(0)
}

fn identify(name: &str, follow: bool) -> Kind {
    let mut bytes = Vec::new();
    if name == "-" {
        let _ = io::stdin().take(LOOK).read_to_end(&mut bytes);
        return content(&bytes);
    }
    let found = match if follow { stat(name) } else { lstat(name) } {
        Ok(found) => found,
        Err(error) => {
            let words = format!("cannot open `{name}' ({})", reason(&error));
            return Kind::new(words, "cannot open", "binary");
        }
    };
    match found.mode & 0o170000 {
        0o040000 if found.mode & 0o1000 != 0 => return Kind::new("sticky, directory", "inode/directory", "binary"),
        0o040000 => return Kind::new("directory", "inode/directory", "binary"),
        0o120000 => {
            let target = std::fs::read_link(name).unwrap_or_default();
            let broken = if stat(name).is_err() { "broken symbolic link to" } else { "symbolic link to" };
            return Kind::new(format!("{broken} {}", target.display()), "inode/symlink", "binary");
        }
        0o020000 => {
            let (major, minor) = (found.represents >> 8 & 0xfff, found.represents & 0xff);
            return Kind::new(format!("character special ({major}/{minor})"), "inode/chardevice", "binary");
        }
        0o060000 => return Kind::new("block special", "inode/blockdevice", "binary"),
        0o010000 => return Kind::new("fifo (named pipe)", "inode/fifo", "binary"),
        0o140000 => return Kind::new("socket", "inode/socket", "binary"),
        _ => {}
    }
    let read = std::fs::File::open(name).and_then(|file| file.take(LOOK).read_to_end(&mut bytes));
    match read {
        Ok(_) => content(&bytes),
        Err(_) => Kind::new("regular file, no read permission", "application/octet-stream", "binary"),
    }
}

fn content(bytes: &[u8]) -> Kind {
    if bytes.is_empty() {
        return Kind::new("empty", "inode/x-empty", "binary");
    }
    if let Some(kind) = binary(bytes) {
        return kind;
    }
    text::identify(bytes).unwrap_or_else(|| Kind::new("data", "application/octet-stream", "binary"))
}

fn number(bytes: &[u8], at: usize, little: bool) -> u32 {
    let mut four = [0; 4];
    if let Some(found) = bytes.get(at..at + 4) {
        four.copy_from_slice(found);
    }
    if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) }
}

fn binary(bytes: &[u8]) -> Option<Kind> {
    if bytes.starts_with(b"\0asm") {
        let version = number(bytes, 4, true);
        let words = format!("WebAssembly (wasm) binary module version {version:#x} (MVP)");
        return Some(Kind::new(words, "application/wasm", "binary"));
    }
    if bytes.starts_with(b"\x1f\x8b") {
        return Some(Kind::new(gzip(bytes), "application/gzip", "binary"));
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        let depth = bytes.get(24).copied().unwrap_or(0);
        let color = match bytes.get(25) {
            Some(0) => "grayscale",
            Some(2) => "/color RGB",
            Some(3) => "colormap",
            Some(4) => "gray+alpha",
            _ => "/color RGBA",
        };
        let interlace = if bytes.get(28) == Some(&1) { "interlaced" } else { "non-interlaced" };
        let (width, height) = (number(bytes, 16, false), number(bytes, 20, false));
        let words = format!(
            "PNG image data, {width} x {height}, {depth}-bit{}{color}, {interlace}",
            if color.starts_with('/') { "" } else { " " }
        );
        return Some(Kind::new(words, "image/png", "binary"));
    }
    if bytes.starts_with(b"RIFF") && bytes.len() >= 12 {
        return Some(match &bytes[8..12] {
            b"WAVE" => Kind::new("RIFF (little-endian) data, WAVE audio", "audio/x-wav", "binary"),
            b"WEBP" => Kind::new("RIFF (little-endian) data, Web/P image", "image/webp", "binary"),
            _ => Kind::new("RIFF (little-endian) data", "application/octet-stream", "binary"),
        });
    }
    let (_, _, words, mime) =
        MAGIC.iter().find(|(at, magic, ..)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic)))?;
    let words = match *words {
        "ELF" => elf(bytes),
        "GIF image data" => {
            let (width, height) = (number(bytes, 6, true) & 0xffff, number(bytes, 8, true) & 0xffff);
            format!(
                "GIF image data, version {}, {width} x {height}",
                String::from_utf8_lossy(bytes.get(3..6).unwrap_or(b""))
            )
        }
        "PDF document" => format!("PDF document, version {}", String::from_utf8_lossy(bytes.get(5..8).unwrap_or(b""))),
        "bzip2 compressed data" => {
            let level = bytes.get(3).copied().unwrap_or(b'0').saturating_sub(b'0');
            format!("bzip2 compressed data, block size = {level}00k")
        }
        "XZ compressed data" => "XZ compressed data, checksum CRC64".into(),
        other => other.to_owned(),
    };
    // A bitmap's two letters begin many texts, too.
    if *mime == "image/bmp" && (bytes.len() < 26 || number(bytes, 2, true) as usize > bytes.len().max(LOOK as usize)) {
        return None;
    }
    Some(Kind::new(words, mime, "binary"))
}

fn gzip(bytes: &[u8]) -> String {
    let flags = bytes.get(3).copied().unwrap_or(0);
    let mut words = "gzip compressed data".to_owned();
    if flags & 8 != 0 {
        let name: Vec<u8> = bytes.iter().skip(10).take_while(|byte| **byte != 0).copied().collect();
        words.push_str(&format!(", was \"{}\"", String::from_utf8_lossy(&name)));
    }
    let time = number(bytes, 4, true);
    if time != 0 {
        words.push_str(&format!(", last modified: {}", stillbox_tools::timestamp::date_time(i64::from(time))));
    }
    match bytes.get(8) {
        Some(2) => words.push_str(", max compression"),
        Some(4) => words.push_str(", max speed"),
        _ => {}
    }
    words.push_str(if bytes.get(9) == Some(&3) { ", from Unix" } else { "" });
    if (18..LOOK as usize).contains(&bytes.len()) {
        words.push_str(&format!(", original size modulo 2^32 {}", number(bytes, bytes.len() - 4, true)));
    }
    words
}

fn elf(bytes: &[u8]) -> String {
    let bits = if bytes.get(4) == Some(&1) { "32-bit" } else { "64-bit" };
    let little = bytes.get(5) != Some(&2);
    let order = if little { "LSB" } else { "MSB" };
    let half = |at| if little { number(bytes, at, true) & 0xffff } else { number(bytes, at, false) >> 16 };
    let kind = match half(16) {
        1 => "relocatable",
        2 => "executable",
        3 => "shared object",
        4 => "core file",
        _ => "unknown",
    };
    let machine = match half(18) {
        3 => "Intel 80386",
        40 => "ARM",
        62 => "x86-64",
        183 => "ARM aarch64",
        243 => "UCB RISC-V",
        _ => "unknown machine",
    };
    format!("ELF {bits} {order} {kind}, {machine}, version 1 (SYSV)")
}
