use std::fs;
use std::path::Path;

/// A file that `main.rs` doesn't name is never compiled, and its tests never fail.
#[test]
fn every_file_is_part_of_the_binary() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all");
    let contents = fs::read_to_string(dir.join("main.rs")).unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.strip_suffix(".rs").unwrap_or_else(|| panic!("{name} is not a module"));
        assert!(module == "main" || contents.contains(&format!("\nmod {module};\n")), "main.rs does not name {name}");
    }
}
