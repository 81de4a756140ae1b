//! What becomes of segments, seen through instances with and without images.

use super::*;

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// Returns the beginnings of the images of a module, or `None` for a memory without one.
fn beginnings(text: &str) -> Vec<Option<Vec<u8>>> {
    let bytes = wasm(text);
    let (emptied, images) = split(&bytes).unwrap();
    wasmparser::validate(&emptied).expect("the module without its data is valid");
    images.into_iter().map(|image| image.map(|image| image.bytes()[..8].to_vec())).collect()
}

#[test]
fn later_segments_overwrite_earlier_ones() {
    let text = r#"(module (memory 1) (data (i32.const 1) "abcd") (data (i32.const 3) "xy"))"#;
    assert_eq!(beginnings(text), [Some(b"\0abxy\0\0\0".to_vec())]);
}

#[test]
fn each_memory_has_its_own() {
    let text = r#"(module (memory 1) (memory 1) (memory i64 1)
        (data (memory 1) (i32.const 0) "one") (data (memory 2) (i64.const 2) "two"))"#;
    assert_eq!(beginnings(text), [None, Some(b"one\0\0\0\0\0".to_vec()), Some(b"\0\0two\0\0\0".to_vec())]);
}

#[test]
fn passive_segments_stay() {
    let bytes = wasm(
        r#"(module (memory 1) (data "passive") (data (i32.const 0) "active")
        (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 7)) (data.drop 1)))"#,
    );
    let (emptied, images) = split(&bytes).unwrap();
    wasmparser::validate(&emptied).unwrap();
    assert!(emptied.windows(7).any(|window| window == b"passive"));
    assert!(!emptied.windows(6).any(|window| window == b"active"));
    assert_eq!(images.len(), 1);
}

#[test]
fn what_only_an_instance_knows_is_left_to_it() {
    for text in [
        r#"(module (memory 1) (global i32 (i32.const 4)) (data (global.get 0) "a"))"#,
        r#"(module (memory 1) (data (i32.const 65535) "ab"))"#,
        r#"(module (memory 0) (data (i32.const 0) "a"))"#,
        r#"(module (memory 1))"#,
        r#"(module)"#,
    ] {
        let bytes = wasm(text);
        let (emptied, images) = split(&bytes).unwrap();
        assert!(images.is_empty(), "{text}");
        assert_eq!(emptied, bytes, "{text}");
    }
}

#[test]
fn what_is_cut_short_is_refused() {
    let bytes = wasm(r#"(module (memory 1) (data (i32.const 0) "abc"))"#);
    for len in 9..bytes.len() {
        // A cut between two sections leaves a module without a data section, or one that the compiler will refuse.
        let _ = split(&bytes[..len]);
    }
    assert!(split(&bytes[..bytes.len() - 1]).is_err());
}
