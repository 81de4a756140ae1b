//! Tests of the store and of the catalog, without a network.

use std::io::Write as _;

use super::*;
use crate::home::Home;

const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home { data: dir.path().join("data"), cache: dir.path().join("cache") };
    let store = Store::open(&home).unwrap();
    (dir, store)
}

fn wasm(dir: &Path, name: &str, extra: &[u8]) -> std::path::PathBuf {
    let path = dir.join(name);
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(&[MODULE, extra].concat()).unwrap();
    path
}

#[test]
fn a_file_is_added_once_and_replaced_when_it_changes() {
    let (dir, store) = store();
    let path = wasm(dir.path(), "tool.wasm", b"");
    assert!(add_from_path(&store, &path, None).unwrap().new);
    assert!(!add_from_path(&store, &path, None).unwrap().new);

    wasm(dir.path(), "tool.wasm", b"\0\x01a");
    let added = add_from_path(&store, &path, None).unwrap();
    assert!(added.new);
    assert_eq!(store.list().unwrap(), std::slice::from_ref(&added.manifest));
    let (module, digest) = store.module(&added.manifest).unwrap();
    assert_eq!(digest, *blake3::hash(&module).as_bytes());
    // The manifest and the new module; the old module and the temporary files are gone.
    assert_eq!(std::fs::read_dir(store.dir()).unwrap().count(), 2);
}

#[test]
fn a_module_stays_while_a_guest_has_it() {
    let (dir, store) = store();
    let path = wasm(dir.path(), "a.wasm", b"");
    add_from_path(&store, &path, None).unwrap();
    let b = add_from_path(&store, &path, Some("b")).unwrap().manifest;
    store.remove("a").unwrap();
    assert_eq!(store.module(&b).unwrap().0, MODULE);
    store.remove("b").unwrap();
    assert_eq!(std::fs::read_dir(store.dir()).unwrap().count(), 0);
    assert!(store.remove("b").is_err());
    assert!(store.remove("../b").is_err());
}

#[test]
fn what_is_no_module_is_refused_and_leaves_nothing() {
    let (dir, store) = store();
    let path = dir.path().join("text.wasm");
    for content in [&b""[..], b"hello", b"\0as"] {
        std::fs::write(&path, content).unwrap();
        let error = format!("{:#}", add_from_path(&store, &path, None).err().unwrap());
        assert!(error.ends_with("it is not a WebAssembly module"), "{error}");
    }
    assert!(add_from_path(&store, &dir.path().join("absent.wasm"), None).is_err());
    assert_eq!(std::fs::read_dir(store.dir()).unwrap().count(), 0);
}

#[test]
fn names_are_plain_and_not_of_the_catalog() {
    for good in ["tool", "a.out", "g++", "x_1-2"] {
        assert!(check_name(good).is_ok(), "{good}");
    }
    for bad in ["", "a/b", "..", ".x", "-x", "a b", "python", "python3", "php-cgi", "ä"] {
        assert!(check_name(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_damaged_manifest_is_an_error_and_can_be_removed() {
    let (_dir, store) = store();
    std::fs::write(store.dir().join("x.json"), "{").unwrap();
    assert!(store.list().is_err());
    store.remove("x").unwrap();
    assert_eq!(store.list().unwrap(), []);
}

#[test]
fn the_catalog_has_one_meaning_for_each_name() {
    let names = catalog::CATALOG.iter().flat_map(|recipe| [recipe.name].into_iter().chain(recipe.also.iter().copied()));
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    for recipe in catalog::CATALOG {
        assert_eq!(recipe.sha256.len(), 64);
        assert_eq!(catalog::find(recipe.name).unwrap().program, recipe.program);
    }
}
