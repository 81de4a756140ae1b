//! Whether text is characters or bytes.

use std::sync::OnceLock;

/// Tells whether text is UTF-8: unless the environment asks for the `C` or `POSIX` locale.
///
/// Unlike a C library we take UTF-8 if the environment says nothing.
pub fn is_utf8() -> bool {
    static UTF8: OnceLock<bool> = OnceLock::new();
    *UTF8.get_or_init(|| {
        let set =
            ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
        !set.is_some_and(|locale| locale == "C" || locale == "POSIX")
    })
}
