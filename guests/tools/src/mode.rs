//! File modes: `rwxr-xr-x` and `chmod`'s octal and symbolic notations.

/// Returns the ten letters that `ls -l` shows for a mode with its type bits.
pub fn letters(mode: u32) -> String {
    let kind = match mode & 0o170000 {
        0o040000 => 'd',
        0o120000 => 'l',
        0o020000 => 'c',
        0o060000 => 'b',
        0o010000 => 'p',
        0o140000 => 's',
        _ => '-',
    };
    let mut text = String::from(kind);
    for (shift, special, lower, upper) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (true, true) => lower,
            (false, true) => upper,
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// Returns the name of a file's type as `stat` and `find` print it.
pub fn type_name(mode: u32, size: u64) -> &'static str {
    match mode & 0o170000 {
        0o040000 => "directory",
        0o120000 => "symbolic link",
        0o020000 => "character special file",
        0o060000 => "block special file",
        0o010000 => "fifo",
        0o140000 => "socket",
        0o100000 if size == 0 => "regular empty file",
        0o100000 => "regular file",
        _ => "weird file",
    }
}

/// A change of mode that was parsed from `chmod`'s notation.
#[derive(Debug, Clone, PartialEq)]
pub struct Change(Vec<Clause>);

#[derive(Debug, Clone, PartialEq)]
enum Clause {
    Octal(u32),
    Symbolic { who: u32, op: char, what: What, masked: bool },
}

#[derive(Debug, Clone, PartialEq)]
struct What {
    bits: u32,
    /// `X`: execute only where it makes sense.
    execute_if_useful: bool,
    /// `u`, `g` or `o`: copied from that class, by its shift.
    copy_from: Option<u32>,
}

const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHER: u32 = 0o1007;

impl Change {
    /// Parses `755`, `u+x,go-w`, `a=rX`, `g=u`, `+t`; `None` if it is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777)?;
            return Some(Self(vec![Clause::Octal(mode)]));
        }
        let mut clauses = Vec::new();
        for clause in text.split(',') {
            parse_clause(clause, &mut clauses)?;
        }
        Some(Self(clauses))
    }

    /// Returns the permission bits of `mode` after the change. `umask` limits clauses that name no class.
    pub fn apply(&self, mode: u32, is_dir: bool, umask: u32) -> u32 {
        let mut bits = mode & 0o7777;
        for clause in &self.0 {
            bits = match clause {
                // GNU keeps a directory's set-id bits unless they are spelled out.
                Clause::Octal(octal) if is_dir => octal | (bits & 0o6000),
                Clause::Octal(octal) => *octal,
                Clause::Symbolic { who, op, what, masked } => {
                    let mut value = what.bits;
                    if what.execute_if_useful && (is_dir || bits & 0o111 != 0) {
                        value |= 0o111;
                    }
                    if let Some(shift) = what.copy_from {
                        let class = (bits >> shift) & 7;
                        value |= class << 6 | class << 3 | class;
                    }
                    value &= who;
                    if *masked {
                        value &= !(umask & 0o777);
                    }
                    match op {
                        '+' => bits | value,
                        '-' => bits & !value,
                        _ => {
                            let keep = if is_dir { 0o6000 & !value } else { 0 };
                            bits & (!who | keep) | value
                        }
                    }
                }
            };
        }
        bits
    }
}

fn parse_clause(text: &str, clauses: &mut Vec<Clause>) -> Option<()> {
    let ops = text.find(['+', '-', '='])?;
    let mut who = 0;
    for class in text[..ops].chars() {
        who |= match class {
            'u' => USER,
            'g' => GROUP,
            'o' => OTHER,
            'a' => 0o7777,
            _ => return None,
        };
    }
    let masked = who == 0;
    if masked {
        who = 0o7777;
    }
    let mut rest = &text[ops..];
    while let Some(op) = rest.chars().next() {
        let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |at| at + 1);
        let letters = &rest[1..end];
        rest = &rest[end..];
        if !letters.is_empty() && letters.bytes().all(|b| b.is_ascii_digit()) {
            let bits = u32::from_str_radix(letters, 8).ok()?;
            let what = What { bits, execute_if_useful: false, copy_from: None };
            clauses.push(Clause::Symbolic { who, op, what, masked: false });
            continue;
        }
        let mut what = What { bits: 0, execute_if_useful: false, copy_from: None };
        for letter in letters.chars() {
            match letter {
                'r' => what.bits |= 0o444,
                'w' => what.bits |= 0o222,
                'x' => what.bits |= 0o111,
                'X' => what.execute_if_useful = true,
                's' => what.bits |= 0o6000,
                't' => what.bits |= 0o1000,
                'u' => what.copy_from = Some(6),
                'g' => what.copy_from = Some(3),
                'o' => what.copy_from = Some(0),
                _ => return None,
            }
        }
        clauses.push(Clause::Symbolic { who, op, what, masked });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str, mode: u32, is_dir: bool) -> u32 {
        Change::parse(text).expect("a mode").apply(mode, is_dir, 0o022)
    }

    #[test]
    fn modes_change_as_chmod_says() {
        assert_eq!(change("755", 0o100644, false), 0o755);
        assert_eq!(change("u+x,go-r", 0o100644, false), 0o700);
        assert_eq!(change("a=rX", 0o100755, false), 0o555);
        assert_eq!(change("+w", 0o100444, false), 0o644);
        assert_eq!(change("g=u", 0o100640, false), 0o660);
        assert_eq!(change("+t", 0o040755, true), 0o1755);
        assert_eq!(change("o=", 0o100777, false), 0o770);
        assert_eq!(change("u+x-w", 0o100644, false), 0o544);
        assert!(Change::parse("888").is_none());
        assert!(Change::parse("u?x").is_none());
    }

    #[test]
    fn letters_show_special_bits() {
        assert_eq!(letters(0o041777), "drwxrwxrwt");
        assert_eq!(letters(0o104755), "-rwsr-xr-x");
        assert_eq!(letters(0o120777), "lrwxrwxrwx");
    }
}
