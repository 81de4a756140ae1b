//! `stillbox create`, `exec`, `ps`, `suspend`, `resume`, `rm`: sandboxes that outlive the commands.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde::Serialize;
use stillbox::{SandboxStatus, Sandboxes as _};

use crate::args::{CreateArgs, ExecArgs, NameArgs, RemoveArgs};
use crate::claim::{Claim, Patience, Running};
use crate::foreground;
use crate::home::Home;
use crate::named::Named;
use crate::output;
use crate::requests::{self, Entry, Reply, Request};
use crate::sandbox;
use crate::verbs::run;

/// What is printed of one sandbox by `--json`.
#[derive(Serialize)]
struct Made<'a> {
    name: &'a str,
    id: &'a str,
}

pub(crate) fn create(args: &CreateArgs) -> anyhow::Result<()> {
    let home = Home::from_env()?;
    sandbox::block_on(async {
        let named = Named::create(&home, &args.name, &args.sandbox).await?;
        let id = named.sandbox.id().to_owned();
        named.rest().await?;
        match args.json {
            true => output::json(&Made { name: &args.name, id: &id })?,
            false => println!("{} created; `stillbox exec {} COMMAND` runs in it", args.name, args.name),
        }
        Ok(())
    })
}

pub(crate) fn exec(args: &ExecArgs) -> anyhow::Result<ExitCode> {
    let home = Home::from_env()?;
    sandbox::block_on(async {
        let named = Named::wake(&home, &args.name).await?;
        let outcome = run::run(&named.sandbox, &args.command).await;
        named.leave(outcome).await
    })
}

pub(crate) fn resume(args: &NameArgs) -> anyhow::Result<ExitCode> {
    let home = Home::from_env()?;
    sandbox::block_on(async { go_on(Named::wake(&home, &args.name).await?).await })
}

/// Has what runs in a sandbox go on in the foreground.
pub(crate) async fn go_on(named: Named) -> anyhow::Result<ExitCode> {
    match foreground::go_on(&named.sandbox).await {
        Ok(Some(outcome)) => named.leave(Ok(outcome)).await,
        Err(error) => named.leave(Err(error)).await,
        Ok(None) => {
            output::note(&format!("nothing runs in {}", named.name()));
            named.rest().await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

pub(crate) fn suspend(args: &NameArgs) -> anyhow::Result<()> {
    let home = Home::from_env()?;
    sandbox::block_on(async {
        let progress = output::spinner(format!("suspending {}", args.name));
        let asked = requests::ask_or_claim(&home, &args.name, &Request::Suspend).await;
        progress.finish_and_clear();
        match asked? {
            Ok(_) => wait_for_rest(&home, &args.name).await?,
            // Nobody has it awake, so it rests, if there is one.
            Err(claim) => _ = sandbox::engine_in(&home)?.connect(claim.name()).await?,
        }
        println!("{} is suspended", args.name);
        Ok(())
    })
}

/// Waits until the command that had a sandbox has ended, so that another one can have it.
async fn wait_for_rest(home: &Home, name: &str) -> anyhow::Result<()> {
    let mut patience = Patience::new();
    while Claim::attempt(home, name)?.is_none() && patience.again().await {}
    Ok(())
}

pub(crate) fn remove(args: &RemoveArgs) -> anyhow::Result<()> {
    let home = Home::from_env()?;
    sandbox::block_on(async {
        let name = &args.name;
        let request = if args.force { Request::Remove } else { Request::Describe };
        match requests::ask_or_claim(&home, name, &request).await? {
            Ok(Reply::Described(_)) => bail!("{name} is running: suspend it first, or use --force"),
            Ok(_) => wait_for_rest(&home, name).await?,
            Err(claim) => {
                let engine = sandbox::engine_in(&home)?;
                let sandbox = engine.connect(claim.name()).await?;
                sandbox.terminate().await.with_context(|| format!("cannot remove {name}"))?;
            }
        }
        println!("{name} removed");
        Ok(())
    })
}

pub(crate) fn list(json: bool) -> anyhow::Result<()> {
    let home = Home::from_env()?;
    let entries = sandbox::block_on(async {
        let running = Running::open(&home)?;
        let mut entries = Vec::new();
        for name in running.names()? {
            // One that can be claimed is nobody's.
            if Claim::attempt(&home, &name)?.is_none() {
                entries.push(describe(&running, &name));
            }
        }
        let is_known = |name: &str, entries: &[Entry]| entries.iter().any(|entry| entry.name == name);
        for info in sandbox::engine_in(&home)?.list().await? {
            let entry = Entry::from(info);
            if entry.status == SandboxStatus::Suspended.as_str() && !is_known(&entry.name, &entries) {
                entries.push(entry);
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    })?;
    if json {
        return output::json(&entries);
    }
    println!("{:20} {:15} {:10} {:>9}  AGE", "NAME", "ID", "STATUS", "PROCESSES");
    for Entry { name, id, status, created_at_ms, processes } in &entries {
        let id = id.as_deref().unwrap_or("-");
        let processes = processes.map_or("-".into(), |count| count.to_string());
        let age = created_at_ms.map_or("-".into(), output::age);
        println!("{name:20} {id:15} {status:10} {processes:>9}  {age}");
    }
    Ok(())
}

/// Asks the command that has a sandbox about it.
fn describe(running: &Running, name: &str) -> Entry {
    match requests::ask(running, name, &Request::Describe) {
        Ok(Some(Reply::Described(entry))) => entry,
        // It is about to have the sandbox, or not to have it any more.
        _ => Entry { name: name.into(), id: None, status: "busy".into(), created_at_ms: None, processes: None },
    }
}
