//! `stty`: how the terminal is set.

use std::io::Write;

use stillbox_sys::tty_flag as flag;
use stillbox_sys::{TtyModes, TtySize, control_char as char, set_tty_modes, set_tty_size, tty_modes, tty_size};
use stillbox_tools::program::{Failure, Outcome, stdout};

/// Is which of the modes a flag belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Input,
    Output,
    Local,
}

/// The flags, and whether they are on when all is well.
const FLAGS: [(&str, Kind, u32, bool); 20] = [
    ("inlcr", Kind::Input, flag::INLCR, false),
    ("igncr", Kind::Input, flag::IGNCR, false),
    ("icrnl", Kind::Input, flag::ICRNL, true),
    ("ixon", Kind::Input, flag::IXON, false),
    ("imaxbel", Kind::Input, flag::IMAXBEL, true),
    ("iutf8", Kind::Input, flag::IUTF8, true),
    ("opost", Kind::Output, flag::OPOST, true),
    ("onlcr", Kind::Output, flag::ONLCR, true),
    ("ocrnl", Kind::Output, flag::OCRNL, false),
    ("isig", Kind::Local, flag::ISIG, true),
    ("icanon", Kind::Local, flag::ICANON, true),
    ("iexten", Kind::Local, flag::IEXTEN, true),
    ("echo", Kind::Local, flag::ECHO, true),
    ("echoe", Kind::Local, flag::ECHOE, true),
    ("echok", Kind::Local, flag::ECHOK, true),
    ("echonl", Kind::Local, flag::ECHONL, false),
    ("noflsh", Kind::Local, flag::NOFLSH, false),
    ("tostop", Kind::Local, flag::TOSTOP, false),
    ("echoctl", Kind::Local, flag::ECHOCTL, true),
    ("echoke", Kind::Local, flag::ECHOKE, true),
];

/// The control characters, and what they are when all is well.
const CHARS: [(&str, usize, u8); 13] = [
    ("intr", char::INTR, 0x03),
    ("quit", char::QUIT, 0x1c),
    ("erase", char::ERASE, 0x7f),
    ("kill", char::KILL, 0x15),
    ("eof", char::EOF, 0x04),
    ("eol", char::EOL, 0),
    ("eol2", char::EOL2, 0),
    ("susp", char::SUSP, 0x1a),
    ("rprnt", char::REPRINT, 0x12),
    ("werase", char::WERASE, 0x17),
    ("lnext", char::LNEXT, 0x16),
    ("min", char::MIN, 1),
    ("time", char::TIME, 0),
];

/// Returns the modes of a terminal that is as people expect one.
pub fn sane(mut modes: TtyModes) -> TtyModes {
    for (_, kind, bits, on) in FLAGS {
        set(&mut modes, kind, bits, on);
    }
    for (_, place, value) in CHARS {
        modes.chars[place] = value;
    }
    modes
}

fn word(modes: &mut TtyModes, kind: Kind) -> &mut u32 {
    match kind {
        Kind::Input => &mut modes.input,
        Kind::Output => &mut modes.output,
        Kind::Local => &mut modes.local,
    }
}

fn set(modes: &mut TtyModes, kind: Kind, bits: u32, on: bool) {
    let word = word(modes, kind);
    *word = if on { *word | bits } else { *word & !bits };
}

fn raw(modes: &mut TtyModes) {
    use flag::{ICANON, ICRNL, IEXTEN, IGNCR, IMAXBEL, INLCR, ISIG, IXON, OPOST};
    modes.input &= !(INLCR | IGNCR | ICRNL | IXON | IMAXBEL);
    modes.output &= !OPOST;
    modes.local &= !(ISIG | ICANON | IEXTEN);
    modes.chars[char::MIN] = 1;
    modes.chars[char::TIME] = 0;
}

/// Returns what a control character is shown as.
fn shown(place: usize, value: u8) -> String {
    match value {
        _ if matches!(place, char::MIN | char::TIME) => value.to_string(),
        0 => "<undef>".to_owned(),
        0x7f => "^?".to_owned(),
        value if value < 0x20 => format!("^{}", char::from_u32(u32::from(value) + 0x40).unwrap_or('?')),
        value => char::from(value).to_string(),
    }
}

/// Reads a control character as it is shown, or `undef`.
fn control(text: &str) -> Option<u8> {
    match text.as_bytes() {
        b"undef" | b"<undef>" | b"^-" | b"" => Some(0),
        b"^?" => Some(0x7f),
        [b'^', letter] => Some(letter & 0x1f),
        [byte] => Some(*byte),
        _ => text.parse().ok(),
    }
}

fn show(out: &mut dyn Write, modes: TtyModes, size: TtySize, all: bool) -> std::io::Result<()> {
    writeln!(out, "speed 38400 baud; rows {}; columns {};", size.rows, size.cols)?;
    let chars = CHARS.iter().filter(|(_, place, usual)| all || modes.chars[*place] != *usual);
    let chars: Vec<_> =
        chars.map(|(name, place, _)| format!("{name} = {};", shown(*place, modes.chars[*place]))).collect();
    if !chars.is_empty() {
        writeln!(out, "{}", chars.join(" "))?;
    }
    for kind in [Kind::Input, Kind::Output, Kind::Local] {
        let word = *word(&mut { modes }, kind);
        let flags = FLAGS.iter().filter(|(_, of, bits, usual)| *of == kind && (all || (word & bits != 0) != *usual));
        let flags: Vec<_> =
            flags.map(|(name, _, bits, _)| format!("{}{name}", if word & bits == 0 { "-" } else { "" })).collect();
        if !flags.is_empty() {
            writeln!(out, "{}", flags.join(" "))?;
        }
    }
    Ok(())
}

/// Returns the modes in the form of `stty -g`, which `stty` reads again.
fn saved(modes: TtyModes) -> String {
    let chars = modes.chars.map(|value| format!("{value:x}")).join(":");
    format!("{:x}:{:x}:{:x}:{chars}", modes.input, modes.output, modes.local)
}

fn restored(text: &str) -> Option<TtyModes> {
    let numbers: Vec<u32> = text.split(':').map(|part| u32::from_str_radix(part, 16).ok()).collect::<Option<_>>()?;
    let (&[input, output, local], chars) = numbers.split_first_chunk::<3>()?;
    let chars: Vec<u8> = chars.iter().map(|value| u8::try_from(*value).ok()).collect::<Option<_>>()?;
    Some(TtyModes { input, output, local, chars: chars.try_into().ok()? })
}

pub fn stty(args: &[String]) -> Outcome {
    let failed = |errno| Failure::new(1, format_args!("'standard input': {errno}"));
    let before = tty_modes(0).map_err(failed)?;
    let mut modes = before;
    let size = tty_size(0).map_err(failed)?;
    let mut wanted = size;
    let mut out = stdout();
    if args.is_empty() {
        show(&mut out, modes, size, false)?;
    }
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| Failure::usage(1, format_args!("missing argument to '{arg}'")));
        let (name, on) = arg.strip_prefix('-').map_or((arg.as_str(), true), |name| (name, false));
        match arg.as_str() {
            "-a" | "--all" => show(&mut out, modes, size, true)?,
            "-g" | "--save" => writeln!(out, "{}", saved(modes))?,
            "size" => writeln!(out, "{} {}", size.rows, size.cols)?,
            "speed" => writeln!(out, "38400")?,
            "sane" => modes = sane(modes),
            "raw" | "-cooked" => raw(&mut modes),
            "-raw" | "cooked" => {
                let sane = sane(modes);
                modes = TtyModes { local: modes.local | flag::ISIG | flag::ICANON | flag::IEXTEN, ..sane };
            }
            "cbreak" | "-cbreak" => set(&mut modes, Kind::Local, flag::ICANON, !on),
            "rows" | "cols" | "columns" => {
                let number = value()?;
                let number =
                    number.parse().map_err(|_| Failure::usage(1, format_args!("invalid integer '{number}'")))?;
                *(if arg == "rows" { &mut wanted.rows } else { &mut wanted.cols }) = number;
            }
            _ if let Some((_, kind, bits, _)) = FLAGS.iter().find(|known| known.0 == name) => {
                set(&mut modes, *kind, *bits, on);
            }
            _ if let Some((name, place, _)) = CHARS.iter().find(|known| known.0 == arg) => {
                let text = value()?;
                let number = if matches!(*name, "min" | "time") { text.parse().ok() } else { control(text) };
                modes.chars[*place] =
                    number.ok_or_else(|| Failure::usage(1, format_args!("invalid integer argument: '{text}'")))?;
            }
            text if let Some(saved) = restored(text) => modes = saved,
            other => return Err(Failure::usage(1, format_args!("invalid argument '{other}'"))),
        }
    }
    out.flush()?;
    if modes != before {
        set_tty_modes(0, &modes, false).map_err(failed)?;
    }
    if wanted != size {
        set_tty_size(0, wanted).map_err(failed)?;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_restored() {
        let modes = sane(TtyModes { input: 0o2, output: 0, local: 0o4, chars: [9; char::COUNT] });
        assert_eq!(restored(&saved(modes)), Some(modes));
        assert_eq!(restored("1:2"), None);
    }

    #[test]
    fn control_characters_are_read_as_they_are_shown() {
        for value in [0, 3, 0x1c, 0x7f, b'x'] {
            assert_eq!(control(&shown(char::INTR, value)), Some(value));
        }
    }
}
