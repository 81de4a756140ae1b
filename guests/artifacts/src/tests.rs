//! The image makes sense, and the programs are the ones that were built.

use std::collections::BTreeSet;

use crate::skeleton::{ENTRIES, Node};
use crate::{ALL, Program, programs};

#[test]
fn every_artifact_is_the_module_that_was_built() {
    assert!(!ALL.is_empty());
    for artifact in ALL {
        assert!(artifact.bytes.starts_with(b"\0asm"), "{} is not WebAssembly", artifact.name);
        assert_eq!(blake3::hash(artifact.bytes).as_bytes(), &artifact.hash, "{}", artifact.name);
    }
}

#[test]
fn every_program_that_is_named_is_there() {
    let names =
        include_str!("../programs.toml").lines().filter_map(|line| line.split_once(" = [")).map(|(name, _)| name);
    for name in names {
        assert!(crate::find(name).is_some(), "`{name}` of programs.toml is not prebuilt");
    }
}

#[test]
fn no_two_programs_have_the_same_name() {
    let mut names = BTreeSet::new();
    for program in programs() {
        assert!(names.insert(program.name), "{} is there twice", program.path());
    }
}

#[test]
fn every_parent_comes_first_and_is_a_directory() {
    let mut directories = BTreeSet::from([""]);
    for entry in ENTRIES {
        let (parent, name) = entry.path.rsplit_once('/').expect("the path is absolute");
        assert!(directories.contains(parent) && !name.is_empty(), "{}", entry.path);
        if let Node::Directory { .. } = entry.node {
            directories.insert(entry.path);
        }
    }
    assert!(directories.contains(Program::DIRECTORY));
}

#[test]
fn every_link_leads_to_a_directory_of_the_image() {
    for entry in ENTRIES {
        if let Node::Symlink { target } = entry.node {
            let end = target.rsplit('/').next().expect("rsplit gives at least one part");
            let leads = |other: &&crate::skeleton::Entry| other.path.strip_prefix('/') == Some(end);
            assert!(ENTRIES.iter().any(|other| leads(&other)), "{} -> {target}", entry.path);
        }
    }
}
