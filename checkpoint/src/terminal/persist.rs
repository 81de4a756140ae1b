//! What a checkpoint holds of a terminal. The engine fills all of it.

use serde::{Deserialize, Serialize};
use stillbox_kernel::blob::Blob;

/// A terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalState {
    /// The id under which the host addresses it, if it does.
    pub id: Option<String>,
    /// The height of its window, in lines.
    pub rows: u16,
    /// The width of its window, in columns.
    pub cols: u16,
    /// `c_iflag`, `c_oflag` and `c_lflag` of its `termios`, with Linux's numbers.
    pub flags: [u32; 3],
    /// Its control characters: intr, quit, erase, kill, eof, time, min, susp, eol, reprint, werase, lnext, eol2.
    pub chars: Vec<u8>,
    /// The line that is being edited.
    pub edited: Blob,
    /// The column in which that begins on the screen.
    pub column: u32,
    /// Whether the next character that is typed stands for itself.
    pub literal: bool,
    /// What was typed and can be read.
    pub ready: Blob,
    /// How many bytes of it each line takes; one of 0 bytes is an end of file.
    pub lines: Vec<u32>,
    /// How much it holds of what was typed, in bytes.
    pub input_capacity: u32,
    /// What was shown last.
    pub screen: Blob,
    /// How many bytes were shown before that.
    pub screen_start: u64,
    /// The column that the cursor is in.
    pub cursor: u32,
    /// How much it keeps of what was shown, in bytes.
    pub screen_capacity: u32,
    /// The number of its session.
    pub session: u32,
    /// The number of the process group in the foreground.
    pub foreground: u32,
    /// Whether it was hung up.
    pub hung_up: bool,
}
