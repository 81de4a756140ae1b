use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stillbox::{
    AsyncSandbox, AsyncSandboxExt as _, Command, InputMode, Kills, Limits, Metrics, SandboxSpec, Sandboxes as _,
};
use stillbox_tests::{PROBES, alone, engine, stdout, test};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Counters are exact only where nobody else counts.
#[test]
fn an_engine_counts_what_it_does_and_holds() {
    alone("metrics::alone_counters");
}

#[test]
#[ignore = "run by `an_engine_counts_what_it_does_and_holds`, in a process of its own"]
fn alone_counters() {
    test(async {
        let before = engine().metrics();
        assert_eq!((before.sandboxes_created, before.processes_started, before.threads_busy), (0, 0, 0));

        let sandbox = engine().create(SandboxSpec::default().image(PROBES)).await.unwrap();
        assert_eq!(engine().metrics().sandboxes_live, 1);
        assert!(sandbox.run(Command::new("true")).await.unwrap().success());
        assert_eq!(sandbox.run(Command::new("false")).await.unwrap().exit_code, 1);
        let third = sandbox.run(Command::shell("probes hostile_spin & kill -TERM $!; wait")).await.unwrap();
        assert!(third.success(), "{third:?}");
        let metrics = engine().metrics();
        let counted = (metrics.processes_started, metrics.processes_exited, metrics.processes_signaled);
        assert_eq!(counted, (4, 3, 1), "{metrics:?}");
        assert_eq!((metrics.kills, metrics.processes_live), (Kills::default(), 0));
        assert!(metrics.program_bytes > 100_000 && metrics.program_hits + metrics.programs_loaded > 0, "{metrics:?}");

        every_kill_has_its_reason(&*sandbox).await;
        what_is_held_shows(&*sandbox).await;

        sandbox.terminate().await.unwrap();
        let metrics = settled().await;
        assert_eq!((metrics.sandboxes_created, metrics.sandboxes_terminated, metrics.sandboxes_live), (4, 4, 0));
        assert_eq!((metrics.memory_bytes, metrics.file_bytes, metrics.kernel_bytes), (0, 0, 0));
    });
}

/// Waits until nothing runs any more.
async fn settled() -> Metrics {
    for _ in 0..1_000 {
        let metrics = engine().metrics();
        if metrics.processes_live == 0 {
            return metrics;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("something still runs: {:?}", engine().metrics());
}

async fn every_kill_has_its_reason(sandbox: &dyn AsyncSandbox) {
    let spin = || Command::new("probes").arg("hostile_spin");
    assert!(sandbox.run(spin().timeout(Duration::from_millis(50))).await.unwrap().timed_out());
    let process = sandbox.start_process(spin()).await.unwrap();
    sandbox.kill_process((&process).into()).await.unwrap();

    let limits = |limits| engine().create(SandboxSpec::default().image(PROBES).limits(limits));
    let short = Some(Duration::from_millis(50));
    let limited = limits(Limits { cpu_time: short, ..Limits::default() }).await.unwrap();
    assert_eq!(limited.run(spin()).await.unwrap().exit_code, -24);
    limited.terminate().await.unwrap();

    let limited = limits(Limits { wall_time: short, memory_bytes: 64 << 20, ..Limits::default() }).await.unwrap();
    assert_eq!(limited.run(spin()).await.unwrap().exit_code, -9);
    let module = wat::parse_str(r#"(module (memory (export "memory") 2048) (func (export "_start")))"#).unwrap();
    limited.write("large.wasm", module).await.unwrap();
    assert_eq!(limited.run(Command::new("./large.wasm")).await.unwrap().exit_code, -9);
    limited.terminate().await.unwrap();

    let ended = engine().create(SandboxSpec::default()).await.unwrap();
    ended.start_process(Command::new("cat").stdin(InputMode::Pipe)).await.unwrap();
    ended.terminate().await.unwrap();

    let kills = Kills { requested: 1, timeout: 1, wall_time: 1, cpu_time: 1, memory: 1, terminated: 1 };
    let metrics = settled().await;
    assert_eq!(metrics.kills, kills);
    assert_eq!(metrics.processes_signaled, 1 + 6);
}

async fn what_is_held_shows(sandbox: &dyn AsyncSandbox) {
    let before = engine().metrics();
    sandbox.write("file", vec![0; 100_000]).await.unwrap();
    let echo = Command::shell("seq 10000; read line").stdin(InputMode::Pipe);
    let process = sandbox.start_process(echo).await.unwrap();
    for _ in 0..500 {
        if sandbox.get_stdout((&process).into()).await.unwrap().lines.len() == 10_000 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let metrics = engine().metrics();
    assert_eq!(metrics.file_bytes - before.file_bytes, 100_000);
    assert!(metrics.captured_bytes - before.captured_bytes >= 48_894, "{metrics:?}");
    assert!(metrics.pipe_bytes - before.pipe_bytes >= 65_536, "{metrics:?}");
    assert!(metrics.kernel_bytes >= metrics.pipe_bytes && metrics.memory_bytes >= 65_536, "{metrics:?}");
    assert!(metrics.processes_live >= 1 && metrics.threads_busy >= 1, "{metrics:?}");
    sandbox.close_stdin((&process).into()).await.unwrap();
    sandbox.wait_process((&process).into()).await.unwrap();
}

/// A subscriber is one for the whole process.
#[test]
fn sandboxes_and_processes_have_spans() {
    alone("metrics::alone_spans");
}

#[test]
#[ignore = "run by `sandboxes_and_processes_have_spans`, in a process of its own"]
fn alone_spans() {
    static SPANS: Spans = Spans { last: AtomicU64::new(0), told: Mutex::new(BTreeMap::new()) };
    tracing::subscriber::set_global_default(&SPANS).unwrap();
    test(async {
        let sandbox = engine().create(SandboxSpec::named("spanned")).await.unwrap();
        assert_eq!(stdout(&sandbox.run(Command::shell("true; echo done | cat")).await.unwrap()), "done\n");
        let id = sandbox.id().to_owned();
        let told = SPANS.told.lock().unwrap();
        let (number, _) = told
            .iter()
            .find(|(_, span)| span.name == "sandbox" && span.fields == format!("id={id} name=spanned"))
            .unwrap_or_else(|| panic!("{told:?}"));
        let of_processes: Vec<_> = told.values().filter(|span| span.name == "process").collect();
        assert!(of_processes.iter().all(|span| span.parent == Some(*number)), "{told:?}");
        let programs: Vec<&str> = of_processes.iter().map(|span| &*span.fields).collect();
        assert!(programs.contains(&"pid=2 program=/usr/bin/sh"), "{programs:?}");
        assert!(programs.iter().any(|fields| fields.ends_with("program=/usr/bin/cat")), "{programs:?}");
    });
}

/// A subscriber that keeps what it is told of spans.
struct Spans {
    last: AtomicU64,
    told: Mutex<BTreeMap<u64, Told>>,
}

#[derive(Debug, Default)]
struct Told {
    name: &'static str,
    parent: Option<u64>,
    fields: String,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let space = if self.fields.is_empty() { "" } else { " " };
        self.fields += &format!("{space}{}={}", field.name(), format!("{value:?}").trim_matches('"'));
    }
}

impl Subscriber for &'static Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("stillbox")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let parent = attributes.parent().map(Id::into_u64);
        let mut told = Told { name: attributes.metadata().name(), parent, ..Told::default() };
        attributes.record(&mut told);
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.told.lock().unwrap().insert(number, told);
        Id::from_u64(number)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, _event: &Event<'_>) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}
