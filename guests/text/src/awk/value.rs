//! awk's values: numbers, strings, and input that may be either.

use super::number;
use indexmap::IndexMap;
use std::borrow::Borrow;
use std::cell::RefCell;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;

/// A string, shared until somebody changes it.
pub type Str = Rc<Vec<u8>>;

/// One value.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Never set: both "" and 0.
    #[default]
    Unset,
    Number(f64),
    String(Str),
    /// Text from outside, which is a number too if it looks like one.
    Input(Str),
}

impl Value {
    pub fn string(text: Vec<u8>) -> Value {
        Value::String(Rc::new(text))
    }

    pub fn input(text: &[u8]) -> Value {
        Value::Input(Rc::new(text.to_vec()))
    }

    pub fn from_bool(value: bool) -> Value {
        Value::Number(if value { 1.0 } else { 0.0 })
    }

    pub fn to_number(&self) -> f64 {
        match self {
            Value::Unset => 0.0,
            Value::Number(value) => *value,
            Value::String(text) | Value::Input(text) => number::parse_prefix(text).0,
        }
    }

    /// Returns the number that this is in comparisons, or `None` if it is a string.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Unset => Some(0.0),
            Value::Number(value) => Some(*value),
            Value::Input(text) => number::parse_whole(text),
            Value::String(_) => None,
        }
    }

    pub fn is_true(&self) -> bool {
        match self {
            Value::Unset => false,
            Value::Number(value) => *value != 0.0,
            Value::String(text) => !text.is_empty(),
            Value::Input(text) => number::parse_whole(text).map_or(!text.is_empty(), |value| value != 0.0),
        }
    }

    /// Adds the text of this value; `format` is how numbers that are not whole are written.
    pub fn push_text(&self, format: &[u8], text: &mut Vec<u8>) {
        match self {
            Value::Unset => {}
            Value::Number(value) => push_number(*value, format, text),
            Value::String(string) | Value::Input(string) => text.extend_from_slice(string),
        }
    }

    /// Returns the text of this value.
    pub fn to_text(&self, format: &[u8]) -> Str {
        match self {
            Value::String(text) | Value::Input(text) => Rc::clone(text),
            other => {
                let mut text = Vec::new();
                other.push_text(format, &mut text);
                Rc::new(text)
            }
        }
    }
}

fn push_number(value: f64, format: &[u8], text: &mut Vec<u8>) {
    if number::push_integer(value, text) {
        return;
    }
    if format == b"%.6g" && value.is_finite() {
        text.extend((value < 0.0).then_some(b'-'));
        text.extend_from_slice(number::format_float(value, b'g', Some(6), false).as_bytes());
        return;
    }
    if !value.is_finite() {
        text.push(if value.is_sign_negative() { b'-' } else { b'+' });
        text.extend_from_slice(if value.is_nan() { b"nan" } else { b"inf" });
        return;
    }
    // A format that wants more than one number gets zeros for the rest.
    let _ = super::printf::format(format, &[Value::Number(value)], b"%.6g", text);
}

/// The index of an array's element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub Str);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// A hash without a secret, so that the order of an array is the same in every run.
#[derive(Default)]
pub struct PlainHasher(u64);

impl Hasher for PlainHasher {
    fn write(&mut self, bytes: &[u8]) {
        const FACTOR: u64 = 0x517C_C1B7_2722_0A95;
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        // Tables look at the low bits, and multiplication mixes upwards.
        self.0 ^ (self.0 >> 32)
    }
}

/// An array, in the order in which its elements came.
pub type Array = IndexMap<Key, Value, BuildHasherDefault<PlainHasher>>;

/// An array that functions can share.
pub type ArrayRef = Rc<RefCell<Array>>;

/// What a variable holds.
#[derive(Clone, Debug)]
pub enum Cell {
    Scalar(Value),
    Array(ArrayRef),
}

impl Default for Cell {
    fn default() -> Cell {
        Cell::Scalar(Value::Unset)
    }
}
