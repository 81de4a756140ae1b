//! Linking: every function of the namespaces, and stubs for the rest of theirs.

use stillbox_kernel::Errno;
use wasmtime::{AsContextMut as _, Caller, Extern, ExternType, ImportType, Linker, Memory, Val, ValType};
use wiggle::{GuestError, GuestMemory};

use crate::process::hold::Held;
use crate::process::{Guest, run};
use crate::program::ProgramError;
use crate::wasi::abi;

/// Links functions of a namespace by their signatures at the level of wasm, which follow from the witx text.
///
/// `wiggle` could generate this too, but its code looks the memory up by name in each call, and is only there with
/// `wasmtime`'s component model.
macro_rules! link {
    ($linker:ident, $module:ident: $($name:ident($($arg:ident: $ty:ty),*) -> $result:ty;)*) => {$(
        let blocks = is_blocking(stringify!($module), stringify!($name));
        $linker.func_wrap(
            stringify!($module),
            stringify!($name),
            move |mut caller: Caller<'_, Guest>, $($arg: $ty),*| -> wasmtime::Result<$result> {
                let memory = memory_of(&mut caller)?;
                let (memory, guest) = memory.data_and_store_mut(&mut caller);
                if !blocks {
                    return abi::$module::$name(guest, &mut GuestMemory::Unshared(memory), $($arg),*).or_else(answer);
                }
                guest.enter_call();
                let result = abi::$module::$name(guest, &mut GuestMemory::Unshared(memory), $($arg),*);
                finish_call(&mut caller, result)
            },
        )?;
    )*};
}

/// The namespaces that a guest may know more of than there is: what is missing in them answers "not implemented".
const KNOWN: [&str; 5] = ["wasi_snapshot_preview1", "wasi_unstable", "wasix_32v1", "wasix_64v1", "stillbox_v1"];

/// Ends a call that may have waited: attends to signals, or has the guest stand still before the call is issued again.
fn finish_call<T: Answer + Default>(
    caller: &mut Caller<'_, Guest>,
    result: wasmtime::Result<T>,
) -> wasmtime::Result<T> {
    caller.data().leave_call();
    let result = match result {
        Err(error) if error.is::<Held>() => {
            let unwinder = caller.data().unwinder().ok_or(error)?;
            unwinder.unwind(caller.as_context_mut())?;
            return Ok(T::default());
        }
        result => result.or_else(answer)?,
    };
    if caller.data().process.signals.wants_attention() {
        run::attend(caller.as_context_mut())?;
    }
    Ok(result)
}

/// The functions that may wait for something, or send the caller a signal: signals are attended to before they return.
pub(crate) const BLOCKING: [(&str, &str); 24] = [
    ("wasi_snapshot_preview1", "fd_read"),
    ("wasi_snapshot_preview1", "fd_write"),
    ("wasi_snapshot_preview1", "poll_oneoff"),
    ("wasi_snapshot_preview1", "proc_raise"),
    ("wasi_snapshot_preview1", "sched_yield"),
    ("wasi_snapshot_preview1", "sock_accept"),
    ("wasi_snapshot_preview1", "sock_recv"),
    ("wasi_snapshot_preview1", "sock_send"),
    ("wasi_unstable", "fd_read"),
    ("wasi_unstable", "fd_write"),
    ("wasi_unstable", "poll_oneoff"),
    ("wasi_unstable", "proc_raise"),
    ("wasi_unstable", "sched_yield"),
    ("wasi_unstable", "sock_recv"),
    ("wasi_unstable", "sock_send"),
    ("wasix_32v1", "proc_join"),
    ("wasix_32v1", "proc_signal"),
    ("wasix_32v1", "proc_spawn3"),
    ("wasix_32v1", "thread_sleep"),
    ("wasix_32v1", "tty_set"),
    ("stillbox_v1", "proc_group_signal"),
    ("stillbox_v1", "tty_attr_set"),
    ("stillbox_v1", "tty_group_set"),
    ("stillbox_v1", "tty_size_set"),
];

/// Returns whether a guest may be suspended in a call of this import.
pub(crate) fn is_blocking(module: &str, name: &str) -> bool {
    BLOCKING.contains(&(module, name))
}

/// Returns the memory of the guest that calls.
fn memory_of(caller: &mut Caller<'_, Guest>) -> wasmtime::Result<Memory> {
    if let Some(memory) = caller.data().memory {
        return Ok(memory);
    }
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => {
            caller.data_mut().memory = Some(memory);
            Ok(memory)
        }
        _ => Err(wasmtime::Error::msg("the module exports no memory")),
    }
}

/// What a function of the ABI gives back to wasm: an errno, or nothing.
trait Answer: Sized {
    /// Returns what says `errno` to the guest, if anything can.
    fn of(errno: Errno) -> Option<Self>;
}

impl Answer for i32 {
    fn of(errno: Errno) -> Option<Self> {
        Some(errno.code().into())
    }
}

impl Answer for () {
    fn of(_errno: Errno) -> Option<Self> {
        None
    }
}

/// Answers a call whose arguments or results could not be moved through the guest's memory. The generated code would have
/// it trap; it is the guest's mistake, and gets the errno for it.
fn answer<T: Answer>(error: wasmtime::Error) -> wasmtime::Result<T> {
    let answer = error.downcast_ref::<GuestError>().and_then(|error| T::of(abi::errno_of(error)));
    answer.ok_or(error)
}

/// Adds all functions of the ABI.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    link! {
        linker, wasi_snapshot_preview1:
        args_get(a: i32, b: i32) -> i32;
        args_sizes_get(a: i32, b: i32) -> i32;
        environ_get(a: i32, b: i32) -> i32;
        environ_sizes_get(a: i32, b: i32) -> i32;
        clock_res_get(a: i32, b: i32) -> i32;
        clock_time_get(a: i32, b: i64, c: i32) -> i32;
        fd_advise(a: i32, b: i64, c: i64, d: i32) -> i32;
        fd_allocate(a: i32, b: i64, c: i64) -> i32;
        fd_close(a: i32) -> i32;
        fd_datasync(a: i32) -> i32;
        fd_fdstat_get(a: i32, b: i32) -> i32;
        fd_fdstat_set_flags(a: i32, b: i32) -> i32;
        fd_fdstat_set_rights(a: i32, b: i64, c: i64) -> i32;
        fd_filestat_get(a: i32, b: i32) -> i32;
        fd_filestat_set_size(a: i32, b: i64) -> i32;
        fd_filestat_set_times(a: i32, b: i64, c: i64, d: i32) -> i32;
        fd_pread(a: i32, b: i32, c: i32, d: i64, e: i32) -> i32;
        fd_prestat_get(a: i32, b: i32) -> i32;
        fd_prestat_dir_name(a: i32, b: i32, c: i32) -> i32;
        fd_pwrite(a: i32, b: i32, c: i32, d: i64, e: i32) -> i32;
        fd_read(a: i32, b: i32, c: i32, d: i32) -> i32;
        fd_readdir(a: i32, b: i32, c: i32, d: i64, e: i32) -> i32;
        fd_renumber(a: i32, b: i32) -> i32;
        fd_seek(a: i32, b: i64, c: i32, d: i32) -> i32;
        fd_sync(a: i32) -> i32;
        fd_tell(a: i32, b: i32) -> i32;
        fd_write(a: i32, b: i32, c: i32, d: i32) -> i32;
        path_create_directory(a: i32, b: i32, c: i32) -> i32;
        path_filestat_get(a: i32, b: i32, c: i32, d: i32, e: i32) -> i32;
        path_filestat_set_times(a: i32, b: i32, c: i32, d: i32, e: i64, f: i64, g: i32) -> i32;
        path_link(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32) -> i32;
        path_open(a: i32, b: i32, c: i32, d: i32, e: i32, f: i64, g: i64, h: i32, i: i32) -> i32;
        path_readlink(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32) -> i32;
        path_remove_directory(a: i32, b: i32, c: i32) -> i32;
        path_rename(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32) -> i32;
        path_symlink(a: i32, b: i32, c: i32, d: i32, e: i32) -> i32;
        path_unlink_file(a: i32, b: i32, c: i32) -> i32;
        poll_oneoff(a: i32, b: i32, c: i32, d: i32) -> i32;
        proc_exit(a: i32) -> ();
        proc_raise(a: i32) -> i32;
        sched_yield() -> i32;
        random_get(a: i32, b: i32) -> i32;
        sock_accept(a: i32, b: i32, c: i32) -> i32;
        sock_recv(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32) -> i32;
        sock_send(a: i32, b: i32, c: i32, d: i32, e: i32) -> i32;
        sock_shutdown(a: i32, b: i32) -> i32;
    }
    linker.alias_module("wasi_snapshot_preview1", "wasi_unstable")?;
    linker.allow_shadowing(true);
    link! {
        linker, wasi_unstable:
        fd_filestat_get(a: i32, b: i32) -> i32;
        fd_seek(a: i32, b: i64, c: i32, d: i32) -> i32;
        path_filestat_get(a: i32, b: i32, c: i32, d: i32, e: i32) -> i32;
        poll_oneoff(a: i32, b: i32, c: i32, d: i32) -> i32;
    }
    linker.allow_shadowing(false);
    link! {
        linker, wasix_32v1:
        proc_spawn3(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32, h: i32, i: i32, j: i32, k: i32, l: i32, m: i32, n: i32) -> i32;
        proc_exec4(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32, h: i32, i: i32) -> i32;
        proc_join(a: i32, b: i32, c: i32) -> i32;
        proc_signal(a: i32, b: i32) -> i32;
        proc_id(a: i32) -> i32;
        proc_parent(a: i32, b: i32) -> i32;
        proc_exit2(a: i32) -> ();
        fd_dup(a: i32, b: i32) -> i32;
        fd_dup2(a: i32, b: i32, c: i32, d: i32) -> i32;
        fd_pipe(a: i32, b: i32) -> i32;
        fd_fdflags_get(a: i32, b: i32) -> i32;
        fd_fdflags_set(a: i32, b: i32) -> i32;
        getcwd(a: i32, b: i32) -> i32;
        chdir(a: i32, b: i32) -> i32;
        tty_get(a: i32) -> i32;
        tty_set(a: i32) -> i32;
        callback_signal(a: i32, b: i32) -> ();
        thread_sleep(a: i64) -> i32;
        thread_parallelism(a: i32) -> i32;
    }
    link! {
        linker, stillbox_v1:
        path_mode_get(a: i32, b: i32, c: i32, d: i32, e: i32) -> i32;
        fd_mode_get(a: i32, b: i32) -> i32;
        path_mode_set(a: i32, b: i32, c: i32, d: i32, e: i32) -> i32;
        umask_set(a: i32, b: i32) -> i32;
        path_fs_get(a: i32, b: i32, c: i32, d: i32) -> i32;
        signal_action(a: i32, b: i32) -> i32;
        proc_cpu_get(a: i32) -> i32;
        proc_group_get(a: i32, b: i32) -> i32;
        proc_group_set(a: i32, b: i32) -> i32;
        proc_group_signal(a: i32, b: i32) -> i32;
        proc_session_get(a: i32, b: i32) -> i32;
        proc_session_new(a: i32) -> i32;
        tty_attr_get(a: i32, b: i32) -> i32;
        tty_attr_set(a: i32, b: i32, c: i32) -> i32;
        tty_size_get(a: i32, b: i32) -> i32;
        tty_size_set(a: i32, b: i32) -> i32;
        tty_group_get(a: i32, b: i32) -> i32;
        tty_group_set(a: i32, b: i32) -> i32;
    }
    let (module, name) = stillbox_capture::SAFEPOINT;
    linker.func_wrap(module, name, |mut caller: Caller<'_, Guest>| run::attend(caller.as_context_mut()))?;
    Ok(())
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
    // A function that is there already refuses to be replaced, which is just what is wanted; but for one that some
    // programs know with other parameters, from before preview1 had it.
    linker.allow_shadowing(name == "sock_accept" && ty.params().len() != 3);
    let _ = linker.func_new(module, name, ty, stub);
    linker.allow_shadowing(false);
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
