//! From an image to a sandbox that runs.

use std::io;
use std::sync::Arc;

use stillbox_api::{CreateError, Limits, LogLevel, Mount};
use stillbox_kernel::clock::Clock;
use stillbox_kernel::fs::{At, FileSystem, MountAccess, Quota, open_host_directory};

use crate::engine::Shared;
use crate::image::Image;
use crate::process::Table;
use crate::sandbox::Live;
use crate::sandbox::idle::Idle;
use crate::sandbox::jobs::Jobs;
use crate::sandbox::log::Log;
use crate::sandbox::pty::Ptys;
use crate::sandbox::state::Inner;
use crate::wasi::files::Cwd;

impl Live {
    /// Returns what there is of a sandbox when it starts: the files of the image and nobody running.
    pub(crate) fn boot(engine: &Shared, inner: &Arc<Inner>, image: &Image) -> Result<Arc<Self>, CreateError> {
        let spec = &inner.spec;
        let clock = Clock::real();
        let fs = FileSystem::new(image.base.tree(), quota_of(&spec.limits), clock.clone());
        for wanted in &spec.mounts {
            mount(&fs, wanted)?;
        }
        let cwd = working_dir(&fs, spec.working_dir.as_deref().unwrap_or(&image.working_dir))?;
        let root = fs.open_directory(At::HOST, "/").map_err(|errno| CreateError::Engine(errno.into()))?;
        let env = image.env.clone().into_iter().chain(spec.env.clone()).collect();
        let log = Log::new(spec.limits.log_bytes, clock.clone());
        log.event(LogLevel::Info, "sandbox created");
        let span = tracing::info_span!("sandbox", id = inner.id, name = spec.name);
        let table = Table::new(engine.runtime.clone(), fs, clock, spec.limits.clone(), span);
        Ok(Arc::new(Self {
            id: inner.id.clone(),
            table,
            jobs: Jobs::default(),
            log,
            ptys: Ptys::default(),
            env,
            cwd,
            root,
            base: image.base.clone(),
            idle: Idle::new(engine.runtime.timers.clone(), inner, spec.idle_timeout),
            is_resting: false.into(),
            over: false.into(),
        }))
    }
}

/// Returns what limits say about files.
pub(super) fn quota_of(limits: &Limits) -> Quota {
    Quota {
        bytes: limits.file_bytes,
        inodes: limits.inodes,
        path_bytes: limits.path_bytes as usize,
        ..Quota::default()
    }
}

pub(super) fn mount(fs: &FileSystem, wanted: &Mount) -> Result<(), CreateError> {
    let failed = |source| CreateError::Mount { host_path: wanted.host_path.clone(), source };
    let access = if wanted.writable { MountAccess::ReadWrite } else { MountAccess::ReadOnly };
    let directory = open_host_directory(&wanted.host_path).map_err(failed)?;
    if !wanted.guest_path.starts_with('/') {
        return Err(failed(io::Error::other(format!("{:?} is not an absolute path", wanted.guest_path))));
    }
    fs.mount_host(&wanted.guest_path, directory, access).map_err(|errno| failed(io::Error::other(errno)))
}

/// Opens the directory that processes start in, and makes it if it isn't there.
pub(super) fn working_dir(fs: &FileSystem, path: &str) -> Result<Cwd, CreateError> {
    if !path.starts_with('/') {
        let reason = format!("the working directory {path:?} is not an absolute path");
        return Err(CreateError::InvalidSpec { reason });
    }
    let opened = fs.open_directory(At::HOST, path).or_else(|_| {
        fs.create_directories(path)?;
        fs.open_directory(At::HOST, path)
    });
    let reason = |errno| format!("the working directory {path:?} cannot be opened: {errno}");
    opened.map(Cwd::new).map_err(|errno| CreateError::InvalidSpec { reason: reason(errno) })
}
