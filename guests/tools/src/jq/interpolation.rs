//! String interpolation as jq has it. jaq turns a value within a string into text by itself, with other number
//! formats than jq's; a string that names its format goes through that format instead. So every string with `\(`
//! gets the name of the format that it has anyway: `@text`.

/// Returns the code with `@text` before each interpolated string that names no format.
pub fn name_format(code: &str) -> String {
    let chars: Vec<char> = code.chars().collect();
    let mut out = String::with_capacity(code.len() + 16);
    copy(&chars, 0, false, &mut out);
    out
}

/// Copies code from `at` to the end, or to the parenthesis that closes an interpolation; returns where it stopped.
fn copy(chars: &[char], mut at: usize, in_interpolation: bool, out: &mut String) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match chars[at] {
            '"' => {
                let mut text = String::new();
                let (end, interpolates) = copy_string(chars, at, &mut text);
                if interpolates && !has_format(out) {
                    out.push_str("@text ");
                }
                out.push_str(&text);
                at = end;
                continue;
            }
            '#' => {
                while at < chars.len() && chars[at] != '\n' {
                    out.push(chars[at]);
                    at += 1;
                }
                continue;
            }
            '(' => depth += 1,
            ')' if in_interpolation && depth == 0 => return at,
            ')' => depth -= 1,
            _ => {}
        }
        out.push(chars[at]);
        at += 1;
    }
    at
}

/// Copies a string from its opening quote on; returns where it ends and whether it interpolates.
fn copy_string(chars: &[char], start: usize, out: &mut String) -> (usize, bool) {
    let mut at = start + 1;
    let mut interpolates = false;
    out.push('"');
    while at < chars.len() {
        let c = chars[at];
        out.push(c);
        at += 1;
        if c == '"' {
            break;
        }
        if c != '\\' || at == chars.len() {
            continue;
        }
        out.push(chars[at]);
        at += 1;
        if chars[at - 1] == '(' {
            interpolates = true;
            at = copy(chars, at, true, out);
        }
    }
    (at, interpolates)
}

/// Returns whether what is before a string gives it a format, or does not allow one, as in `."key"`.
fn has_format(before: &str) -> bool {
    let before = before.trim_end();
    let word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '@').next().unwrap_or_default();
    word.starts_with('@') || before.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_interpolated_strings_without_a_format_get_one() {
        assert_eq!(name_format(r#""a" + "b\(.c)""#), r#""a" + @text "b\(.c)""#);
        assert_eq!(name_format(r#"@base64 "b\(.c)""#), r#"@base64 "b\(.c)""#);
        assert_eq!(name_format(r#""x\("y\(1)")z""#), r#"@text "x\(@text "y\(1)")z""#);
        assert_eq!(name_format(r#"."k\(1)""#), r#"."k\(1)""#);
        assert_eq!(name_format(r#"# "\(1)"#), r#"# "\(1)"#);
        assert_eq!(name_format(r#""\\(1)""#), r#""\\(1)""#);
    }
}
