//! `setpath` and `delpaths` as jq has them: what is missing on the way is made, and deletions see the places that the
//! value had before any of them.

use std::rc::Rc;

use jaq_core::Error;
use jaq_json::{Num, Val};

type Result = std::result::Result<Val, Error<Val>>;

/// Returns the value with another at a path.
pub fn set(value: Val, path: &[Val], new: Val) -> Result {
    let Some((key, rest)) = path.split_first() else { return Ok(new) };
    match (value, key) {
        (Val::Null, Val::TStr(_)) => {
            let inner = set(Val::Null, rest, new)?;
            Ok(Val::obj([(key.clone(), inner)].into_iter().collect()))
        }
        (Val::Obj(mut fields), Val::TStr(_)) => {
            let map = Rc::make_mut(&mut fields);
            // Taken out, so that it is changed in place instead of copied.
            let old = map.get_mut(key).map(std::mem::take).unwrap_or_default();
            map.insert(key.clone(), set(old, rest, new)?);
            Ok(Val::Obj(fields))
        }
        (value @ (Val::Null | Val::Arr(_)), Val::Num(number)) => {
            let mut items = array(value);
            let list = Rc::make_mut(&mut items);
            let index = integer(number);
            let at = if index < 0 { index + list.len() as isize } else { index };
            let at = usize::try_from(at).map_err(|_| Error::str("Out of bounds negative array index"))?;
            if at >= MOST_ITEMS {
                return Err(Error::str("Array index too large"));
            }
            if at >= list.len() {
                list.resize(at + 1, Val::Null);
            }
            let old = std::mem::take(&mut list[at]);
            list[at] = set(old, rest, new)?;
            Ok(Val::Arr(items))
        }
        (value @ (Val::Null | Val::Arr(_)), Val::Obj(_)) => {
            let mut items = array(value);
            let list = Rc::make_mut(&mut items);
            let range = slice(key, list.len());
            let old: Val = list[range.clone()].iter().cloned().collect();
            match set(old, rest, new)? {
                Val::Arr(part) => drop(list.splice(range, part.iter().cloned())),
                _ => return Err(Error::str("A slice of an array can only be assigned another array")),
            }
            Ok(Val::Arr(items))
        }
        (value, key) => Err(cannot_index(&value, key)),
    }
}

/// More items than any input has; beyond it an index is a mistake.
const MOST_ITEMS: usize = 1 << 29;

/// Returns the value without what is at the paths.
pub fn delete(mut value: Val, mut paths: Vec<Val>) -> Result {
    // From the last on, so that the places of the others stay what they were.
    paths.sort();
    for path in paths.into_iter().rev() {
        let Val::Arr(path) = path else { return Err(Error::str("Path must be specified as an array")) };
        value = delete_one(value, &path)?;
    }
    Ok(value)
}

fn delete_one(value: Val, path: &[Val]) -> Result {
    let Some((key, rest)) = path.split_first() else { return Ok(Val::Null) };
    match (value, key) {
        (Val::Null, _) => Ok(Val::Null),
        (Val::Obj(mut fields), Val::TStr(_)) => {
            let map = Rc::make_mut(&mut fields);
            if rest.is_empty() {
                map.shift_remove(key);
            } else if let Some(field) = map.get_mut(key) {
                *field = delete_one(std::mem::take(field), rest)?;
            }
            Ok(Val::Obj(fields))
        }
        (Val::Arr(mut items), Val::Num(number)) => {
            let list = Rc::make_mut(&mut items);
            let index = integer(number);
            let at = if index < 0 { index + list.len() as isize } else { index };
            if let Some(at) = usize::try_from(at).ok().filter(|at| *at < list.len()) {
                if rest.is_empty() {
                    list.remove(at);
                } else {
                    list[at] = delete_one(std::mem::take(&mut list[at]), rest)?;
                }
            }
            Ok(Val::Arr(items))
        }
        (Val::Arr(mut items), Val::Obj(_)) => {
            let list = Rc::make_mut(&mut items);
            let range = slice(key, list.len());
            if rest.is_empty() {
                list.drain(range);
            } else {
                let part: Val = list[range.clone()].iter().cloned().collect();
                if let Val::Arr(part) = delete_one(part, rest)? {
                    list.splice(range, part.iter().cloned());
                }
            }
            Ok(Val::Arr(items))
        }
        (value, key) => Err(Error::str(format_args!("Cannot delete field at {} of {}", kind(key), kind(&value)))),
    }
}

fn array(value: Val) -> Rc<Vec<Val>> {
    match value {
        Val::Arr(items) => items,
        _ => Rc::new(Vec::new()),
    }
}

fn integer(number: &Num) -> isize {
    match number {
        Num::Int(whole) => *whole,
        Num::Float(float) => float.floor() as isize,
        other => other.to_string().parse::<f64>().map_or(isize::MAX, |float| float.floor() as isize),
    }
}

/// Returns the items that `{"start": .., "end": ..}` means.
fn slice(key: &Val, length: usize) -> std::ops::Range<usize> {
    let bound = |name: &str, default: usize| match key {
        Val::Obj(fields) => match fields.get(&Val::utf8_str(name.to_owned())) {
            Some(Val::Num(number)) => {
                let index = integer(number);
                let index = if index < 0 { index + length as isize } else { index };
                usize::try_from(index).unwrap_or(0).min(length)
            }
            _ => default,
        },
        _ => default,
    };
    let start = bound("start", 0);
    start..bound("end", length).max(start)
}

/// Returns the name of a value's type.
pub fn kind(value: &Val) -> &'static str {
    match value {
        Val::Null => "null",
        Val::Bool(_) => "boolean",
        Val::Num(_) => "number",
        Val::TStr(_) | Val::BStr(_) => "string",
        Val::Arr(_) => "array",
        Val::Obj(_) => "object",
    }
}

fn cannot_index(value: &Val, key: &Val) -> Error<Val> {
    match key {
        Val::TStr(text) => {
            Error::str(format_args!("Cannot index {} with \"{}\"", kind(value), String::from_utf8_lossy(text)))
        }
        key => Error::str(format_args!("Cannot index {} with {}", kind(value), kind(key))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Val {
        jaq_json::read::parse_single(text.as_bytes()).expect("JSON")
    }

    fn path(text: &str) -> Vec<Val> {
        match json(text) {
            Val::Arr(items) => items.to_vec(),
            _ => panic!("a path is an array"),
        }
    }

    #[test]
    fn set_makes_what_is_missing() {
        assert_eq!(set(Val::Null, &path(r#"["a",1,"b"]"#), json("5")).ok(), Some(json(r#"{"a":[null,{"b":5}]}"#)));
        assert_eq!(set(json("[1,2,3]"), &path("[-1]"), json("9")).ok(), Some(json("[1,2,9]")));
        let whole = set(json("[1,2,3,4]"), &path(r#"[{"start":1,"end":3}]"#), json(r#"["x"]"#));
        assert_eq!(whole.ok(), Some(json(r#"[1,"x",4]"#)));
        assert!(set(json("1"), &path(r#"["a"]"#), json("9")).is_err());
        assert!(set(json("[1]"), &path("[-3]"), json("9")).is_err());
    }

    #[test]
    fn deletions_do_not_move_each_other() {
        assert_eq!(delete(json("[1,2,3,4]"), path("[[0],[2]]")).ok(), Some(json("[2,4]")));
        assert_eq!(delete(json(r#"{"a":[1,2]}"#), path(r#"[["a",0],["b","c"]]"#)).ok(), Some(json(r#"{"a":[2]}"#)));
    }
}
