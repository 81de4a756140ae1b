//! The C library's standard streams, which Lua's libraries use as well: so that what is read ahead of a line is not lost, and
//! what is written comes in its order.

use std::ffi::c_int;

use libc::FILE;

unsafe extern "C" {
    #[link_name = "stdin"]
    static STDIN: *mut FILE;
    #[link_name = "stdout"]
    static STDOUT: *mut FILE;
}

/// Writes to standard output, at once.
pub fn write(text: &[u8]) {
    // SAFETY: the stream is valid as long as the program runs, and so is the text.
    unsafe {
        libc::fwrite(text.as_ptr().cast(), 1, text.len(), STDOUT);
        libc::fflush(STDOUT);
    }
}

/// Reads a line from standard input, without its end; `None` if there is nothing more.
pub fn read_line() -> Option<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        // SAFETY: as above.
        let read: c_int = unsafe { libc::getc(STDIN) };
        match u8::try_from(read) {
            Ok(b'\n') => return Some(line),
            Ok(byte) => line.push(byte),
            Err(_) => return (!line.is_empty()).then_some(line),
        }
    }
}
