//! A sandbox as a whole, saved and brought back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stillbox_api::{CheckpointError, CreateError, LogLevel, Mount, RestoreError};
use stillbox_checkpoint::process::persist::LifeState;
use stillbox_checkpoint::sandbox::persist::{LimitsState, MountState, SandboxState};
use stillbox_kernel::clock::Clock;
use stillbox_kernel::fs::{At, FileSystem};

use crate::engine::Shared;
use crate::process::output::Output;
use crate::process::persist::{LoadProcessError, Waiting};
use crate::process::{Pid, Session, Table};
use crate::sandbox::Live;
use crate::sandbox::boot;
use crate::sandbox::hold::Held;
use crate::sandbox::idle::Idle;
use crate::sandbox::job::Job;
use crate::sandbox::jobs::Jobs;
use crate::sandbox::log::Log;
use crate::sandbox::pty::Ptys;
use crate::sandbox::state::Inner;
use crate::sandbox::still::{Contents, Still};
use crate::wasi::fd_table::persist::{Opened, Outputs, Reopened};

impl Live {
    /// Saves the sandbox, with the processes that are held.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::NotSavable`] names the process that holds what can't be saved.
    pub(crate) async fn save(&self, held: &Held, inner: &Inner) -> Result<Still, CheckpointError> {
        // What is quick and shared comes first: the host may change files while memories are saved.
        let tree = self.table.fs.tree();
        let clock = self.table.clock.save();
        let guests: BTreeMap<_, _> = held.save().await?.into_iter().collect();
        let mut opened = Opened::default();
        let mut processes = Vec::new();
        for process in held.processes() {
            let guest = guests.get(&process.pid).map(|guest| &**guest);
            let saved = process.save(guest, &mut opened);
            processes.push(
                saved.map_err(|error| CheckpointError::NotSavable { pid: process.pid, reason: error.to_string() })?,
            );
        }
        let lives = |pid: Pid| processes.binary_search_by_key(&pid, |process| process.pid).is_ok();
        let jobs = self.jobs.list();
        let jobs = jobs.iter().filter(|job| job.end().is_some() || lives(job.pid()));
        let jobs = jobs.map(|job| job.save(&mut opened, self.ptys.id_of(job.pid()).as_deref())).collect();
        let contents = |guest: Box<crate::process::hold::GuestStill>| Contents {
            program: guest.program,
            memories: guest.memories,
        };
        Ok(Still {
            sandbox: self.save_sandbox(inner),
            clock,
            tree,
            base: self.base.clone(),
            chunks: Arc::new(opened.chunks.clone()),
            opened,
            processes,
            jobs,
            has_processes: true,
            guests: guests.into_iter().map(|(pid, guest)| (pid, contents(guest))).collect(),
        })
    }

    /// Saves the files alone.
    pub(crate) fn save_files(&self, inner: &Inner) -> Still {
        let opened = Opened::default();
        Still {
            sandbox: self.save_sandbox(inner),
            clock: self.table.clock.save(),
            tree: self.table.fs.tree(),
            base: self.base.clone(),
            chunks: Arc::new(opened.chunks.clone()),
            opened,
            processes: Vec::new(),
            jobs: Vec::new(),
            has_processes: false,
            guests: BTreeMap::new(),
        }
    }

    fn save_sandbox(&self, inner: &Inner) -> SandboxState {
        let info = inner.info();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mount = |mount: &Mount| MountState {
            guest_path: mount.guest_path.clone(),
            host_path: mount.host_path.display().to_string(),
            writable: mount.writable,
        };
        SandboxState {
            image: info.image,
            env: self.env.clone(),
            working_dir: self.cwd.path().unwrap_or_else(|_| "/".into()),
            idle_timeout_ms: info.idle_timeout.map(millis),
            auto_resume: info.auto_resume,
            created_at_ms: info.created_at_ms,
            limits: LimitsState::from(&*self.table.limits()),
            mounts: inner.spec.mounts.iter().map(mount).collect(),
            next_pid: self.table.next_pid(),
        }
    }

    /// Makes what there is of a sandbox that goes on where another one stood still. Nothing runs before
    /// [`Continued::go_on`].
    ///
    /// # Errors
    ///
    /// For what doesn't fit together, or isn't there any more: what was still may come from anyone.
    pub(crate) fn load(engine: &Shared, inner: &Arc<Inner>, still: &Still) -> Result<Continued, CreateError> {
        let (spec, limits) = (&inner.spec, inner.limits());
        let clock = Clock::load(&still.clock);
        let fs = FileSystem::new(&still.tree, boot::quota_of(&limits), clock.clone());
        for wanted in &spec.mounts {
            boot::mount(&fs, wanted)?;
        }
        let mounted = |mount: &&MountState| spec.mounts.iter().any(|wanted| wanted.guest_path == mount.guest_path);
        if let Some(missing) = still.sandbox.mounts.iter().find(|mount| !mounted(mount)) {
            let reason = format!("it needs a mount at {:?}, which was {:?}", missing.guest_path, missing.host_path);
            return Err(RestoreError::Mismatch { reason }.into());
        }
        let cwd = boot::working_dir(&fs, spec.working_dir.as_deref().unwrap_or(&still.sandbox.working_dir))?;
        let root = fs.open_directory(At::HOST, "/").map_err(|errno| CreateError::Engine(errno.into()))?;
        let env = still.sandbox.env.clone().into_iter().chain(spec.env.clone()).collect();
        let log = Log::new(limits.log_bytes, clock.clone());
        log.event(LogLevel::Info, "sandbox continues from a snapshot");
        let span = tracing::info_span!("sandbox", id = inner.id, name = spec.name);
        let table = Table::new(engine.runtime.clone(), fs, clock, limits, span);
        table.set_next_pid(still.sandbox.next_pid);
        let live = Arc::new(Self {
            id: inner.id.clone(),
            table,
            jobs: Jobs::default(),
            log,
            ptys: Ptys::default(),
            env,
            cwd,
            root,
            base: still.base.clone(),
            idle: Idle::new(engine.runtime.timers.clone(), inner, inner.idle_timeout()),
            is_resting: false.into(),
            over: false.into(),
        });
        let waiting = live.load_processes(still);
        // What was only open in the sandbox that was saved, and isn't here.
        live.table.fs.collect_orphans();
        match waiting {
            Ok(waiting) => Ok(Continued { live, waiting }),
            Err(error) => {
                live.close();
                Err(error.into())
            }
        }
    }

    fn load_processes(self: &Arc<Self>, still: &Still) -> Result<Vec<Waiting>, RestoreError> {
        let table = &self.table;
        let output_bytes = table.limits().output_bytes;
        let output = |job: &stillbox_checkpoint::output::persist::JobState| {
            (job.pid, Output::load(&job.output, output_bytes, &table.captured))
        };
        let outputs: Outputs = still.jobs.iter().map(output).collect();
        let lists = (&*still.opened.pipes, &*still.opened.terminals, &*still.opened.descriptions);
        let reopened = Reopened::new(lists, table, &*still.chunks, &outputs, &self.log);
        let reopened = reopened.map_err(|error| RestoreError::Mismatch { reason: error.to_string() })?;
        let mut sessions: BTreeMap<Pid, Arc<Session>> = BTreeMap::new();
        let mut waiting = Vec::new();
        for state in &still.processes {
            let session = sessions.entry(state.session).or_insert_with(|| {
                let terminal = reopened.terminal_of(state.session);
                Arc::new(Session { leader: state.session, terminal })
            });
            let (pid, session) = (state.pid, session.clone());
            let failed = |error: LoadProcessError| not_loaded(pid, &error);
            match (&state.life, still.guests.get(&pid)) {
                (LifeState::Running(running), Some(Contents { program, memories })) => {
                    let (program, memories) = (program.clone(), memories.clone());
                    let loaded = table.load_running(state, running, program, memories, session, &reopened);
                    waiting.push(loaded.map_err(failed)?);
                }
                (LifeState::Running(_), None) => {
                    return Err(not_loaded(pid, &LoadProcessError::State("has no program")));
                }
                (LifeState::Zombie(exit), _) => {
                    let process = table.load_ended(state, *exit, session, &self.cwd).map_err(failed)?;
                    table.enter_ended(process).map_err(|errno| failed(errno.into()))?;
                }
            }
        }
        for state in &still.jobs {
            let failed = |error: LoadProcessError| not_loaded(state.pid, &error);
            let Some(output) = outputs.get(&state.pid).cloned() else { continue };
            let job = Job::load(self, state, output, &reopened).map_err(failed)?;
            if let (Some(at), None) = (state.terminal, &state.end) {
                let terminal = reopened.terminal(at).map_err(|error| failed(error.into()))?;
                let id = still.opened.terminals.get(at as usize).and_then(|terminal| terminal.id.clone());
                self.ptys.adopt(id.unwrap_or_else(|| format!("pty-{}", state.pid)), terminal, job.clone());
            }
            self.jobs.enter(job);
        }
        Ok(waiting)
    }
}

fn not_loaded(pid: Pid, error: &LoadProcessError) -> RestoreError {
    RestoreError::Mismatch { reason: format!("process {pid} can't go on: {error}") }
}

/// A sandbox whose processes are about to go on.
pub(crate) struct Continued {
    pub(crate) live: Arc<Live>,
    pub(super) waiting: Vec<Waiting>,
}

impl Continued {
    /// Lets all processes go on.
    ///
    /// # Errors
    ///
    /// If the system has no more threads.
    pub(crate) fn go_on(self) -> Result<Arc<Live>, CreateError> {
        for process in self.waiting {
            process.launch().map_err(|errno| {
                self.live.close();
                CreateError::Engine(errno.into())
            })?;
        }
        Ok(self.live)
    }
}
