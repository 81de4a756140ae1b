//! Who calls whom.

use std::collections::BTreeSet;

use crate::module::Module;

/// What one function calls.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) direct: Vec<u32>,
    /// The canonical types of what is called through a table or a reference.
    pub(crate) indirect: Vec<u32>,
}

impl Calls {
    pub(super) fn deduplicate(&mut self) {
        for list in [&mut self.direct, &mut self.indirect] {
            list.sort_unstable();
            list.dedup();
            list.shrink_to_fit();
        }
    }
}

/// The call graph. Its nodes are the functions, and then the types: a type "calls" every function that is of that type
/// and can be referred to.
pub(crate) struct Graph {
    edges: Vec<Vec<u32>>,
    functions: usize,
    imported: usize,
}

impl Graph {
    pub(crate) fn new(module: &Module, canonical: &[u32], calls: Vec<Calls>, referenced: &BTreeSet<u32>) -> Self {
        let functions = module.functions.len();
        let type_node = |ty: u32| functions as u32 + ty;
        let mut edges = vec![Vec::new(); module.imports.len()];
        edges.extend(calls.into_iter().map(|calls| {
            let mut callees = calls.direct;
            callees.extend(calls.indirect.into_iter().map(type_node));
            callees
        }));
        edges.resize(functions + canonical.len(), Vec::new());
        for &function in referenced {
            let ty = canonical[module.functions[function as usize] as usize];
            edges[type_node(ty) as usize].push(function);
        }
        Self { edges, functions, imported: module.imports.len() }
    }

    /// Returns a set of functions that every cycle of calls goes through.
    pub(crate) fn closes_cycle(&self) -> Vec<bool> {
        let mut closes = vec![false; self.functions];
        let mut state = vec![State::New; self.edges.len()];
        for start in 0..self.functions {
            if state[start] != State::New {
                continue;
            }
            state[start] = State::OnPath;
            let mut path = vec![(start, 0)];
            while let Some((node, next)) = path.last_mut() {
                let Some(&callee) = self.edges[*node].get(*next) else {
                    state[*node] = State::Done;
                    path.pop();
                    continue;
                };
                *next += 1;
                let (caller, callee) = (*node, callee as usize);
                match state[callee] {
                    State::New => {
                        state[callee] = State::OnPath;
                        path.push((callee, 0));
                    }
                    // A cycle that closes in a type goes through the caller.
                    State::OnPath if callee >= self.functions => closes[caller] = true,
                    State::OnPath => closes[callee] = true,
                    State::Done => {}
                }
            }
        }
        closes[..self.imported].fill(false);
        closes
    }

    /// Returns which functions reach one that `suspends`, and through which types that is possible.
    pub(crate) fn reaching(&self, suspends: impl Fn(u32) -> bool) -> (Vec<bool>, Vec<bool>) {
        let mut callers = vec![Vec::new(); self.edges.len()];
        for (caller, callees) in self.edges.iter().enumerate() {
            for &callee in callees {
                callers[callee as usize].push(caller as u32);
            }
        }
        let mut reaches = vec![false; self.edges.len()];
        let mut work: Vec<u32> = (0..self.functions as u32).filter(|function| suspends(*function)).collect();
        while let Some(node) = work.pop() {
            if !std::mem::replace(&mut reaches[node as usize], true) {
                work.extend(callers[node as usize].iter().filter(|caller| !reaches[**caller as usize]));
            }
        }
        let through = reaches.split_off(self.functions);
        (reaches, through)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    OnPath,
    Done,
}
