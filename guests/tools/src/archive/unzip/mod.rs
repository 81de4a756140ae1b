//! `unzip`: lists, tests and unpacks zip archives.

mod extract;

use std::fs::File;
use std::io::{self, BufReader, Read, Write};

use stillbox_tools::getopt::Getopt;
use stillbox_tools::program::{Failure, Outcome, reason, stdout, warn};
use stillbox_tools::text::matches_glob;
use zip::read::ZipFile;
use zip::{CompressionMethod, DateTime, ZipArchive};

/// unzip's statuses: a damaged file, no archive, and no member of the names given.
const DAMAGED: i32 = 3;
const NO_ARCHIVE: i32 = 9;
const NOT_MATCHED: i32 = 11;

#[derive(PartialEq)]
enum Action {
    Extract,
    List,
    Verbose,
    Names,
    Test,
    Pipe,
}

struct Unzip {
    archive: String,
    action: Action,
    directory: Option<String>,
    members: Vec<String>,
    exclude: Vec<String>,
    matched: Vec<bool>,
    quiet: u32,
    overwrite: bool,
    never_overwrite: bool,
    freshen: bool,
    update: bool,
    junk_paths: bool,
    ignore_case: bool,
    named: bool,
    status: i32,
}

pub fn main(args: &[String]) -> Outcome {
    let mut run = Unzip {
        archive: String::new(),
        action: Action::Extract,
        directory: None,
        members: Vec::new(),
        exclude: Vec::new(),
        matched: Vec::new(),
        quiet: 0,
        overwrite: false,
        never_overwrite: false,
        freshen: false,
        update: false,
        junk_paths: false,
        ignore_case: false,
        named: false,
        status: 0,
    };
    // `-x` takes all names up to the next option, which getopt does not know.
    let (args, exclude) = split_excludes(args);
    run.exclude = exclude;
    let mut options = Getopt::new(&args, "cfjlnopqtuvZ1aCd:LK:X", &[]).usage_status(10);
    while let Some((key, value)) = options.next_option()? {
        match key {
            "c" => (run.action, run.named) = (Action::Pipe, true),
            "p" => run.action = Action::Pipe,
            "l" => run.action = Action::List,
            "v" => run.action = Action::Verbose,
            "t" => run.action = Action::Test,
            "1" | "Z" => run.action = Action::Names,
            "f" => run.freshen = true,
            "u" => run.update = true,
            "j" => run.junk_paths = true,
            "n" => run.never_overwrite = true,
            "o" => run.overwrite = true,
            "q" => run.quiet += 1,
            "C" => run.ignore_case = true,
            "d" => run.directory = value,
            _ => {}
        }
    }
    let mut operands = options.operands();
    if operands.is_empty() {
        return Err(Failure::new(
            10,
            "missing archive; usage: unzip [OPTION]... ARCHIVE [MEMBER]... [-x MEMBER...] [-d DIR]",
        ));
    }
    run.archive = operands.remove(0);
    run.matched = vec![false; operands.len()];
    run.members = operands;
    let file = ["", ".zip", ".ZIP"].iter().find_map(|suffix| {
        let path = format!("{}{suffix}", run.archive);
        Some((File::open(&path).ok().filter(|file| file.metadata().is_ok_and(|found| found.is_file()))?, path))
    });
    let Some((file, path)) = file else {
        let name = &run.archive;
        let _ = writeln!(io::stderr(), "unzip:  cannot find or open {name}, {name}.zip or {name}.ZIP.");
        return Ok(NO_ARCHIVE);
    };
    run.archive = path;
    let mut out = stdout();
    let status = run.run(file, &mut out)?;
    out.flush()?;
    Ok(status)
}

fn split_excludes(args: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut rest, mut exclude, mut excluding) = (Vec::new(), Vec::new(), false);
    for arg in args {
        if arg == "-x" {
            excluding = true;
        } else if excluding && !arg.starts_with('-') {
            exclude.push(arg.clone());
        } else {
            excluding = false;
            rest.push(arg.clone());
        }
    }
    (rest, exclude)
}

/// Returns a date as `2024-05-06 07:08`.
fn date(time: Option<DateTime>) -> String {
    let time = time.unwrap_or_default();
    format!("{:04}-{:02}-{:02} {:02}:{:02}", time.year(), time.month(), time.day(), time.hour(), time.minute())
}

fn saved(packed: u64, plain: u64) -> u64 {
    (plain.saturating_sub(packed) * 100 + plain / 2).checked_div(plain).unwrap_or(0)
}

impl Unzip {
    fn run(&mut self, file: File, out: &mut dyn Write) -> Outcome {
        let shows_header = match self.action {
            Action::Extract | Action::Test => self.quiet == 0,
            Action::List | Action::Verbose => self.quiet < 2,
            Action::Pipe => self.named && self.quiet == 0,
            Action::Names => false,
        };
        if shows_header {
            writeln!(out, "Archive:  {}", self.archive)?;
        }
        let mut archive = match ZipArchive::new(BufReader::new(file)) {
            Ok(archive) => archive,
            Err(error) => {
                out.flush()?;
                let text = "  End-of-central-directory signature not found.  Either this file is not\n  \
                    a zipfile, or it constitutes one disk of a multi-part archive.";
                let _ = writeln!(io::stderr(), "{text}\nunzip:  cannot open {} as a zip file: {error}", self.archive);
                return Ok(NO_ARCHIVE);
            }
        };
        let mut chosen = Vec::new();
        for at in 0..archive.len() {
            let name = archive.name_for_index(at).unwrap_or_default().to_owned();
            if self.wants(&name) {
                chosen.push(at);
            }
        }
        match self.action {
            Action::List => self.list(&mut archive, &chosen, out)?,
            Action::Verbose => self.list_verbosely(&mut archive, &chosen, out)?,
            Action::Names => {
                for at in chosen {
                    writeln!(out, "{}", archive.name_for_index(at).unwrap_or_default())?;
                }
            }
            _ => {
                for at in chosen {
                    match archive.by_index(at) {
                        Ok(mut member) => self.member(&mut member, out)?,
                        Err(error) => {
                            warn(error);
                            self.status = DAMAGED;
                        }
                    }
                }
                if self.action == Action::Test && self.quiet < 2 {
                    match self.status {
                        0 => writeln!(out, "No errors detected in compressed data of {}.", self.archive)?,
                        _ => writeln!(out, "At least one error was detected in {}.", self.archive)?,
                    }
                }
            }
        }
        out.flush()?;
        let mut status = self.status;
        for (member, matched) in self.members.iter().zip(&self.matched) {
            if !matched {
                let _ = writeln!(io::stderr(), "caution: filename not matched:  {member}");
                status = status.max(NOT_MATCHED);
            }
        }
        Ok(status)
    }

    fn wants(&mut self, name: &str) -> bool {
        let fold = |text: &str| if self.ignore_case { text.to_lowercase() } else { text.to_owned() };
        let folded = fold(name);
        let excluded = self.exclude.iter().any(|pattern| matches_glob(&fold(pattern), &folded));
        let mut wanted = self.members.is_empty();
        let mut matched = std::mem::take(&mut self.matched);
        for (pattern, found) in self.members.iter().zip(&mut matched) {
            if matches_glob(&fold(pattern), &folded) {
                (*found, wanted) = (true, true);
            }
        }
        self.matched = matched;
        wanted && !excluded
    }

    fn list<R: Read + io::Seek>(
        &self,
        archive: &mut ZipArchive<R>,
        chosen: &[usize],
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let plain = self.quiet < 2;
        if plain {
            writeln!(out, "  Length      Date    Time    Name\n---------  ---------- -----   ----")?;
        }
        let mut total = 0;
        for at in chosen {
            let member = archive.by_index_raw(*at).map_err(|error| Failure::new(DAMAGED, error))?;
            total += member.size();
            writeln!(out, "{:>9}  {}   {}", member.size(), date(member.last_modified()), member.name())?;
        }
        if plain {
            let files = if chosen.len() == 1 { "file" } else { "files" };
            writeln!(
                out,
                "---------                     -------\n{total:>9}                     {} {files}",
                chosen.len()
            )?;
        }
        Ok(())
    }

    fn list_verbosely<R: Read + io::Seek>(
        &self,
        archive: &mut ZipArchive<R>,
        chosen: &[usize],
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        writeln!(out, " Length   Method    Size  Cmpr    Date    Time   CRC-32   Name")?;
        writeln!(out, "--------  ------  ------- ---- ---------- ----- --------  ----")?;
        let (mut plain, mut packed) = (0, 0);
        for at in chosen {
            let member = archive.by_index_raw(*at).map_err(|error| Failure::new(DAMAGED, error))?;
            let method = match member.compression() {
                CompressionMethod::Stored => "Stored",
                CompressionMethod::Deflated => "Defl:N",
                _ => "Unk:  ",
            };
            let (size, small) = (member.size(), member.compressed_size());
            (plain, packed) = (plain + size, packed + small);
            let (percent, time) = (saved(small, size), date(member.last_modified()));
            writeln!(
                out,
                "{size:>8}  {method} {small:>8} {percent:>3}% {time} {:08x}  {}",
                member.crc32(),
                member.name()
            )?;
        }
        let files = if chosen.len() == 1 { "file" } else { "files" };
        writeln!(out, "--------          -------  ---                            -------")?;
        let percent = saved(packed, plain);
        writeln!(
            out,
            "{plain:>8}         {packed:>8} {percent:>3}%                            {} {files}",
            chosen.len()
        )?;
        Ok(())
    }

    fn member<R: Read>(&mut self, member: &mut ZipFile<'_, R>, out: &mut dyn Write) -> Result<(), Failure> {
        let name = member.name().to_owned();
        match self.action {
            Action::Test => {
                if self.quiet == 0 {
                    write!(out, "    testing: {name:<22}  ")?;
                }
                match io::copy(member, &mut io::sink()) {
                    Ok(_) if self.quiet == 0 => writeln!(out, " OK")?,
                    Ok(_) => {}
                    Err(error) => {
                        writeln!(out, " {error}")?;
                        self.status = DAMAGED;
                    }
                }
                Ok(())
            }
            Action::Pipe => {
                if self.named && self.quiet == 0 {
                    let verb =
                        if member.compression() == CompressionMethod::Stored { " extracting" } else { "  inflating" };
                    writeln!(out, "{verb}: {name:<22}  ")?;
                }
                if let Err(error) = io::copy(member, out) {
                    if error.kind() == io::ErrorKind::BrokenPipe {
                        return Err(error.into());
                    }
                    self.complain(&name, &error);
                }
                Ok(())
            }
            _ => self.extract(member, &name, out),
        }
    }

    fn complain(&mut self, name: &str, error: &io::Error) {
        warn(format_args!("{name}: {}", reason(error)));
        self.status = DAMAGED;
    }
}
