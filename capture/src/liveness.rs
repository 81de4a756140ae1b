//! Which locals are read before they are written, after each site.
//!
//! Code is walked backwards until nothing changes: a loop's header is reached from below, so what is live there takes
//! one more walk for each level of loops.

use wasmparser::{Catch, Operator};

use crate::CaptureError;
use crate::function::{Block, FRAME_VALUES_MAX, Function, SiteKind, What};

/// The most that is done for one module, counted in words of sets of locals: some seconds.
pub(crate) const WORK_MAX: usize = 1 << 32;

/// The most words that are held at once.
const WORDS_MAX: usize = 1 << 24;

/// A set of locals.
type Locals = Vec<u64>;

/// Fills in the live locals of each site, for which there is `work_left`.
pub(crate) fn find(function: &mut Function<'_>, work_left: &mut usize) -> Result<(), CaptureError> {
    if function.starts_over {
        let parameters: Vec<u32> = (0..function.parameters).collect();
        function.sites.iter_mut().for_each(|site| site.live = parameters.clone());
        return Ok(());
    }
    let mut walk = Walk::new(function, *work_left);
    while walk.backwards(function, |_, _| Ok(()))? {}
    let mut lists = vec![Vec::new(); function.sites.len()];
    let mut values = 0;
    walk.backwards(function, |site, live| {
        let list = elements(live);
        values += list.len();
        lists[site as usize] = list;
        if values > FRAME_VALUES_MAX { Err(too_large(function, "live locals", FRAME_VALUES_MAX)) } else { Ok(()) }
    })?;
    *work_left -= walk.work;
    for (site, live) in function.sites.iter_mut().zip(lists) {
        site.live = live;
    }
    Ok(())
}

fn too_large(function: &Function<'_>, what: &'static str, max: usize) -> CaptureError {
    CaptureError::FunctionTooLarge { function: function.index, what, max }
}

fn elements(set: &[u64]) -> Vec<u32> {
    let of_word = |(index, word): (usize, &u64)| {
        let (word, base) = (*word, index as u32 * 64);
        (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| base + bit)
    };
    set.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(of_word).collect()
}

struct Walk {
    /// How many words a set takes.
    words: usize,
    /// How much has been done so far, in words, and how much may be.
    work: usize,
    work_max: usize,
    /// How many words the sets of loops take.
    held: usize,
    /// For each block that is a loop, what is live at its header as far as is known.
    at_header: Vec<Option<Locals>>,
}

/// A block that the walk is in.
struct Open {
    block: u32,
    is_loop: bool,
    /// What is live behind its end.
    behind: Locals,
    /// What is live at the beginning of its second arm.
    otherwise: Option<Locals>,
    /// What is live where exceptions from outside of the block are caught.
    caught: Option<Locals>,
}

impl Walk {
    fn new(function: &Function<'_>, work_max: usize) -> Self {
        let words = function.locals.len().div_ceil(64);
        let at_header = function.blocks.iter().map(|_| None).collect();
        Self { words, work: 0, work_max, held: 0, at_header }
    }

    /// Walks through the whole function once, and returns whether something new is known.
    fn backwards(
        &mut self,
        function: &Function<'_>,
        mut at_site: impl FnMut(u32, &[u64]) -> Result<(), CaptureError>,
    ) -> Result<bool, CaptureError> {
        let mut changed = false;
        self.work += function.operators.len();
        let mut live = vec![0; self.words];
        let mut open: Vec<Open> = Vec::new();
        for placed in function.operators.iter().rev() {
            let What::Wasm(operator) = &placed.what else {
                if let Some(site) = placed.site {
                    at_site(site, &live)?;
                }
                continue;
            };
            if let Some(caught) = caught_here(operator, &open) {
                self.join(&mut live, caught);
            }
            if let Some(site) = placed.site {
                debug_assert_eq!(function.sites[site as usize].kind, SiteKind::Call);
                at_site(site, &live)?;
            }
            let block = &function.blocks[placed.block as usize];
            match operator {
                Operator::LocalGet { local_index } => live[*local_index as usize / 64] |= 1 << (local_index % 64),
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    live[*local_index as usize / 64] &= !(1 << (local_index % 64));
                }
                Operator::End => self.enter(function, placed.block, block, &live, &mut open)?,
                Operator::Else => {
                    if let Some(arms) = open.last_mut() {
                        arms.otherwise = Some(std::mem::replace(&mut live, arms.behind.clone()));
                        self.work += self.words;
                    }
                }
                Operator::If { .. } => {
                    if let Some(arms) = open.pop() {
                        self.join(&mut live, arms.otherwise.as_ref().unwrap_or(&arms.behind));
                    }
                }
                Operator::Loop { .. } => {
                    open.pop();
                    changed |= self.at_header(function, placed.block, &live)?;
                }
                Operator::Block { .. } | Operator::TryTable { .. } => {
                    open.pop();
                }
                other => self.branch(other, &open, &mut live)?,
            }
            if self.work > self.work_max {
                return Err(too_large(function, "branches and locals", WORK_MAX));
            }
        }
        Ok(changed)
    }

    /// Takes note of what is live at a loop's header, and returns whether that is news.
    fn at_header(&mut self, function: &Function<'_>, block: u32, live: &[u64]) -> Result<bool, CaptureError> {
        let Some(header) = &mut self.at_header[block as usize] else {
            self.held += self.words;
            self.at_header[block as usize] = Some(live.to_vec());
            return if self.held > WORDS_MAX {
                Err(too_large(function, "loops and locals", WORDS_MAX))
            } else {
                Ok(true)
            };
        };
        self.work += self.words;
        let news = live.iter().zip(header.iter()).any(|(live, known)| live & !known != 0);
        header.iter_mut().zip(live).for_each(|(known, live)| *known |= live);
        Ok(news)
    }

    /// Enters a block at its end.
    fn enter(
        &mut self,
        function: &Function<'_>,
        index: u32,
        block: &Block,
        live: &[u64],
        open: &mut Vec<Open>,
    ) -> Result<(), CaptureError> {
        self.work += self.words;
        if self.words * open.len() > WORDS_MAX {
            return Err(too_large(function, "nested blocks and locals", WORDS_MAX));
        }
        let caught = match &function.operators[block.start].what {
            What::Wasm(Operator::TryTable { try_table }) if index != 0 => {
                let mut all = open.last().and_then(|outer| outer.caught.clone()).unwrap_or(vec![0; self.words]);
                for catch in &try_table.catches {
                    let (Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label }) = *catch;
                    self.join_label(&mut all, label, open);
                }
                Some(all)
            }
            _ => open.last().and_then(|outer| outer.caught.clone()),
        };
        open.push(Open { block: index, is_loop: block.is_loop, behind: live.to_vec(), otherwise: None, caught });
        Ok(())
    }

    /// Takes into account where an operator may branch to.
    fn branch(&mut self, operator: &Operator<'_>, open: &[Open], live: &mut Locals) -> Result<(), CaptureError> {
        match operator {
            Operator::Br { relative_depth } => {
                live.fill(0);
                self.join_label(live, *relative_depth, open);
            }
            Operator::BrIf { relative_depth } => self.join_label(live, *relative_depth, open),
            Operator::BrTable { targets } => {
                live.fill(0);
                let mut labels = targets.targets().collect::<Result<Vec<_>, _>>()?;
                labels.push(targets.default());
                self.work += labels.len();
                labels.sort_unstable();
                labels.dedup();
                for label in labels {
                    self.join_label(live, label, open);
                }
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => live.fill(0),
            Operator::Throw { .. } | Operator::ThrowRef => {
                live.fill(0);
                if let Some(caught) = open.last().and_then(|inner| inner.caught.as_ref()) {
                    self.join(live, caught);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn join_label(&mut self, live: &mut Locals, label: u32, open: &[Open]) {
        let Some(target) = open.len().checked_sub(1 + label as usize).map(|index| &open[index]) else { return };
        if !target.is_loop {
            return self.join(live, &target.behind);
        }
        if let Some(header) = self.at_header[target.block as usize].take() {
            self.join(live, &header);
            self.at_header[target.block as usize] = Some(header);
        }
    }

    fn join(&mut self, live: &mut Locals, other: &Locals) {
        self.work += self.words;
        live.iter_mut().zip(other).for_each(|(word, other)| *word |= other);
    }
}

/// Returns what is live where an exception is caught that `operator` lets through.
fn caught_here<'a>(operator: &Operator<'_>, open: &'a [Open]) -> Option<&'a Locals> {
    let calls = matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. });
    if calls { open.last()?.caught.as_ref() } else { None }
}
