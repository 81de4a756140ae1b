//! Bracket expressions: `[a-z[:digit:]]`.

use super::cursor::{Cursor, Escapes, Unit};
use super::{Error, Options, class, perl};
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

const UNMATCHED: &str = "Unmatched [, [^, [:, [., or [=";

/// Takes a bracket expression, after its `[`, up to and with its `]`.
pub fn parse(cursor: &mut Cursor, options: &Options, escapes: Escapes) -> Result<ClassUnicode, Error> {
    let utf8 = options.utf8;
    let negated = cursor.eat("^");
    let mut set = ClassUnicode::empty();
    let mut first = true;
    loop {
        if cursor.at_end() {
            return Err(Error::new(UNMATCHED));
        }
        if !first && cursor.eat("]") {
            break;
        }
        first = false;
        let start = match item(cursor, utf8, escapes)? {
            Item::Set(part) => {
                set.union(&part);
                continue;
            }
            Item::Char(c) => c,
        };
        let is_range = cursor.peek() == Some('-') && !matches!(cursor.peek_at(1), Some(']') | None);
        if !is_range {
            set.push(ClassUnicodeRange::new(start, start));
            continue;
        }
        cursor.eat("-");
        match item(cursor, utf8, escapes)? {
            Item::Char(end) if start <= end => set.push(ClassUnicodeRange::new(start, end)),
            _ => return Err(Error::new("Invalid range end")),
        }
    }
    if options.ignore_case {
        class::fold_case(&mut set, utf8);
    }
    Ok(if negated { class::negate(&set, utf8) } else { set })
}

enum Item {
    Char(char),
    Set(ClassUnicode),
}

fn item(cursor: &mut Cursor, utf8: bool, escapes: Escapes) -> Result<Item, Error> {
    if cursor.eat("[:") {
        let name = cursor.until(":]").ok_or_else(|| Error::new(UNMATCHED))?;
        let (name, negated) = match name.strip_prefix('^') {
            Some(rest) if escapes == Escapes::Perl => (rest.to_owned(), true),
            _ => (name, false),
        };
        let set = class::named(&name, utf8).ok_or_else(|| Error::new("Invalid character class name"))?;
        return Ok(Item::Set(if negated { class::negate(&set, utf8) } else { set }));
    }
    for (open, close) in [("[.", ".]"), ("[=", "=]")] {
        if escapes != Escapes::Perl && cursor.eat(open) {
            let name = cursor.until(close).ok_or_else(|| Error::new(UNMATCHED))?;
            let mut chars = name.chars();
            return match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(Item::Char(c)),
                _ => Err(Error::new("Invalid collation character")),
            };
        }
    }
    if escapes != Escapes::None && cursor.eat("\\") {
        if escapes == Escapes::Perl {
            if let Some(set) = perl::class_escape(cursor, utf8)? {
                return Ok(Item::Set(set));
            }
            return perl::char_escape(cursor, true).map(Item::Char);
        }
        return Ok(Item::Char(super::posix::awk_escape(cursor)?));
    }
    match cursor.next() {
        Some(Unit::Char(c)) => Ok(Item::Char(c)),
        // A stray byte can't be in a set of characters; it matches nothing.
        Some(Unit::Byte(_)) => Ok(Item::Set(ClassUnicode::empty())),
        None => Err(Error::new(UNMATCHED)),
    }
}
