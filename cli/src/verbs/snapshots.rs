//! `stillbox checkpoint`, `restore`, `fork` and `snapshots`: sandboxes as values.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use serde::Serialize;
use stillbox::{SandboxSpec, Sandboxes as _};
use tempfile::NamedTempFile;

use crate::args::{CheckpointArgs, ForkArgs, RestoreArgs, SnapshotsArgs, SnapshotsVerb};
use crate::home::Home;
use crate::named::Named;
use crate::requests::{self, Reply, Request, Saved};
use crate::verbs::named;
use crate::{output, sandbox};

/// The name of a file that stands for our own standard streams.
const STDIO: &str = "-";

pub(crate) fn checkpoint(args: &CheckpointArgs) -> anyhow::Result<()> {
    let request = Request::Checkpoint { files: args.files };
    let Reply::Saved(saved) = perform(&args.name, &request, format!("saving {}", args.name))? else {
        bail!("{} was not saved", args.name)
    };
    match args.json {
        true => output::json(&saved)?,
        false => println!("{}", saved.id),
    }
    Ok(())
}

/// What `fork --json` prints.
#[derive(Serialize)]
struct Forked {
    names: Vec<String>,
}

pub(crate) fn fork(args: &ForkArgs) -> anyhow::Result<()> {
    let request = Request::Fork { times: args.times as usize };
    let Reply::Forked { names } = perform(&args.name, &request, format!("copying {}", args.name))? else {
        bail!("{} was not copied", args.name)
    };
    match args.json {
        true => output::json(&Forked { names })?,
        false => names.iter().for_each(|name| println!("{name}")),
    }
    Ok(())
}

/// Has the command that has a sandbox do something with it, or does it ourselves if it rests.
fn perform(name: &str, request: &Request, message: String) -> anyhow::Result<Reply> {
    let home = Home::from_env()?;
    sandbox::block_on(async {
        let progress = output::spinner(message);
        let reply = match requests::ask_or_claim(&home, name, request).await? {
            Ok(reply) => reply,
            Err(claim) => {
                let named = Named::wake_claimed(&home, claim).await?;
                let reply = requests::perform((&home, &named.engine, named.sandbox.as_ref()), request).await;
                named.rest().await?;
                reply?
            }
        };
        progress.finish_and_clear();
        Ok(reply)
    })
}

/// What `restore --detach --json` prints.
#[derive(Serialize)]
struct Restored<'a> {
    name: &'a str,
    snapshot: &'a str,
}

pub(crate) fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let home = Home::from_env()?;
    sandbox::block_on(async {
        let info = sandbox::engine_in(&home)?.get_snapshot(&args.snapshot).await?;
        let name = args.name.clone().or(info.sandbox_name);
        let name = name.context("the snapshot is of a sandbox without a name; --name gives it one")?;
        let mut spec = SandboxSpec::default().snapshot_id(&args.snapshot);
        spec.mounts = sandbox::mounts(&args.mount, sandbox::USER_DIR)?;
        let progress = output::spinner(format!("restoring {}", args.snapshot));
        let named = Named::make(&home, &name, spec).await;
        progress.finish_and_clear();
        let named = named?;
        if !args.detach {
            return named::go_on(named).await;
        }
        named.rest().await?;
        match args.json {
            true => output::json(&Restored { name: &name, snapshot: &args.snapshot })?,
            false => println!("{name} restored; `stillbox resume {name}` goes on with it"),
        }
        Ok(ExitCode::SUCCESS)
    })
}

pub(crate) fn main(args: &SnapshotsArgs) -> anyhow::Result<()> {
    match &args.verb {
        None => list(args.json),
        Some(SnapshotsVerb::Remove { ids }) => remove(ids),
        Some(SnapshotsVerb::Export { id, file }) => export(id, file),
        Some(SnapshotsVerb::Import { file, json }) => import(file, *json),
    }
}

fn list(json: bool) -> anyhow::Result<()> {
    let engine = sandbox::engine()?;
    let snapshots = sandbox::block_on(async { Ok(engine.list_snapshots().await?) })?;
    let snapshots: Vec<Saved> = snapshots.into_iter().map(Saved::from).collect();
    if json {
        return output::json(&snapshots);
    }
    println!("{:18} {:20} {:10} {:>10}  AGE", "ID", "SANDBOX", "KIND", "SIZE");
    for Saved { id, sandbox, kind, size_bytes, created_at_ms } in &snapshots {
        let (sandbox, size) = (sandbox.as_deref().unwrap_or("-"), output::bytes(*size_bytes));
        println!("{id:18} {sandbox:20} {kind:10} {size:>10}  {}", output::age(*created_at_ms));
    }
    Ok(())
}

fn remove(ids: &[String]) -> anyhow::Result<()> {
    let engine = sandbox::engine()?;
    sandbox::block_on(async {
        for id in ids {
            engine.delete_snapshot(id).await?;
            println!("{id} removed");
        }
        Ok(())
    })
}

fn export(id: &str, file: &Path) -> anyhow::Result<()> {
    let engine = sandbox::engine()?;
    let progress = output::transfer(format!("exporting {id}"));
    let write = |writer: &mut dyn Write| -> anyhow::Result<()> {
        let mut writer = BufWriter::new(progress.wrap_write(writer));
        engine.export_snapshot(id, &mut writer)?;
        Ok(writer.flush()?)
    };
    if file == Path::new(STDIO) {
        write(&mut io::stdout().lock())?;
        progress.finish_and_clear();
        return Ok(());
    }
    // It appears under its name when it is complete.
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot = || format!("cannot write {}", file.display());
    let mut temporary = NamedTempFile::new_in(dir).with_context(cannot)?;
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_all().with_context(cannot)?;
    temporary.persist(file).with_context(cannot)?;
    let written = progress.position();
    progress.finish_and_clear();
    println!("{id} exported to {} ({})", file.display(), output::bytes(written));
    Ok(())
}

fn import(file: &Path, json: bool) -> anyhow::Result<()> {
    let engine = sandbox::engine()?;
    let cannot = || format!("cannot import {}", file.display());
    let bytes = if file == Path::new(STDIO) {
        read(io::stdin().lock(), &output::transfer("reading".into()))
    } else {
        let open = || -> io::Result<_> {
            let opened = File::open(file)?;
            let progress = output::transfer_of(opened.metadata()?.len(), format!("reading {}", file.display()));
            Ok((opened, progress))
        };
        open().and_then(|(opened, progress)| read(opened, &progress))
    };
    let bytes = bytes.with_context(cannot)?;
    let progress = output::spinner("checking and storing".into());
    let imported = engine.import_snapshot(&bytes.into());
    progress.finish_and_clear();
    let saved = Saved::from(imported.with_context(cannot)?);
    match json {
        true => output::json(&saved)?,
        false => println!("{}", saved.id),
    }
    Ok(())
}

fn read(reader: impl Read, progress: &ProgressBar) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    progress.wrap_read(reader).read_to_end(&mut bytes)?;
    progress.finish_and_clear();
    Ok(bytes)
}
