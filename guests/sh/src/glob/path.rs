//! Pathname expansion.

use std::fs;

use super::pattern::{Pattern, has_magic, unescape};
use crate::shell::Shopts;
use crate::text;

/// Returns the paths that match, in order; none if there are none.
pub fn expand_path(pattern: &str, shopts: &Shopts) -> Vec<String> {
    let absolute = pattern.starts_with('/');
    let components: Vec<&str> = pattern.split('/').filter(|c| !c.is_empty()).collect();
    let walk = Walk { shopts, dirs_only: pattern.ends_with('/') };
    let mut found = Vec::new();
    walk.component(if absolute { "/" } else { "" }.to_owned(), &components, &mut found);
    found.sort();
    found.dedup();
    found
}

struct Walk<'a> {
    shopts: &'a Shopts,
    dirs_only: bool,
}

impl Walk<'_> {
    /// Goes on below `prefix`, which is empty or ends with a slash.
    fn component(&self, prefix: String, components: &[&str], found: &mut Vec<String>) {
        let Some((component, rest)) = components.split_first() else {
            if !prefix.is_empty() {
                found.push(prefix);
            }
            return;
        };
        if *component == "**" && self.shopts.globstar {
            self.all_below(&prefix, rest, found);
            return;
        }
        if !has_magic(component, self.shopts.extglob) {
            let path = prefix + &unescape(component);
            if rest.is_empty() {
                if fs::symlink_metadata(native(&path)).is_ok() {
                    self.push(path, found);
                }
            } else if is_dir(&path) {
                self.component(path + "/", rest, found);
            }
            return;
        }
        let pattern = Pattern::new(component, self.shopts.extglob, self.shopts.nocaseglob);
        for name in names(&prefix) {
            let hidden = name.starts_with('.');
            if hidden && !pattern.starts_with_dot() && (!self.shopts.dotglob || name == "." || name == "..") {
                continue;
            }
            if !pattern.matches_str(&name) {
                continue;
            }
            let path = format!("{prefix}{name}");
            if rest.is_empty() {
                self.push(path, found);
            } else if is_dir(&path) {
                self.component(path + "/", rest, found);
            }
        }
    }

    fn push(&self, path: String, found: &mut Vec<String>) {
        if !self.dirs_only {
            found.push(path);
        } else if is_dir(&path) {
            found.push(path + "/");
        }
    }

    /// Matches `**`: this directory and all below it.
    fn all_below(&self, prefix: &str, rest: &[&str], found: &mut Vec<String>) {
        if rest.is_empty() {
            if self.dirs_only && !prefix.is_empty() {
                found.push(prefix.to_owned());
            }
        } else {
            self.component(prefix.to_owned(), rest, found);
        }
        for name in names(prefix) {
            if name.starts_with('.') && (!self.shopts.dotglob || name == "." || name == "..") {
                continue;
            }
            let path = format!("{prefix}{name}");
            let link = fs::symlink_metadata(native(&path)).is_ok_and(|m| m.is_symlink());
            if rest.is_empty() && !self.dirs_only {
                found.push(path.clone());
            }
            if is_dir(&path) && !link {
                self.all_below(&(path + "/"), rest, found);
            }
        }
    }
}

fn native(path: &str) -> std::path::PathBuf {
    // The bytes are exactly what a path of this platform holds.
    let bytes = text::encode(path);
    // SAFETY: on Unix and WASI any bytes are a valid OsStr.
    std::path::PathBuf::from(unsafe { std::ffi::OsString::from_encoded_bytes_unchecked(bytes) })
}

fn is_dir(path: &str) -> bool {
    fs::metadata(native(path)).is_ok_and(|m| m.is_dir())
}

fn names(prefix: &str) -> Vec<String> {
    let directory = if prefix.is_empty() { "." } else { prefix };
    let Ok(entries) = fs::read_dir(native(directory)) else { return Vec::new() };
    let names = entries.flatten().map(|entry| text::decode(entry.file_name().as_encoded_bytes()));
    // Directory listings leave these two out; patterns that start with a dot match them in older shells only.
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
