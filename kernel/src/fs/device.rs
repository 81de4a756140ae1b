//! Device nodes.

/// A character device that a path can name. The file system only knows its name; the layer above reads and writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// `/dev/null`: reads as empty, takes everything.
    Null,
    /// `/dev/zero`: reads as zeros, takes everything.
    Zero,
    /// `/dev/full`: reads as zeros, is always full for writers.
    Full,
    /// `/dev/random` and `/dev/urandom`: reads as random bytes.
    Random,
    /// The caller's descriptor 0.
    Stdin,
    /// The caller's descriptor 1.
    Stdout,
    /// The caller's descriptor 2.
    Stderr,
    /// `/dev/tty`: the caller's terminal.
    Tty,
}

impl Device {
    /// The devices that an image has under `/dev`, with the permission bits that Linux gives them.
    pub(crate) const STANDARD: [(&'static str, Self, u32); 9] = [
        ("null", Self::Null, 0o666),
        ("zero", Self::Zero, 0o666),
        ("full", Self::Full, 0o666),
        ("random", Self::Random, 0o666),
        ("urandom", Self::Random, 0o666),
        ("stdin", Self::Stdin, 0o666),
        ("stdout", Self::Stdout, 0o666),
        ("stderr", Self::Stderr, 0o666),
        ("tty", Self::Tty, 0o666),
    ];

    /// Returns the descriptor of the caller that the device stands for, if it stands for one.
    pub fn descriptor(self) -> Option<u32> {
        match self {
            Self::Stdin => Some(0),
            Self::Stdout => Some(1),
            Self::Stderr => Some(2),
            _ => None,
        }
    }
}
