//! Which functions may be suspended, and where they look whether they are to be.

mod graph;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use wasmparser::{FuncType, Operator};

use self::graph::{Calls, Graph};
use crate::module::{self, Module};
use crate::poll::Poll;
use crate::prepare::prepare;
use crate::{CaptureError, names};

/// A point where a program can be suspended: a call in a function that may be suspended during it, or a poll.
///
/// Sites are numbered through a module by its bytes alone: by the loops and calls in it, whether these are sites or not.
/// A site has the same number for every choice of blocking imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(pub u32);

/// What is known of a module: from it come the rewritten module and the continuations of its sites.
pub struct Analysis {
    pub(crate) module: Module,
    /// The functions that do nothing but call one blocking import each.
    wrappers: Range<u32>,
    /// For each type, the first one that is equal to it.
    canonical: Vec<u32>,
    may_suspend: Vec<bool>,
    /// By canonical type, whether a call through a table or a reference may be suspended.
    may_suspend_through: Vec<bool>,
    polled_at_entry: Vec<bool>,
    /// For each function, the number of its first site.
    first_sites: Vec<u32>,
    /// The functions that an instruction refers to.
    pub(crate) referenced_by_code: BTreeSet<u32>,
    /// Whether a reference to a function may get to where it was not at the start.
    pub(crate) references_move: bool,
    pub(crate) poll: Poll,
}

impl Analysis {
    /// Analyzes the module `wasm`; `is_blocking` tells for a module and a name whether that import may block.
    ///
    /// A blocking import is issued again when the program goes on after it was suspended in it.
    ///
    /// # Errors
    ///
    /// Fails if the module is not valid, or uses what can't be captured.
    pub fn new(wasm: impl Into<Arc<[u8]>>, is_blocking: impl Fn(&str, &str) -> bool) -> Result<Self, CaptureError> {
        let original = validated(wasm.into())?;
        if let Some(name) = original.exports.iter().find(|name| name.starts_with(names::PREFIX)) {
            return Err(CaptureError::ReservedName(name.clone()));
        }
        let prepared = prepare(&original, &is_blocking)?;
        drop(original);
        let module = Module::parsed(prepared.wasm.into(), module::CAPTURABLE)?;
        let blocking = module.imports.iter().map(|(module, name)| is_blocking(module, name)).collect();
        Self::of_prepared(module, prepared.wrappers, blocking)
    }

    fn of_prepared(module: Module, wrappers: Range<u32>, blocking: Vec<bool>) -> Result<Self, CaptureError> {
        let canonical = canonical_types(&module.types);
        let mut code = Code::of(&module, &canonical, &wrappers)?;
        let mut referenced: BTreeSet<u32> = module.referenced.iter().copied().collect();
        referenced.extend(&code.referenced);
        code.references_move |= has_references(&module);
        let graph = Graph::new(&module, &canonical, code.calls, &referenced);
        let polled_at_entry = graph.closes_cycle();
        let suspends = |function: u32| match blocking.get(function as usize) {
            Some(&blocks) => blocks,
            None => {
                let defined = (function - module.imported()) as usize;
                code.has_loop[defined] || polled_at_entry[function as usize]
            }
        };
        let (may_suspend, may_suspend_through) = graph.reaching(suspends);
        Ok(Self {
            wrappers,
            canonical,
            may_suspend,
            may_suspend_through,
            polled_at_entry,
            first_sites: code.first_sites,
            referenced_by_code: code.referenced,
            references_move: code.references_move,
            module,
            poll: Poll::default(),
        })
    }

    /// Has what is made of the module look at the control word by `poll`.
    #[must_use]
    pub fn polled_by(self, poll: Poll) -> Self {
        Self { poll, ..self }
    }

    /// Returns whether the program can be suspended during a call of `function`.
    pub(crate) fn may_suspend(&self, function: u32) -> bool {
        self.may_suspend[function as usize]
    }

    pub(crate) fn is_polled_at_entry(&self, function: u32) -> bool {
        self.polled_at_entry[function as usize]
    }

    /// Returns whether `function` does nothing but call a blocking import.
    pub(crate) fn is_wrapper(&self, function: u32) -> bool {
        self.wrappers.contains(&function)
    }

    /// Returns the type of function that an operator calls, and must check for having been suspended.
    pub(crate) fn called(&self, operator: &Operator<'_>) -> Option<&FuncType> {
        match *operator {
            Operator::Call { function_index } => {
                self.may_suspend(function_index).then(|| self.module.type_of(function_index))
            }
            Operator::CallIndirect { type_index, .. } => {
                let canonical = self.canonical[type_index as usize];
                let ty = &self.module.types[canonical as usize];
                self.may_suspend_through[canonical as usize].then_some(ty)
            }
            _ => None,
        }
    }

    /// Returns the number that the first loop or call in `function` can have, which has a body.
    pub(crate) fn first_site(&self, function: u32) -> Site {
        Site(self.first_sites[(function - self.module.imported()) as usize])
    }

    /// Returns the index of the function that a site is in.
    ///
    /// # Errors
    ///
    /// Fails if the module has no function with such a site.
    pub fn function_of(&self, site: Site) -> Result<u32, CaptureError> {
        let behind = self.first_sites.partition_point(|first| *first <= site.0);
        match behind.checked_sub(1) {
            Some(defined) => Ok(self.module.imported() + defined as u32),
            None => Err(CaptureError::NoSuchSite(site)),
        }
    }
}

/// Tells what is no module from what is one, but beyond what can be captured.
fn validated(wasm: Arc<[u8]>) -> Result<Module, CaptureError> {
    match Module::validated(wasm.clone(), module::CAPTURABLE) {
        Err(CaptureError::Invalid(refusal)) if Module::validated(wasm, module::RUNNABLE).is_ok() => {
            Err(CaptureError::Unsupported(refusal))
        }
        result => result,
    }
}

/// Returns whether a module declares anything that can hold a reference, other than a table.
fn has_references(module: &Module) -> bool {
    let of_functions = module.types.iter().flat_map(|ty| ty.params().iter().chain(ty.results()));
    let of_globals = module.globals.iter().map(|global| &global.content_type);
    of_functions.chain(of_globals).any(|ty| ty.is_reference_type())
}

fn canonical_types(types: &[FuncType]) -> Vec<u32> {
    let mut first = HashMap::new();
    types.iter().zip(0u32..).map(|(ty, index)| *first.entry(ty).or_insert(index)).collect()
}

/// What one look at all the code tells.
#[derive(Default)]
pub(crate) struct Code {
    pub(crate) calls: Vec<Calls>,
    pub(crate) has_loop: Vec<bool>,
    first_sites: Vec<u32>,
    pub(crate) referenced: BTreeSet<u32>,
    references_move: bool,
}

impl Code {
    fn of(module: &Module, canonical: &[u32], wrappers: &Range<u32>) -> Result<Self, CaptureError> {
        let mut code = Self::default();
        let (mut sites, mut first_of_wrappers) = (0, 0);
        for function in module.defined() {
            if function == wrappers.start {
                // Each import has its numbers, whether it has a wrapper or not, so that another choice of blocking
                // imports changes no number.
                first_of_wrappers = sites;
                sites = add(sites, 2 * module.imported())?;
            }
            let mut calls = Calls::default();
            let mut has_loop = false;
            // One for the poll at the entry, whether there is one or not.
            let mut in_function = 1;
            let mut operators = module.body(function).get_operators_reader()?;
            while !operators.eof() {
                match operators.read()? {
                    Operator::Loop { .. } => {
                        has_loop = true;
                        in_function += 1;
                    }
                    Operator::Call { function_index } => {
                        calls.direct.push(function_index);
                        in_function += 1;
                    }
                    Operator::ReturnCall { function_index } => calls.direct.push(function_index),
                    Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
                        calls.indirect.push(canonical[type_index as usize]);
                        in_function += 1;
                    }
                    Operator::ReturnCallIndirect { type_index, .. } | Operator::ReturnCallRef { type_index } => {
                        calls.indirect.push(canonical[type_index as usize]);
                    }
                    Operator::RefFunc { function_index } => {
                        code.referenced.insert(function_index);
                        code.references_move = true;
                    }
                    Operator::TableGet { .. }
                    | Operator::TableSet { .. }
                    | Operator::TableFill { .. }
                    | Operator::TableCopy { .. }
                    | Operator::TableGrow { .. }
                    | Operator::TableInit { .. } => code.references_move = true,
                    _ => {}
                }
            }
            match calls.direct.first() {
                Some(import) if wrappers.contains(&function) => code.first_sites.push(first_of_wrappers + 2 * import),
                _ => {
                    code.first_sites.push(sites);
                    sites = add(sites, in_function)?;
                }
            }
            calls.deduplicate();
            code.calls.push(calls);
            code.has_loop.push(has_loop);
        }
        Ok(code)
    }
}

fn add(sites: u32, more: u32) -> Result<u32, CaptureError> {
    sites.checked_add(more).ok_or(CaptureError::TooMuch("sites"))
}
