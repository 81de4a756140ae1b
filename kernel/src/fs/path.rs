//! Paths as text: what is a path at all.

use super::Quota;
use crate::Errno;

/// The longest name of a directory entry, in bytes.
pub(crate) const LONGEST_NAME: usize = 255;

/// Returns a path from the bytes that a guest passed.
///
/// # Errors
/// `ILSEQ` when they are not UTF-8.
pub fn from_bytes(bytes: &[u8]) -> Result<&str, Errno> {
    std::str::from_utf8(bytes).map_err(|_| Errno::Ilseq)
}

/// Checks what holds for every path.
///
/// # Errors
/// `NOENT` when it is empty, `NAMETOOLONG` when it is too long, `INVAL` when it holds a NUL.
pub(crate) fn check(path: &str, quota: &Quota) -> Result<(), Errno> {
    if path.is_empty() {
        Err(Errno::Noent)
    } else if path.len() >= quota.path_bytes {
        Err(Errno::Nametoolong)
    } else if path.as_bytes().contains(&0) {
        Err(Errno::Inval)
    } else {
        Ok(())
    }
}

/// Tells whether a directory entry can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= LONGEST_NAME && !name.bytes().any(|byte| matches!(byte, 0 | b'/'))
}

/// One component of a path, by where it is.
pub(crate) struct Component {
    pub start: usize,
    pub end: usize,
    /// Nothing but slashes follows.
    pub is_last: bool,
    /// A slash follows.
    pub slash: bool,
}

/// Returns the component that starts at or after `from`, or `None` when only slashes are left.
pub(crate) fn component(path: &str, from: usize) -> Option<Component> {
    let bytes = path.as_bytes();
    let start = from + bytes[from..].iter().position(|&byte| byte != b'/')?;
    let end = bytes[start..].iter().position(|&byte| byte == b'/').map_or(bytes.len(), |at| start + at);
    let is_last = bytes[end..].iter().all(|&byte| byte == b'/');
    Some(Component { start, end, is_last, slash: end < bytes.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_know_where_they_stand() {
        let path = "//a/bc//";
        let first = component(path, 0).unwrap();
        assert_eq!((&path[first.start..first.end], first.is_last, first.slash), ("a", false, true));
        let second = component(path, first.end).unwrap();
        assert_eq!((&path[second.start..second.end], second.is_last, second.slash), ("bc", true, true));
        assert!(component(path, second.end).is_none());
        assert!(component("///", 0).is_none());
    }

    #[test]
    fn a_bad_path_has_its_errno() {
        let quota = Quota::default();
        assert_eq!(check("", &quota), Err(Errno::Noent));
        assert_eq!(check("a\0b", &quota), Err(Errno::Inval));
        assert_eq!(check(&"a/".repeat(2048), &quota), Err(Errno::Nametoolong));
        assert_eq!(check(&"a/".repeat(2047), &quota), Ok(()));
        assert_eq!(from_bytes(b"\xff"), Err(Errno::Ilseq));
    }
}
