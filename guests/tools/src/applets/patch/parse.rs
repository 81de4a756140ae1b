//! Reading a patch: unified and normal diffs.

/// One file's part of a patch.
#[derive(Debug, Default)]
pub struct FilePatch {
    pub old: String,
    pub new: String,
    /// Whether the header says that there was no file before, or that there is none after: `/dev/null` or the epoch.
    pub old_missing: bool,
    pub new_missing: bool,
    /// The header's two lines.
    pub header: Vec<u8>,
    pub hunks: Vec<Hunk>,
}

/// A run of lines to find and what to put in their place; each line has its newline if it is to have one.
#[derive(Debug, Default)]
pub struct Hunk {
    /// The first line, from 0.
    pub old_start: usize,
    pub new_start: usize,
    pub old: Vec<Vec<u8>>,
    pub new: Vec<Vec<u8>>,
    /// How many lines at either end are context.
    pub context_before: usize,
    pub context_after: usize,
    /// The hunk as it stands in the patch, for a reject file.
    pub text: Vec<u8>,
}

/// Parses all files of a patch; the error names the line where it is malformed.
pub fn parse(bytes: &[u8]) -> Result<Vec<FilePatch>, usize> {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut files: Vec<FilePatch> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let is_header = lines[at].starts_with(b"--- ")
            && lines.get(at + 1).is_some_and(|line| line.starts_with(b"+++ "))
            && lines.get(at + 2).is_none_or(|line| line.starts_with(b"@@ -"));
        if is_header {
            let (old, old_missing) = header(lines[at]);
            let (new, new_missing) = header(lines[at + 1]);
            let header = [lines[at], lines[at + 1]].concat();
            files.push(FilePatch { old, new, old_missing, new_missing, header, hunks: Vec::new() });
            at += 2;
        } else if lines[at].starts_with(b"@@ -") {
            if files.is_empty() {
                files.push(FilePatch::default());
            }
            let (hunk, next) = unified_hunk(&lines, at)?;
            if let Some(file) = files.last_mut() {
                file.hunks.push(hunk);
            }
            at = next;
        } else if let Some((start, end)) = normal_command(lines[at]) {
            if files.is_empty() {
                files.push(FilePatch::default());
            }
            let (hunk, next) = normal_hunk(&lines, at, start, end);
            if let Some(file) = files.last_mut() {
                file.hunks.push(hunk);
            }
            at = next;
        } else {
            at += 1;
        }
    }
    Ok(files)
}

/// Returns the name in a header line, and whether it says that there is no such file.
fn header(line: &[u8]) -> (String, bool) {
    let text = String::from_utf8_lossy(&line[4..]);
    let text = text.trim_end_matches(['\n', '\r']);
    let (name, time) = text.split_once('\t').unwrap_or((text, ""));
    let missing = name == "/dev/null" || time.starts_with("1970-01-01 00:00:00") && time.contains("+0000");
    (name.trim_matches('"').to_owned(), missing)
}

fn range(text: &str) -> Option<(usize, usize)> {
    let (start, count) = text.split_once(',').unwrap_or((text, "1"));
    Some((start.parse().ok()?, count.parse().ok()?))
}

fn unified_hunk(lines: &[&[u8]], start: usize) -> Result<(Hunk, usize), usize> {
    let malformed = |at: usize| at + 1;
    let head = String::from_utf8_lossy(lines[start]);
    let mut words = head.split_ascii_whitespace().skip(1);
    let old = words.next().and_then(|word| range(word.strip_prefix('-')?)).ok_or(malformed(start))?;
    let new = words.next().and_then(|word| range(word.strip_prefix('+')?)).ok_or(malformed(start))?;
    // A range without lines names the line before it.
    let index = |(start, count): (usize, usize)| if count == 0 { start } else { start.saturating_sub(1) };
    let mut hunk = Hunk { old_start: index(old), new_start: index(new), ..Hunk::default() };
    hunk.text.extend_from_slice(lines[start]);
    let mut at = start + 1;
    let mut changed = false;
    while hunk.old.len() < old.1 || hunk.new.len() < new.1 || lines.get(at).is_some_and(|line| line.starts_with(b"\\"))
    {
        let line = *lines.get(at).ok_or(malformed(at))?;
        let (mark, body) = match line.split_first() {
            // Some mailers strip the blank of an empty line of context.
            Some((b'\n', _)) => (b' ', line),
            Some((mark, body)) => (*mark, body),
            None => return Err(malformed(at)),
        };
        let no_newline = lines.get(at + 1).is_some_and(|next| next.starts_with(b"\\"));
        let body = if no_newline { body.strip_suffix(b"\n").unwrap_or(body) } else { body };
        match mark {
            b' ' => {
                hunk.old.push(body.to_vec());
                hunk.new.push(body.to_vec());
                if changed {
                    hunk.context_after += 1;
                } else {
                    hunk.context_before += 1;
                }
            }
            b'-' => hunk.old.push(body.to_vec()),
            b'+' => hunk.new.push(body.to_vec()),
            b'\\' => {}
            _ => return Err(malformed(at)),
        }
        if matches!(mark, b'-' | b'+') {
            changed = true;
            hunk.context_after = 0;
        }
        hunk.text.extend_from_slice(line);
        at += 1;
    }
    if hunk.old.len() != old.1 || hunk.new.len() != new.1 {
        return Err(malformed(at - 1));
    }
    Ok((hunk, at))
}

/// Returns the ranges of a normal diff's command such as `3,4c5` as the old start and count.
fn normal_command(line: &[u8]) -> Option<(usize, usize)> {
    let text = std::str::from_utf8(line).ok()?.trim_end();
    let at = text.find(['a', 'c', 'd'])?;
    let (old, new) = (&text[..at], &text[at + 1..]);
    let ends = |text: &str| -> Option<(usize, usize)> {
        let (first, last) = text.split_once(',').unwrap_or((text, text));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    let (first, last) = ends(old)?;
    ends(new)?;
    Some(if &text[at..=at] == "a" { (first, 0) } else { (first.checked_sub(1)?, last.checked_sub(first)? + 1) })
}

fn normal_hunk(lines: &[&[u8]], start: usize, old_start: usize, _count: usize) -> (Hunk, usize) {
    let mut hunk = Hunk { old_start, new_start: old_start, ..Hunk::default() };
    hunk.text.extend_from_slice(lines[start]);
    let mut at = start + 1;
    while let Some(line) = lines.get(at) {
        let side = match line {
            [b'<', b' ', ..] => &mut hunk.old,
            [b'>', b' ', ..] => &mut hunk.new,
            [b'-', b'-', b'-', b'\n'] => {
                at += 1;
                continue;
            }
            [b'\\', ..] => {
                at += 1;
                continue;
            }
            _ => break,
        };
        let no_newline = lines.get(at + 1).is_some_and(|next| next.starts_with(b"\\"));
        let body = &line[2..];
        side.push(if no_newline { body.strip_suffix(b"\n").unwrap_or(body).to_vec() } else { body.to_vec() });
        hunk.text.extend_from_slice(line);
        at += 1;
    }
    (hunk, at)
}
