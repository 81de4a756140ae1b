//! Variables: values, attributes and the scopes of functions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// Returns whether text can name a variable.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Declared, with no value.
    #[default]
    Unset,
    Scalar(String),
    Indexed(BTreeMap<u64, String>),
    Assoc(Assoc),
}

/// Is the attributes that `declare` sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    pub exported: bool,
    pub readonly: bool,
    pub integer: bool,
    pub lower: bool,
    pub upper: bool,
    pub nameref: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Variable {
    pub value: Value,
    pub attributes: Attributes,
}

impl Variable {
    pub fn scalar(text: impl Into<String>) -> Variable {
        Variable { value: Value::Scalar(text.into()), ..Variable::default() }
    }

    /// Returns what `$name` gives: of an array, the element 0.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Unset => None,
            Value::Scalar(text) => Some(text),
            Value::Indexed(elements) => elements.get(&0).map(String::as_str),
            Value::Assoc(assoc) => assoc.get("0"),
        }
    }

    /// Returns the letters that `declare -p` shows.
    pub fn flags(&self) -> String {
        let a = &self.attributes;
        let kind = match self.value {
            Value::Indexed(_) => Some('a'),
            Value::Assoc(_) => Some('A'),
            _ => None,
        };
        let flags =
            [(a.integer, 'i'), (a.lower, 'l'), (a.nameref, 'n'), (a.readonly, 'r'), (a.upper, 'u'), (a.exported, 'x')];
        kind.into_iter().chain(flags.into_iter().filter(|f| f.0).map(|f| f.1)).collect()
    }
}

/// Is an associative array, whose order is bash's: by hash bucket, the newest of a bucket first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Assoc {
    order: BTreeMap<(u32, Reverse<u64>), String>,
    entries: HashMap<String, (u64, String)>,
    next: u64,
}

/// FNV-1, of which bash uses the low bits.
fn bucket(key: &str) -> u32 {
    let mut hash: u32 = 2_166_136_261;
    for byte in crate::text::encode(key) {
        hash = hash.wrapping_mul(16_777_619) ^ i32::from(byte.cast_signed()).cast_unsigned();
    }
    hash & 1023
}

impl Assoc {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(|entry| entry.1.as_str())
    }

    pub fn insert(&mut self, key: &str, value: String) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.1 = value;
            return;
        }
        self.order.insert((bucket(key), Reverse(self.next)), key.to_owned());
        self.entries.insert(key.to_owned(), (self.next, value));
        self.next += 1;
    }

    pub fn remove(&mut self, key: &str) -> bool {
        let Some((age, _)) = self.entries.remove(key) else { return false };
        self.order.remove(&(bucket(key), Reverse(age)));
        true
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.order.values().map(|key| (key.as_str(), self.entries[key].1.as_str()))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Is all variables. A clone shares them until one side changes something.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Variables {
    map: Rc<HashMap<String, Variable>>,
    /// What `local` and temporary assignments hide, per function call.
    frames: Vec<Vec<(String, Option<Variable>)>>,
}

impl Variables {
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.map.get(name)
    }

    /// Returns the variable, made if there is none.
    pub fn entry(&mut self, name: &str) -> &mut Variable {
        let map = Rc::make_mut(&mut self.map);
        if !map.contains_key(name) {
            map.insert(name.to_owned(), Variable::default());
        }
        map.get_mut(name).unwrap_or_else(|| unreachable!("it was inserted if it was missing"))
    }

    pub fn insert(&mut self, name: &str, variable: Variable) {
        Rc::make_mut(&mut self.map).insert(name.to_owned(), variable);
    }

    pub fn remove(&mut self, name: &str) -> Option<Variable> {
        if !self.map.contains_key(name) {
            return None;
        }
        Rc::make_mut(&mut self.map).remove(name)
    }

    /// Returns all names in order.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.map.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Returns the pairs of the environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let exported = self.map.iter().filter(|(_, v)| v.attributes.exported);
        exported.filter_map(|(name, v)| v.text().map(|text| (name.clone(), text.to_owned()))).collect()
    }

    pub fn push_frame(&mut self) {
        self.frames.push(Vec::new());
    }

    /// Brings back what the frame hid.
    pub fn pop_frame(&mut self) {
        for (name, hidden) in self.frames.pop().unwrap_or_default().into_iter().rev() {
            match hidden {
                Some(variable) => self.insert(&name, variable),
                None => drop(self.remove(&name)),
            }
        }
    }

    /// Hides a variable until the frame ends. Returns whether it was not hidden by this frame before.
    pub fn hide(&mut self, name: &str) -> bool {
        let Some(frame) = self.frames.last_mut() else { return false };
        if frame.iter().any(|(hidden, _)| hidden == name) {
            return false;
        }
        frame.push((name.to_owned(), self.map.get(name).cloned()));
        true
    }

    /// Returns whether the innermost frame has a variable of this name of its own.
    pub fn is_local(&self, name: &str) -> bool {
        self.frames.last().is_some_and(|frame| frame.iter().any(|(hidden, _)| hidden == name))
    }

    pub fn local_names(&self) -> Vec<String> {
        self.frames.last().map(|frame| frame.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default()
    }
}
