//! The one constructor of `wasmtime::Config`.
//!
//! Compiled code is only loaded by an engine with the settings that it was compiled with, so all of them are here.

use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How much of a guest thread's stack wasm code may use, in bytes. Deep recursion in an interpreter fits; beyond it the
/// guest gets a `SIGSEGV`, as a native program does.
pub(crate) const WASM_STACK_BYTES: usize = 8 << 20;

/// What the host's own frames need on top of [`WASM_STACK_BYTES`], in bytes.
pub(crate) const HOST_STACK_BYTES: usize = 1 << 20;

/// How many processes one engine can hold at once. Each reserves 4 GiB of address space and no memory; 128 TiB are there.
pub(crate) const PROCESSES_MAX: u32 = 8192;

/// The most table elements a program may have: an interpreter's function pointers are some tens of thousands.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// The most host memory, in bytes, that the runtime may use to describe one instance of a program.
const INSTANCE_BYTES_MAX: usize = 8 << 20;

/// Memory up to this many bytes is cleared by hand when a process ends, which costs less than giving it back to the
/// system and faulting it in again.
const KEEP_RESIDENT_BYTES: usize = 128 << 10;

/// Returns the configuration of every engine.
pub(crate) fn wasmtime_config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(PROCESSES_MAX)
        .total_memories(PROCESSES_MAX)
        .total_tables(PROCESSES_MAX)
        .total_gc_heaps(PROCESSES_MAX)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size(4 << 30)
        .max_unused_warm_slots(256)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES);

    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        // A data segment becomes an image that each process maps, so that starting one copies nothing.
        .memory_init_cow(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        // No guest runs on a stack of the runtime's own, but the two sizes are checked against each other.
        .async_stack_size(WASM_STACK_BYTES + HOST_STACK_BYTES)
        // Signals, kills and deadlines reach a running guest at its next loop or call.
        .epoch_interruption(true)
        // A guest's end is an exit status; nobody reads the backtrace, and taking it costs more than a small process.
        .wasm_backtrace_max_frames(None)
        .wasm_exceptions(true)
        .wasm_tail_call(true)
        .wasm_multi_memory(true)
        .wasm_extended_const(true);
    config
}
