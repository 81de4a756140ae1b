//! Sets of characters: named classes, ranges, case.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// Returns the set of the characters from `first` to `last`.
pub fn range(first: char, last: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(first, last)])
}

/// Returns the set of all characters: of Unicode, or the 256 bytes.
pub fn everything(utf8: bool) -> ClassUnicode {
    range('\0', if utf8 { char::MAX } else { '\u{FF}' })
}

/// Returns the characters that `set` lacks.
pub fn negate(set: &ClassUnicode, utf8: bool) -> ClassUnicode {
    let mut all = everything(utf8);
    all.difference(set);
    all
}

/// Adds the other case of every letter in `set`.
pub fn fold_case(set: &mut ClassUnicode, utf8: bool) {
    if utf8 {
        set.case_fold_simple();
        return;
    }
    let mut other = ClassUnicode::empty();
    for (lo, hi, shift) in [('a', 'z', -32_i32), ('A', 'Z', 32)] {
        let mut letters = range(lo, hi);
        letters.intersect(set);
        for part in letters.ranges() {
            let moved = |c: char| char::from((c as i32 + shift) as u8);
            other.push(ClassUnicodeRange::new(moved(part.start()), moved(part.end())));
        }
    }
    set.union(&other);
}

/// Returns the characters of the class that POSIX calls `name` (as in `[:alpha:]`), or `None` if there is none such.
pub fn named(name: &str, utf8: bool) -> Option<ClassUnicode> {
    let pattern = match (name, utf8) {
        ("alpha", true) => r"\p{Alphabetic}",
        ("digit", _) => "[0-9]",
        ("alnum", true) => r"[\p{Alphabetic}\p{Nd}]",
        ("upper", true) => r"\p{Uppercase}",
        ("lower", true) => r"\p{Lowercase}",
        ("space", true) => r"\s",
        ("blank", true) => r"[\t\p{Zs}]",
        ("punct", true) => r"[\p{P}\p{S}]",
        ("print", true) => r"[^\p{C}\p{Zl}\p{Zp}]",
        ("graph", true) => r"[^\p{C}\p{Z}]",
        ("cntrl", true) => r"[\p{Cc}\p{Zl}\p{Zp}]",
        ("xdigit", _) => "[0-9A-Fa-f]",
        ("word", true) => r"\w",
        ("alpha", false) => "[A-Za-z]",
        ("alnum", false) => "[0-9A-Za-z]",
        ("upper", false) => "[A-Z]",
        ("lower", false) => "[a-z]",
        ("space", false) => r"[\t-\r ]",
        ("blank", false) => r"[\t ]",
        ("punct", false) => r"[!-/:-@\[-`{-~]",
        ("print", false) => "[ -~]",
        ("graph", false) => "[!-~]",
        ("cntrl", false) => r"[\x00-\x1F\x7F]",
        ("word", false) => "[0-9A-Za-z_]",
        _ => return None,
    };
    property(pattern)
}

/// Returns the set that `pattern`, a class of the regex crate's syntax such as `\p{Greek}`, stands for.
pub fn property(pattern: &str) -> Option<ClassUnicode> {
    match regex_syntax::parse(pattern).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(set)) => Some(set),
        HirKind::Class(Class::Bytes(set)) => set.to_unicode_class(),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            let c = text.chars().next()?;
            Some(range(c, c))
        }
        _ => None,
    }
}

/// Tells whether `set` holds `c`.
pub fn contains(set: &ClassUnicode, c: char) -> bool {
    let ranges = set.ranges();
    let after = ranges.partition_point(|part| part.start() <= c);
    after > 0 && c <= ranges[after - 1].end()
}

/// Tells whether `c` is part of a word: a letter, a digit or an underscore.
pub fn is_word(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() || c == '_' } else { c.is_alphanumeric() }
}
