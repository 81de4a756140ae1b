//! Reading files and lines by number.

use stillbox_sys::{self as sys, Errno, Fd};

use crate::text;

/// Reads to the end.
pub fn read_all(fd: Fd) -> Vec<u8> {
    let mut content = Vec::new();
    let mut buffer = [0; 16384];
    loop {
        match sys::read(fd, &mut buffer) {
            Ok(0) => return content,
            Ok(count) => content.extend(&buffer[..count]),
            Err(Errno::INTR) => {}
            Err(_) => return content,
        }
    }
}

/// Reads one line, the newline included, and not a byte more, because others read the rest. `None` is the end.
pub fn read_line(fd: Fd) -> Option<String> {
    let mut reader = LineReader::new(fd);
    let mut line = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(byte)) => {
                line.push(byte);
                if byte == b'\n' {
                    break;
                }
            }
            Ok(None) => break,
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    reader.give_back();
    (!line.is_empty()).then(|| text::decode_vec(line))
}

/// Reads byte by byte. A regular file is read in blocks, and what was not used is given back.
pub struct LineReader {
    fd: Fd,
    seekable: bool,
    buffer: Vec<u8>,
    at: usize,
}

impl LineReader {
    pub fn new(fd: Fd) -> Self {
        let seekable = sys::fd_mode(fd).is_ok_and(|mode| mode & sys::file_type::MASK == sys::file_type::FILE);
        LineReader { fd, seekable, buffer: Vec::new(), at: 0 }
    }

    /// Returns the next byte; `None` is the end.
    pub fn next(&mut self) -> Result<Option<u8>, Errno> {
        if self.at == self.buffer.len() {
            self.buffer.resize(if self.seekable { 512 } else { 1 }, 0);
            self.at = 0;
            let count = sys::read(self.fd, &mut self.buffer);
            self.buffer.truncate(*count.as_ref().unwrap_or(&0));
            if count? == 0 {
                return Ok(None);
            }
        }
        self.at += 1;
        Ok(Some(self.buffer[self.at - 1]))
    }

    /// Moves the file back to where the bytes that were taken end.
    pub fn give_back(&mut self) {
        let unread = self.buffer.len() - self.at;
        if unread > 0 {
            // A regular file can always be moved back over what was just read.
            let _ = sys::seek(self.fd, -(unread as i64), sys::Whence::Current);
            self.buffer.clear();
            self.at = 0;
        }
    }
}
