//! Compiles Lua, and for the sandbox what the C library there lacks.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=c");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "wasi") {
        build_for_the_sandbox();
    } else {
        lua_src::Build::new().build(lua_src::Lua54).print_cargo_metadata();
    }
}

fn build_for_the_sandbox() {
    let include = Path::new("c/include").canonicalize().expect("the headers are there");
    let include = include.to_str().expect("their path is text");
    let flags = env::var(CFLAGS).unwrap_or_default();
    // lua-src asks for setjmp by exceptions, but does not say that there are any.
    let flags =
        format!("{flags} -mexception-handling -I{include} -include {include}/posix.h -Wno-deprecated-declarations");
    // SAFETY: a build script has one thread.
    unsafe { env::set_var(CFLAGS, flags) };
    let lua = lua_src::Build::new().build(lua_src::Lua54);
    cc::Build::new().file("c/setjmp.c").cargo_metadata(false).compile("setjmp");
    // Not what lua-src would have linked, which other C libraries than ours have.
    let built = env::var("OUT_DIR").expect("Cargo says where to build");
    println!("cargo::rustc-link-search=native={}", lua.lib_dir().display());
    println!("cargo::rustc-link-search=native={built}");
    println!("cargo::rustc-link-lib=static=lua5.4");
    println!("cargo::rustc-link-lib=static=setjmp");
}

/// The variable by which whoever calls Cargo tells where the headers are.
const CFLAGS: &str = "CFLAGS_wasm32_wasip1";
