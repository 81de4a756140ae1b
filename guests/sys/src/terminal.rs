//! How a terminal is set, as POSIX `termios` has it, with the numbers of Linux.

/// Is how a terminal treats what is typed and what is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TtyModes {
    /// `c_iflag`, of [`tty_flag`].
    pub input: u32,
    /// `c_oflag`, likewise.
    pub output: u32,
    /// `c_lflag`, likewise.
    pub local: u32,
    /// `c_cc`, by the numbers of [`control_char`].
    pub chars: [u8; control_char::COUNT],
}

impl TtyModes {
    /// Returns modes in which a program gets each key as it is pressed, and shows what it wants shown. Enter still is a
    /// newline, and output is what it was.
    #[must_use]
    pub fn by_key(mut self) -> TtyModes {
        self.local &= !(tty_flag::ICANON | tty_flag::ECHO | tty_flag::ISIG | tty_flag::IEXTEN);
        self.chars[control_char::MIN] = 1;
        self.chars[control_char::TIME] = 0;
        self
    }
}

/// Is the size of a terminal, in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TtySize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub cols: u16,
}

/// Are the flags of [`TtyModes`]: those of the input begin with `I`, those of the output with `O`, except for `ISIG`,
/// `ICANON` and `IEXTEN`, which are local like the rest.
#[allow(missing_docs, reason = "the names are those of POSIX and Linux")]
pub mod tty_flag {
    pub const INLCR: u32 = 0o100;
    pub const IGNCR: u32 = 0o200;
    pub const ICRNL: u32 = 0o400;
    pub const IXON: u32 = 0o2000;
    pub const IMAXBEL: u32 = 0o20_000;
    pub const IUTF8: u32 = 0o40_000;
    pub const OPOST: u32 = 0o1;
    pub const ONLCR: u32 = 0o4;
    pub const OCRNL: u32 = 0o10;
    pub const ISIG: u32 = 0o1;
    pub const ICANON: u32 = 0o2;
    pub const ECHO: u32 = 0o10;
    pub const ECHOE: u32 = 0o20;
    pub const ECHOK: u32 = 0o40;
    pub const ECHONL: u32 = 0o100;
    pub const NOFLSH: u32 = 0o200;
    pub const TOSTOP: u32 = 0o400;
    pub const ECHOCTL: u32 = 0o1000;
    pub const ECHOKE: u32 = 0o4000;
    pub const IEXTEN: u32 = 0o100_000;
}

/// Are the places of the control characters in [`TtyModes::chars`].
#[allow(missing_docs, reason = "the names are those of POSIX and Linux without their V")]
pub mod control_char {
    pub const INTR: usize = 0;
    pub const QUIT: usize = 1;
    pub const ERASE: usize = 2;
    pub const KILL: usize = 3;
    pub const EOF: usize = 4;
    pub const TIME: usize = 5;
    pub const MIN: usize = 6;
    pub const SUSP: usize = 7;
    pub const EOL: usize = 8;
    pub const REPRINT: usize = 9;
    pub const WERASE: usize = 10;
    pub const LNEXT: usize = 11;
    pub const EOL2: usize = 12;
    /// How many there are.
    pub const COUNT: usize = 13;
}
