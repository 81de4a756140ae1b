//! How a terminal is set: its size, and what POSIX `termios` says of it. The numbers are Linux's.

/// The size of a terminal's window, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub cols: u16,
}

/// Input: a carriage return is ignored.
pub const IGNCR: u32 = 0o200;
/// Input: a newline becomes a carriage return.
pub const INLCR: u32 = 0o100;
/// Input: a carriage return becomes a newline.
pub const ICRNL: u32 = 0o400;
/// Input: what doesn't fit into the line rings the bell.
pub const IMAXBEL: u32 = 0o20_000;
/// Input: characters are UTF-8.
pub const IUTF8: u32 = 0o40_000;

/// Output: the flags below apply.
pub const OPOST: u32 = 0o1;
/// Output: a newline becomes a carriage return and a newline.
pub const ONLCR: u32 = 0o4;
/// Output: a carriage return becomes a newline.
pub const OCRNL: u32 = 0o10;

/// Local: the characters for interrupt, quit and suspend send their signals.
pub const ISIG: u32 = 0o1;
/// Local: input is edited, and read by lines.
pub const ICANON: u32 = 0o2;
/// Local: what is typed is shown.
pub const ECHO: u32 = 0o10;
/// Local: an erased character vanishes from the screen.
pub const ECHOE: u32 = 0o20;
/// Local: a killed line is followed by a newline, unless [`ECHOKE`] has it vanish.
pub const ECHOK: u32 = 0o40;
/// Local: a newline is shown even without [`ECHO`].
pub const ECHONL: u32 = 0o100;
/// Local: signals leave the input as it is.
pub const NOFLSH: u32 = 0o200;
/// Local: a background process that writes is stopped.
pub const TOSTOP: u32 = 0o400;
/// Local: control characters are shown as `^X`.
pub const ECHOCTL: u32 = 0o1000;
/// Local: a killed line vanishes from the screen.
pub const ECHOKE: u32 = 0o4000;
/// Local: word erase, reprint and literal next are there.
pub const IEXTEN: u32 = 0o100_000;

/// The characters that mean something to a terminal; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of POSIX and Linux without their V")]
pub struct ControlChars {
    pub intr: u8,
    pub quit: u8,
    pub erase: u8,
    pub kill: u8,
    pub eof: u8,
    /// How long, in tenths of a second, a raw read waits that asks for no least number of bytes.
    pub time: u8,
    /// How many bytes a raw read waits for.
    pub min: u8,
    pub susp: u8,
    pub eol: u8,
    pub reprint: u8,
    pub werase: u8,
    pub lnext: u8,
    pub eol2: u8,
}

/// How a terminal treats what is typed and what is written. Flags that have no meaning here are kept, and do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    /// `c_iflag`.
    pub input: u32,
    /// `c_oflag`.
    pub output: u32,
    /// `c_lflag`.
    pub local: u32,
    /// `c_cc`.
    pub chars: ControlChars,
}

impl Default for Modes {
    /// Returns what a terminal is set to at first, as `stty sane` has it, without flow control.
    fn default() -> Self {
        let control = |letter: u8| letter & 0x1f;
        Self {
            input: ICRNL | IMAXBEL | IUTF8,
            output: OPOST | ONLCR,
            local: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
            chars: ControlChars {
                intr: control(b'C'),
                quit: control(b'\\'),
                erase: 0x7f,
                kill: control(b'U'),
                eof: control(b'D'),
                time: 0,
                min: 1,
                susp: control(b'Z'),
                eol: 0,
                reprint: control(b'R'),
                werase: control(b'W'),
                lnext: control(b'V'),
                eol2: 0,
            },
        }
    }
}

impl Modes {
    /// Returns whether input is edited, and read by lines.
    pub fn is_canonical(&self) -> bool {
        self.has_local(ICANON)
    }

    /// Returns whether what is typed is shown.
    pub fn is_echoing(&self) -> bool {
        self.has_local(ECHO)
    }

    pub(super) fn has_input(&self, flag: u32) -> bool {
        self.input & flag != 0
    }

    pub(super) fn has_output(&self, flag: u32) -> bool {
        self.output & OPOST != 0 && self.output & flag != 0
    }

    pub(super) fn has_local(&self, flag: u32) -> bool {
        self.local & flag != 0
    }

    /// Returns whether `byte` is the control character `char`, one that belongs to the extended ones.
    pub(super) fn is_extended(&self, byte: u8, char: u8) -> bool {
        self.has_local(IEXTEN) && is(byte, char)
    }

    /// Returns whether `byte` ends a line.
    pub(super) fn ends_line(&self, byte: u8) -> bool {
        byte == b'\n' || is(byte, self.chars.eol) || self.is_extended(byte, self.chars.eol2)
    }
}

/// Returns whether `byte` is the control character `char`, which may be none.
pub(super) fn is(byte: u8, char: u8) -> bool {
    char != 0 && byte == char
}
