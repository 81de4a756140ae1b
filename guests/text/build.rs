//! Gives the tools the stack that nested expressions and recursive functions of awk need: the default is 1 MiB.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family.contains("wasm")) {
        println!("cargo::rustc-link-arg-bins=-zstack-size=4194304");
    }
}
