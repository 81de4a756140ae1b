//! The terminal that we were started on.

use std::io::{self, IsTerminal as _};

use stillbox::TerminalSize;

/// Returns the size of our terminal, if all three standard streams are on one.
pub(crate) fn size() -> Option<TerminalSize> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal()) {
        return None;
    }
    match rustix::termios::tcgetwinsize(io::stdout()) {
        // A terminal that doesn't know its size says 0.
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => Some(TerminalSize { rows: size.ws_row, cols: size.ws_col }),
        _ => Some(TerminalSize { rows: 24, cols: 80 }),
    }
}
