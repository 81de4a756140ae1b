//! Means, by the life of a sandbox: made, running programs, piping, writing files. Each beside its yardstick.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stillbox_benches::{create, engine, exec, files, pipes, sandbox};

/// What goes through the pipes, in bytes.
const PIPED: u64 = 64 << 20;

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

criterion_group!(life, create, exec, pipes, files);
criterion_main!(life);
