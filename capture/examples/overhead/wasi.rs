//! As much of WASI as an interpreter needs to run a script: arguments, a few files, output that is thrown away, errors that are
//! shown.

use std::path::Path;
use std::time::Duration;

use wasmtime::{Caller, Extern, ExternType, Linker, Module, Store, Val};

use crate::{Result, cpu_time};

const SUCCESS: i32 = 0;
const BADF: i32 = 8;
const NOENT: i32 = 44;
const NOSYS: i32 = 52;

const DIRECTORY: u8 = 3;
const REGULAR_FILE: u8 = 4;

/// The descriptor of `/`. What is below it are the standard streams, what is above it files.
const ROOT: i32 = 3;

struct Host {
    arguments: Vec<String>,
    /// The open files, each with its position.
    files: Vec<(Vec<u8>, usize)>,
    written: u64,
}

/// Runs a program in every way.
pub fn compare(path: &str, arguments: &[String]) -> Result<()> {
    let name = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    crate::print_head();
    crate::compare(&name, &std::fs::read(path)?, |module| run(module, arguments))
}

fn run(module: &Module, arguments: &[String]) -> Result<Duration> {
    let mut linker = Linker::new(module.engine());
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else { continue };
        let name = import.name().to_owned();
        linker.func_new(import.module(), import.name(), ty, move |mut caller, arguments, results| {
            let answer = call(&mut caller, &name, arguments)?;
            results.iter_mut().for_each(|result| *result = Val::I32(answer));
            Ok(())
        })?;
    }
    let host = Host { arguments: arguments.to_vec(), files: Vec::new(), written: 0 };
    let mut store = Store::new(module.engine(), host);
    store.set_epoch_deadline(1 << 40);
    let before = cpu_time()?;
    let instance = linker.instantiate(&mut store, module)?;
    let ended = instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ());
    let took = cpu_time()? - before;
    match ended {
        Err(error) if error.root_cause().to_string() != "exit 0" => Err(error.root_cause().to_string().into()),
        _ if store.data().written == 0 => Err("the program printed nothing".into()),
        _ => Ok(took),
    }
}

/// Answers one call.
fn call(caller: &mut Caller<'_, Host>, name: &str, arguments: &[Val]) -> wasmtime::Result<i32> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else { return Ok(NOSYS) };
    let (bytes, host) = memory.data_and_store_mut(caller);
    let int = |index: usize| match arguments.get(index) {
        Some(Val::I32(value)) => *value,
        Some(Val::I64(value)) => *value as i32,
        _ => 0,
    };
    let at = |index: usize| int(index) as u32 as usize;
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    let fd = int(0);
    let file = usize::try_from(fd - ROOT - 1).ok();
    Ok(match name {
        "proc_exit" => return Err(wasmtime::Error::msg(format!("exit {fd}"))),
        "args_sizes_get" => {
            let len: usize = host.arguments.iter().map(|argument| argument.len() + 1).sum();
            put(at(0), &(host.arguments.len() as u32).to_le_bytes());
            put(at(1), &(len as u32).to_le_bytes());
            SUCCESS
        }
        "args_get" => {
            let mut text = at(1);
            for (argument, pointer) in host.arguments.iter().zip((at(0)..).step_by(4)) {
                put(pointer, &(text as u32).to_le_bytes());
                put(text, argument.as_bytes());
                put(text + argument.len(), &[0]);
                text += argument.len() + 1;
            }
            SUCCESS
        }
        "environ_sizes_get" => {
            put(at(0), &[0; 4]);
            put(at(1), &[0; 4]);
            SUCCESS
        }
        "environ_get" | "fd_close" | "fd_fdstat_set_flags" | "sched_yield" => SUCCESS,
        "clock_time_get" | "clock_res_get" => {
            put(int(arguments.len() - 1) as usize, &1_700_000_000_000_000_000_u64.to_le_bytes());
            SUCCESS
        }
        "random_get" => {
            bytes[at(0)..at(0) + at(1)].fill(42);
            SUCCESS
        }
        "fd_prestat_get" if fd == ROOT => {
            put(at(1), &[0, 0, 0, 0, 1, 0, 0, 0]);
            SUCCESS
        }
        "fd_prestat_dir_name" if fd == ROOT => {
            put(at(1), b"/");
            SUCCESS
        }
        "fd_fdstat_get" if fd <= ROOT + host.files.len() as i32 => {
            let kind = if fd < ROOT {
                2
            } else if fd == ROOT {
                DIRECTORY
            } else {
                REGULAR_FILE
            };
            put(at(1), &[kind, 0, 0, 0, 0, 0, 0, 0]);
            put(at(1) + 8, &[255; 16]);
            SUCCESS
        }
        "path_open" => {
            let path = String::from_utf8_lossy(&bytes[at(2)..at(2) + at(3)]).into_owned();
            let named = host.arguments.iter().any(|argument| argument.trim_start_matches('/') == path);
            match std::fs::read(Path::new("/").join(path)) {
                Ok(content) if named => {
                    host.files.push((content, 0));
                    let fd = ROOT + host.files.len() as i32;
                    bytes[at(8)..at(8) + 4].copy_from_slice(&fd.to_le_bytes());
                    SUCCESS
                }
                _ => NOENT,
            }
        }
        "path_filestat_get" => NOENT,
        "fd_filestat_get" => match file.and_then(|file| host.files.get(file)) {
            Some((content, _)) => {
                put(at(1), &[0; 64]);
                put(at(1) + 16, &[REGULAR_FILE]);
                put(at(1) + 32, &(content.len() as u64).to_le_bytes());
                SUCCESS
            }
            None => BADF,
        },
        "fd_seek" | "fd_tell" => match file.and_then(|file| host.files.get_mut(file)) {
            Some((content, position)) => {
                let base = [0, *position, content.len()][at(2).min(2)];
                let to = if name == "fd_tell" { *position } else { base.saturating_add_signed(int(1) as isize) };
                *position = to;
                put(at(arguments.len() - 1), &(to as u64).to_le_bytes());
                SUCCESS
            }
            None => BADF,
        },
        "fd_read" => read(bytes, file.and_then(|file| host.files.get_mut(file)), at(1), at(2), at(3)),
        "fd_write" => {
            let written: usize = buffers(bytes, at(1), at(2)).iter().map(|(_, len)| len).sum();
            host.written += written as u64;
            if fd == 2 {
                let text = buffers(bytes, at(1), at(2));
                text.iter().for_each(|(at, len)| eprint!("{}", String::from_utf8_lossy(&bytes[*at..at + len])));
            }
            bytes[at(3)..at(3) + 4].copy_from_slice(&(written as u32).to_le_bytes());
            SUCCESS
        }
        name if name.starts_with("fd_prestat") => BADF,
        _ => NOSYS,
    })
}

/// Returns the buffers that a read or a write names.
fn buffers(bytes: &[u8], at: usize, count: usize) -> Vec<(usize, usize)> {
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
    (0..count).map(move |index| (word(at + 8 * index), word(at + 8 * index + 4))).collect()
}

fn read(bytes: &mut [u8], file: Option<&mut (Vec<u8>, usize)>, at: usize, count: usize, result: usize) -> i32 {
    let mut all = 0;
    if let Some((content, position)) = file {
        for (buffer, len) in buffers(bytes, at, count) {
            let left = content.get(*position..).unwrap_or_default();
            let part = &left[..left.len().min(len)];
            bytes[buffer..buffer + part.len()].copy_from_slice(part);
            *position += part.len();
            all += part.len();
        }
    }
    bytes[result..result + 4].copy_from_slice(&(all as u32).to_le_bytes());
    SUCCESS
}
