//! Prints what capture costs:
//!
//! - `cargo run --example overhead`: small kernels as they are, with epochs, and rewritten, one after the other, several times
//!   over; the least CPU time of each counts.
//! - `cargo run --example overhead -- run PROGRAM.wasm [ARGUMENT...]`: the same for a program of WASI, which sees the files
//!   that its arguments name and no others.
//! - `cargo run --example overhead -- sizes PROGRAM.wasm...`: the size and the time of what is made of programs.

mod kernels;
mod sizes;
mod wasi;

use std::time::Duration;

use stillbox_capture::Analysis;
use wasmtime::{Config, Engine, Module};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const ROUNDS: usize = 7;

/// The imports that a program may wait in.
const BLOCKING: [&str; 5] = ["fd_read", "fd_write", "poll_oneoff", "proc_join", "sock_recv"];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => kernels::compare(),
        ["run", program, ..] => wasi::compare(program, &arguments[1..]),
        ["sizes", programs @ ..] => programs.iter().try_for_each(|path| sizes::print(path)),
        _ => Err("overhead [run PROGRAM.wasm [ARGUMENT...] | sizes PROGRAM.wasm...]".into()),
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.wasm_threads(true).wasm_multi_memory(true).wasm_branch_hinting(true).wasm_exceptions(true);
    config
}

/// Returns how long this thread has run on a processor.
fn cpu_time() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next().ok_or("the kernel keeps no account of threads")?;
    Ok(Duration::from_nanos(first.parse()?))
}

/// Runs a module as it is, with epochs, and rewritten, and prints the least CPU time of each.
fn compare(name: &str, wasm: &[u8], mut run: impl FnMut(&Module) -> Result<Duration>) -> Result<()> {
    let engine = Engine::new(&config())?;
    let with_epochs = Engine::new(config().epoch_interruption(true))?;
    let rewritten = Analysis::new(wasm, |_, name| BLOCKING.contains(&name))?.rewrite()?;
    let modules = [Module::new(&engine, wasm)?, Module::new(&with_epochs, wasm)?, Module::new(&engine, rewritten)?];
    let mut least = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        for (module, least) in modules.iter().zip(&mut least) {
            *least = run(module)?.min(*least);
        }
    }
    let [plain, epochs, capture] = least.map(|time| time.as_secs_f64());
    println!("{name:10} {:>7.1} ms {:>8.2} {:>8.2}", plain * 1e3, epochs / plain, capture / plain);
    Ok(())
}

fn print_head() {
    println!("{:10} {:>10} {:>8} {:>8}", "", "plain", "epochs", "capture");
}
