//! Linking: every function of the three namespaces, and stubs for the rest of theirs.

use stillbox_kernel::Errno;
use wasmtime::{Caller, ExternType, ImportType, Linker, Val, ValType};

use crate::process::Guest;
use crate::program::ProgramError;

wiggle::wasmtime_integration!({
    witx: [
        "witx/wasi_snapshot_preview1.witx",
        "witx/wasix_32v1.witx",
        "witx/stillbox_v1.witx",
    ],
    target: crate::wasi::abi,
    errors: { errno => trappable Error },
});

/// The namespaces that a guest may know more of than there is: what is missing in them answers "not implemented".
const KNOWN: [&str; 4] = ["wasi_snapshot_preview1", "wasix_32v1", "wasix_64v1", "stillbox_v1"];

/// Adds all functions of the ABI.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    add_wasi_snapshot_preview1_to_linker(linker, |guest| guest)?;
    add_wasix_32v1_to_linker(linker, |guest| guest)?;
    add_stillbox_v1_to_linker(linker, |guest| guest)
}

/// Gives an import that the linker doesn't have a function that returns [`Errno::Nosys`], if its namespace is a known
/// one, so that a module runs that never calls it.
///
/// # Errors
///
/// [`ProgramError::UnknownImport`] for any other.
pub(crate) fn stub_if_missing(linker: &mut Linker<Guest>, import: &ImportType<'_>) -> Result<(), ProgramError> {
    let (module, name) = (import.module(), import.name());
    let ExternType::Func(ty) = import.ty() else {
        return Err(ProgramError::UnknownImport { module: module.to_owned(), name: name.to_owned() });
    };
    if !KNOWN.contains(&module) {
        return Err(ProgramError::UnknownImport { module: module.to_owned(), name: name.to_owned() });
    }
    let answers: Vec<Val> = ty.results().map(|ty| nosys(&ty)).collect();
    let label = format!("{module}::{name}");
    let logged = std::sync::Once::new();
    let stub = move |_: Caller<'_, Guest>, _: &[Val], results: &mut [Val]| {
        logged.call_once(|| tracing::warn!(function = label, "a guest calls what is not implemented"));
        results.clone_from_slice(&answers);
        Ok(())
    };
    // A function that is there already refuses to be replaced, which is just what is wanted.
    let _ = linker.func_new(module, name, ty, stub);
    Ok(())
}

/// Returns what a stub answers in a result of this type.
fn nosys(ty: &ValType) -> Val {
    match ty {
        ValType::I64 => Val::I64(i64::from(Errno::Nosys.code())),
        ValType::F32 => Val::F32(0),
        ValType::F64 => Val::F64(0),
        _ => Val::I32(i32::from(Errno::Nosys.code())),
    }
}
