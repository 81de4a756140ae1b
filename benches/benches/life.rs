//! Means, by the life of a sandbox: made, running programs, piping, writing files. Each beside its yardstick.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stillbox_benches::{async_engine, create, engine, exec, fan_out, files, load, pipes, sandbox};

/// What goes through the pipes, in bytes.
const PIPED: u64 = 64 << 20;

/// How many sandboxes compute without end beside the one that is measured.
const HOGS: usize = 8;

/// How many sandboxes live at once.
const AT_ONCE: usize = 1_000;

/// How many bytes go to another process and back in one measurement, so that the start of the processes doesn't count.
const ROUND_TRIPS: u64 = 2_000;

fn create(criterion: &mut Criterion) {
    let engine = engine().unwrap();
    let mut group = criterion.benchmark_group("create");
    group.bench_function("create_terminate", |bencher| bencher.iter(|| create::create_terminate(&engine).unwrap()));
    group.bench_function("create_true_terminate", |bencher| bencher.iter(|| create::life(&engine).unwrap()));
    group.bench_function("native_true", |bencher| bencher.iter(|| create::native().unwrap()));
    if create::has_bubblewrap() {
        group.bench_function("bubblewrap_true", |bencher| bencher.iter(|| create::bubblewrap().unwrap()));
    } else {
        println!("create/bubblewrap_true: skipped, bwrap is not installed or may not be used here");
    }
    group.finish();
}

fn exec(criterion: &mut Criterion) {
    let engine = engine().unwrap();
    let sandbox = sandbox(&engine).unwrap();
    let mut group = criterion.benchmark_group("exec");
    for program in exec::PROGRAMS {
        group.bench_function(program.label, |bencher| bencher.iter(|| program.sandboxed(&sandbox).unwrap()));
        group.bench_function(format!("native_{}", program.label), |bencher| bencher.iter(|| program.native().unwrap()));
    }
    group.finish();
}

fn load(criterion: &mut Criterion) {
    let engine = engine().unwrap();
    let sandbox = sandbox(&engine).unwrap();
    let mut group = criterion.benchmark_group("load");
    group.sample_size(20);
    group.bench_function("kill", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| load::kill(&sandbox).unwrap()).sum::<Duration>());
    });
    group.bench_function("native_kill", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| load::native_kill().unwrap()).sum::<Duration>());
    });
    let hogs = load::Hogs::start(&engine, HOGS).unwrap();
    group.bench_function("true_beside_hogs", |bencher| bencher.iter(|| load::run_true(&sandbox).unwrap()));
    drop(hogs);
    let hogs = load::NativeHogs::start(HOGS).unwrap();
    group.bench_function("native_true_beside_hogs", |bencher| bencher.iter(|| load::native_true().unwrap()));
    drop(hogs);
    group.finish();
}

fn fan_out(criterion: &mut Criterion) {
    let engine = async_engine().unwrap();
    let mut group = criterion.benchmark_group("fan_out");
    group.sample_size(10).throughput(Throughput::Elements(AT_ONCE as u64));
    group.bench_function("sandboxes", |bencher| bencher.iter(|| fan_out::sandboxes(&engine, AT_ONCE).unwrap()));
    group.bench_function("native", |bencher| bencher.iter(|| fan_out::native(AT_ONCE).unwrap()));
    group.finish();
}

fn pipes(criterion: &mut Criterion) {
    let engine = engine().unwrap();
    let sandbox = sandbox(&engine).unwrap();
    let mut group = criterion.benchmark_group("pipes");
    group.sample_size(10).throughput(Throughput::Bytes(PIPED));
    group.bench_function("throughput", |bencher| bencher.iter(|| pipes::throughput(&sandbox, PIPED).unwrap()));
    group.bench_function("native_throughput", |bencher| bencher.iter(|| pipes::native_throughput(PIPED).unwrap()));
    group.throughput(Throughput::Elements(ROUND_TRIPS));
    group.bench_function("round_trips", |bencher| bencher.iter(|| pipes::round_trips(&sandbox, ROUND_TRIPS).unwrap()));
    group.bench_function("native_round_trips", |bencher| {
        bencher.iter(|| pipes::native_round_trips(ROUND_TRIPS).unwrap());
    });
    group.finish();
}

fn files(criterion: &mut Criterion) {
    let engine = engine().unwrap();
    let sandbox = sandbox(&engine).unwrap();
    let plain = files::PlainWasi::new().unwrap();
    let dir = files::directory().unwrap();
    let mut group = criterion.benchmark_group("files");
    group.bench_function("small", |bencher| bencher.iter_custom(|rounds| files::sandboxed(&sandbox, rounds).unwrap()));
    group.bench_function("native_small", |bencher| {
        bencher.iter_custom(|rounds| files::native(dir.path(), rounds).unwrap());
    });
    group.bench_function("wasmtime_wasi_small", |bencher| {
        bencher.iter_custom(|rounds| plain.rounds(dir.path(), rounds).unwrap());
    });
    group.finish();
}

criterion_group!(life, create, exec, load, fan_out, pipes, files);
criterion_main!(life);
