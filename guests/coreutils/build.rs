//! Asks the linker to pass the C library's `stat` functions through `modes.rs`.

fn main() {
    for function in ["stat", "lstat", "fstat", "fstatat"] {
        println!("cargo::rustc-link-arg-bins=--wrap={function}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
