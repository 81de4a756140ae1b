//! Gives the shell the stack that recursion in scripts needs: the default of 1 MiB ends long before the shell's own
//! limit on nesting.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family.contains("wasm")) {
        println!("cargo::rustc-link-arg-bins=-zstack-size=4194304");
    }
}
