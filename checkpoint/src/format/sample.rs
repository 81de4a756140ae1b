//! A small checkpoint with one of everything, the same on every machine: what tests are made of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stillbox_api::Limits;
use stillbox_kernel::Errno;
use stillbox_kernel::blob::Blob;
use stillbox_kernel::chunk::{ChunkId, ChunkWriter as _};
use stillbox_kernel::clock::{Clock, Script};
use stillbox_kernel::fs::persist::{BaseTree, DeviceState, OpenDirState, OpenFileState, StatState, TreeState};
use stillbox_kernel::fs::{At, FileSystem, OpenOptions, Quota, TreeBuilder};
use stillbox_kernel::pipe::persist::PipeState;
use stillbox_kernel::tty::persist::TerminalState;

use crate::chunks::ChunkTable;
use crate::descriptors::persist::{DescriptionState, DescriptorState, ObjectState};
use crate::managed::persist::{CommandState, ConditionState, HealthCheckState, InputState, ManagedState};
use crate::output::persist::{EndState, JobState, MarkState, OutputState, RingState};
use crate::pages::Pages;
use crate::process::persist::{
    ActionState, ActivationState, ExitState, InvocationState, LifeState, ProcessState, ProgramState, RunningState,
    SignalState, TableState, ValueState,
};
use crate::sandbox::persist::{LimitsState, MountState, SandboxState};
use crate::{Checkpoint, Purpose, SnapshotRecord, State};

/// Returns a record for [`checkpoint`].
pub fn record() -> SnapshotRecord {
    SnapshotRecord {
        id: "sample".into(),
        sandbox_id: "sandbox-1".into(),
        sandbox_name: Some("build".into()),
        parent: Some("before".into()),
        purpose: Purpose::Snapshot,
        has_processes: true,
        created_at_ms: 1_700_000_000_000,
        size_bytes: 0,
        stored_bytes: 0,
    }
}

/// Returns the checkpoint.
///
/// # Panics
/// When its parts don't fit together, which would be a defect.
pub fn checkpoint() -> Checkpoint {
    let mut chunks = ChunkTable::new();
    let state = state(&mut chunks);
    Checkpoint::new(state, Arc::new(chunks)).expect("the sample's parts fit together")
}

fn state(chunks: &mut ChunkTable) -> State {
    let limits = Limits { cpu_time: Some(Duration::from_secs(60)), ..Limits::default() };
    State {
        sandbox: SandboxState {
            image: Some("standard".into()),
            env: BTreeMap::from([("HOME".into(), "/root".into())]),
            working_dir: "/root".into(),
            idle_timeout_ms: Some(60_000),
            auto_resume: true,
            created_at_ms: 1_600_000_000_000,
            limits: LimitsState::from(&limits),
            mounts: vec![MountState { guest_path: "/src".into(), host_path: "/srv".into(), writable: false }],
            next_pid: 9,
        },
        clock: clock().save(),
        tree: tree(chunks).expect("the sample's files can be made"),
        pipes: vec![
            PipeState { capacity: 65_536, bytes: b"in flight".to_vec().into() },
            PipeState { capacity: 4096, bytes: Blob::default() },
        ],
        terminals: vec![terminal()],
        descriptions: descriptions(chunks),
        processes: vec![
            running(2, 1, chunks),
            running(3, 2, chunks),
            zombie(4, ExitState::Code(3)),
            zombie(5, ExitState::Signal(9)),
        ],
        jobs: jobs(),
    }
}

fn clock() -> Clock {
    Clock::scripted(Script::new(1_700_000_000_000_000_000, 7).with_step(Duration::from_nanos(1)))
}

fn tree(chunks: &mut ChunkTable) -> Result<TreeState, Errno> {
    let mut image = TreeBuilder::new(1);
    image.skeleton()?.file("/bin/tool", &b"\0asm"[..], 0o755)?.file("/etc/motd", &b"welcome"[..], 0o644)?;
    let image = image.finish()?;
    let fs = FileSystem::new(&image, Quota::default(), clock());
    let options = OpenOptions { write: true, create: true, ..OpenOptions::default() };
    fs.open_file(At::HOST, "/etc/motd", &options)?.append(b" back")?;
    fs.write_file("/root/note", Bytes::from_static(b"kept"))?;
    fs.link((At::HOST, "/root/note"), false, (At::HOST, "/root/link"))?;
    fs.symlink("note", At::HOST, "/root/symlink")?;
    fs.unlink(At::HOST, "/dev/tty")?;
    let sparse = fs.open_file(At::HOST, "/root/sparse", &options)?;
    sparse.set_len(1 << 30)?;
    sparse.write_at(1 << 29, b"middle")?;
    Ok(fs.tree().save(&BaseTree::new(image), true, chunks))
}

fn terminal() -> TerminalState {
    TerminalState {
        id: Some("pty-1".into()),
        rows: 24,
        cols: 80,
        flags: [0o60_400, 0o5, 0o105_073],
        chars: vec![3, 28, 127, 21, 4, 0, 1, 26, 0, 18, 23, 22, 0],
        edited: b"ec".to_vec().into(),
        column: 2,
        literal: false,
        ready: b"ls\n".to_vec().into(),
        lines: vec![3],
        input_capacity: 8192,
        screen: b"$ ls\r\n$ ec".to_vec().into(),
        screen_start: 100,
        cursor: 4,
        screen_capacity: 65_536,
        session: 2,
        foreground: 3,
        hung_up: false,
    }
}

fn descriptions(chunks: &mut ChunkTable) -> Vec<DescriptionState> {
    let proc_file = Bytes::from_static(b"cpu 1");
    let content = vec![chunks.put(ChunkId::of(&proc_file), proc_file)];
    let stat = StatState { device: 2, inode: 77, mode: 0o444, made_ns: 5 };
    let objects = [
        ObjectState::PipeReader(0),
        ObjectState::PipeWriter(0),
        ObjectState::Output { job: 2, stderr: true },
        ObjectState::Dir(OpenDirState::Tree { inode: 1 }),
        ObjectState::Dir(OpenDirState::Mount { path: "/src".into(), caller: 2 }),
        ObjectState::File(OpenFileState::Tree { inode: 1, read: true, write: true }),
        ObjectState::File(OpenFileState::Mount { path: "/src/a".into(), read: true, write: false }),
        ObjectState::File(OpenFileState::Fixed { content, stat, read: true }),
        ObjectState::Device(DeviceState::Null),
        ObjectState::Terminal(0),
        ObjectState::Input(b"given".to_vec().into()),
    ];
    let description = |object| DescriptionState {
        object,
        position: 7,
        readable: true,
        writable: true,
        append: false,
        nonblocking: false,
    };
    objects.into_iter().map(description).collect()
}

fn running(pid: u32, parent: u32, chunks: &mut ChunkTable) -> ProcessState {
    let module = Bytes::from_static(b"\0asm\x01\0\0\0");
    let digest = ChunkId::of(&module);
    let module = vec![chunks.put(digest, module)];
    let descriptors = (0..11).map(|fd| DescriptorState {
        fd,
        description: fd,
        cloexec: fd == 5,
        preopen: (fd == 3).then(|| "/".to_owned()),
    });
    let mut memory = vec![0_u8; 128 << 10];
    memory[100] = 1;
    memory[(48 << 10)..(64 << 10)].fill(pid as u8);
    memory[(112 << 10)..].fill(9);
    let mut actions = vec![ActionState::Default; 31];
    actions[1] = ActionState::Ignore;
    actions[14] = ActionState::Catch;
    let running = RunningState {
        program: ProgramState { digest: digest.0, module },
        cwd: OpenDirState::Tree { inode: 1 },
        umask: 0o22,
        descriptors: descriptors.collect(),
        signals: SignalState {
            actions,
            pending: 1 << 14,
            blocked: 0,
            fatal: None,
            stopped: (pid == 3).then_some(19),
            stop_unreported: false,
            handler: Some("__wasm_signal".into()),
        },
        activations: vec![ActivationState {
            frames: vec![1, 2, 3, 4, 5, 6, 7, 8].into(),
            references: [
                vec![ValueState::Null, ValueState::Func(3)],
                vec![],
                vec![ValueState::Exception { tag: 0, fields: vec![1, 0, 0, 0].into() }],
            ],
        }],
        blocked_for_ns: Some(1_000_000),
        memories: vec![Pages::new(&memory).save(&memory.into(), chunks)],
        globals: vec![
            ValueState::I32(65_536),
            ValueState::I64(1 << 40),
            ValueState::F32(0x7fc0_0001),
            ValueState::F64(0x3ff0 << 48),
            ValueState::V128([7; 16]),
        ],
        tables: vec![TableState { functions: vec![None, Some(1), Some(2)] }],
    };
    process(pid, parent, LifeState::Running(Box::new(running)))
}

fn zombie(pid: u32, exit: ExitState) -> ProcessState {
    process(pid, 2, LifeState::Zombie(exit))
}

fn process(pid: u32, parent: u32, life: LifeState) -> ProcessState {
    ProcessState {
        pid,
        parent,
        group: 2,
        session: 2,
        job: 2,
        started_ns: 1_700_000_000_000_000_000,
        cpu_ns: 12_345,
        children_cpu_ns: 6_789,
        wall_time_left_ns: Some(5_000_000_000),
        invocation: InvocationState {
            path: "/bin/tool".into(),
            args: vec!["tool".into(), "-x".into()],
            env: vec!["HOME=/root".into()],
        },
        life,
    }
}

fn managed() -> ManagedState {
    ManagedState {
        id: "main".into(),
        command: CommandState {
            program: "tool".into(),
            args: vec!["-x".into()],
            env: BTreeMap::from([("LANG".into(), "C".into())]),
            working_dir: Some("/srv".into()),
            stdin: InputState::Bytes(b"in".to_vec().into()),
            discards_stdout: false,
            discards_stderr: true,
            user: Some("root".into()),
            timeout_ns: Some(1_000_000_000),
            name: Some("main".into()),
            stop_grace_ns: 10_000_000_000,
        },
        condition: ConditionState::OnFailure,
        restarts_max: Some(5),
        backoff_initial_ns: 500_000_000,
        backoff_max_ns: 30_000_000_000,
        health_check: Some(HealthCheckState {
            argv: vec!["probe".into()],
            initial_delay_ns: 5,
            interval_ns: 6,
            timeout_ns: 7,
            failure_threshold: 3,
        }),
        restart_count: 2,
        last_exit: Some(EndState { exit: ExitState::Code(1), timed_out: false, at_ms: 1_700_000_000_100 }),
        last_error: Some("no such program".into()),
        is_over: false,
    }
}

fn jobs() -> Vec<JobState> {
    let ring = |bytes: &[u8], arrival| RingState {
        bytes: bytes.to_vec().into(),
        start: 10,
        marks: vec![MarkState { start: 10, arrival, time_ms: 1_700_000_000_001 }],
    };
    let job = |pid, end: Option<EndState>| JobState {
        pid,
        name: Some("main".into()),
        command: "tool".into(),
        args: vec!["-x".into()],
        started_at_ms: 1_700_000_000_000,
        stdin_pipe: end.is_none().then_some(1),
        time_left_ns: Some(9),
        terminal: end.is_none().then_some(0),
        managed: end.is_none().then(managed),
        output: OutputState {
            stdout: ring(b"out\n", 1),
            stderr: ring(b"err\n", 2),
            arrival: 2,
            closed_ms: end.as_ref().map(|end| end.at_ms),
        },
        end,
    };
    let end = EndState { exit: ExitState::Code(0), timed_out: false, at_ms: 1_700_000_000_500 };
    vec![job(2, None), job(8, Some(end))]
}
