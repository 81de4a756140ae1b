//! `stillbox guests`: the programs that sandboxes have.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Serialize;

use crate::args::GuestsVerb;
use crate::guests::catalog::{self, CATALOG};
use crate::guests::{self, Added, Manifest, Store};
use crate::home::Home;
use crate::{image, output, sandbox};

pub(crate) fn main(verb: GuestsVerb) -> anyhow::Result<()> {
    let home = Home::from_env()?;
    let store = Store::open(&home)?;
    match verb {
        GuestsVerb::List { json } => list(&store, json),
        GuestsVerb::Add { guest, name, json } => add(&home, &store, &guest, name.as_deref(), json),
        GuestsVerb::Remove { name } => remove(&store, &name),
    }
}

fn add(home: &Home, store: &Store, guest: &str, name: Option<&str>, json: bool) -> anyhow::Result<()> {
    let added = match catalog::find(guest) {
        Some(_) if name.is_some() => bail!("a guest of the catalog keeps its name; --name is for files"),
        Some(recipe) => guests::add_from_catalog(store, recipe),
        None if guest.ends_with(".wasm") || guest.contains('/') => guests::add_from_path(store, Path::new(guest), name),
        None => {
            let names: Vec<_> = CATALOG.iter().map(|recipe| recipe.name).collect();
            bail!("no guest {guest:?}: there are {}, and files that end in .wasm", names.join(", "))
        }
    };
    let Added { manifest, new } = added.with_context(|| format!("cannot add {guest}"))?;
    if let Err(error) = compile(home, store, &manifest) {
        // What can't be run isn't kept, lest it be in the way of everything else.
        if new {
            store.remove(&manifest.name)?;
        }
        return Err(error.context(format!("cannot add {guest}")));
    }
    let entry = Entry::new(&manifest);
    if json {
        return output::json(&entry);
    }
    let how = if new { "added" } else { "was there already:" };
    println!("{} {how} {} ({}, {})", entry.name, entry.path, output::bytes(entry.size_bytes), entry.source);
    Ok(())
}

/// Compiles a guest, and shows that this is being done.
fn compile(home: &Home, store: &Store, manifest: &Manifest) -> anyhow::Result<()> {
    let progress = output::spinner(format!("compiling {}, which is done once", manifest.name));
    let engine = image::engine(home, store)?;
    let result = sandbox::runtime()?.block_on(image::compile(&engine, manifest));
    progress.finish_and_clear();
    result
}

fn remove(store: &Store, name: &str) -> anyhow::Result<()> {
    let name = catalog::find(name).map_or(name, |recipe| recipe.name);
    store.remove(name)?;
    println!("{name} removed");
    Ok(())
}

/// One guest, as `--json` prints it.
#[derive(Serialize)]
struct Entry {
    name: String,
    path: String,
    size_bytes: u64,
    source: String,
}

impl Entry {
    fn new(manifest: &Manifest) -> Self {
        Self {
            name: manifest.name.clone(),
            path: image::program_path(manifest),
            size_bytes: manifest.size_bytes,
            source: manifest.source.to_string(),
        }
    }
}

/// What `list --json` prints.
#[derive(Serialize)]
struct Listing {
    builtin: Vec<Builtin>,
    added: Vec<Entry>,
    available: Vec<Available>,
}

#[derive(Serialize)]
struct Builtin {
    name: &'static str,
    size_bytes: u64,
    /// The names that it has in the sandbox.
    commands: Vec<&'static str>,
}

#[derive(Serialize)]
struct Available {
    name: &'static str,
    title: &'static str,
    size_bytes: u64,
    source: String,
}

fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    let added: Vec<_> = store.list()?.iter().map(Entry::new).collect();
    let builtin = stillbox_guests::ALL.iter().filter(|artifact| !artifact.applets.is_empty());
    let builtin = builtin.map(|artifact| Builtin {
        name: artifact.name,
        size_bytes: artifact.bytes.len() as u64,
        commands: artifact.applets.to_vec(),
    });
    let available = CATALOG.iter().filter(|recipe| added.iter().all(|entry| entry.name != recipe.name));
    let available = available.map(|recipe| Available {
        name: recipe.name,
        title: recipe.title,
        size_bytes: recipe.size_bytes,
        source: recipe.source().to_string(),
    });
    let listing = Listing { builtin: builtin.collect(), available: available.collect(), added };
    if json {
        return output::json(&listing);
    }
    print(&listing);
    Ok(())
}

fn print(listing: &Listing) {
    println!("built in");
    for Builtin { name, size_bytes, commands } in &listing.builtin {
        let commands = match &commands[..] {
            [command] => (*command).to_owned(),
            [commands @ .., last] if commands.len() < 6 => format!("{} and {last}", commands.join(", ")),
            [first, second, third, rest @ ..] => format!("{first}, {second}, {third} and {} more", rest.len()),
            [] | [..] => String::new(),
        };
        println!("  {name:12} {:>10}  {commands}", output::bytes(*size_bytes));
    }
    println!("added");
    for Entry { name, path, size_bytes, source } in &listing.added {
        println!("  {name:12} {:>10}  {path}, from {source}", output::bytes(*size_bytes));
    }
    if listing.added.is_empty() {
        println!("  none; `stillbox guests add python` adds Python");
    }
    if !listing.available.is_empty() {
        println!("can be added by name");
    }
    for Available { name, title, size_bytes, source } in &listing.available {
        println!("  {name:12} {:>10}  {title}, from {source}", output::bytes(*size_bytes));
    }
}
