//! A function's code, with what is known at each of its sites.

mod build;

use wasmparser::{BlockType, Operator};

use crate::Site;
use crate::analyze::Analysis;
use crate::value::Value;
use crate::{CaptureError, liveness};

/// The most operators that a captured function may have.
const OPERATORS_MAX: usize = 2_000_000;

/// The most values that all the frames of a function may hold together, one frame for each site.
pub(crate) const FRAME_VALUES_MAX: usize = 1_000_000;

/// A function's reachable code.
pub(crate) struct Function<'a> {
    pub(crate) index: u32,
    pub(crate) parameters: u32,
    /// The types of the locals, the parameters first.
    pub(crate) locals: Vec<Value>,
    pub(crate) results: Vec<Value>,
    pub(crate) operators: Vec<Placed<'a>>,
    /// The first is the function itself.
    pub(crate) blocks: Vec<Block>,
    pub(crate) sites: Vec<SiteState>,
    /// Whether the function is resumed by being run again, with the arguments that it had.
    pub(crate) starts_over: bool,
}

/// An operator and what is to be done around it.
pub(crate) struct Placed<'a> {
    pub(crate) what: What<'a>,
    /// The site after it, as an index of [`Function::sites`].
    pub(crate) site: Option<u32>,
    /// The block that it begins, divides or ends.
    pub(crate) block: u32,
    /// What is to be copied from the operand stack to locals before it.
    pub(crate) save: Option<Box<Save>>,
}

/// What an operator is.
pub(crate) enum What<'a> {
    Wasm(Operator<'a>),
    /// A look at the control word.
    Poll,
}

/// The operands from `first` on, counted from the bottom of the stack, up to its top.
pub(crate) struct Save {
    pub(crate) first: u32,
    pub(crate) types: Vec<Value>,
}

/// A block, loop, arm or the whole function; its ends are indices of [`Function::operators`].
pub(crate) struct Block {
    pub(crate) start: usize,
    /// Where its other arm begins, if it has one.
    pub(crate) otherwise: Option<usize>,
    pub(crate) end: usize,
    /// How many operands lie below its own.
    pub(crate) base: u32,
    pub(crate) parent: Option<u32>,
    pub(crate) is_loop: bool,
    pub(crate) ty: BlockType,
}

/// What there is to save at a site.
pub(crate) struct SiteState {
    pub(crate) number: Site,
    /// The operator that it is at.
    pub(crate) at: usize,
    pub(crate) block: u32,
    pub(crate) kind: SiteKind,
    /// The operands below those of the operator.
    pub(crate) operands: Vec<Value>,
    /// The locals that are read before they are written, after it.
    pub(crate) live: Vec<u32>,
}

/// How execution goes on at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SiteKind {
    /// By going on with the function that was called.
    Call,
    /// By going on behind the poll.
    Poll,
    /// By calling the import again.
    Import,
}

impl<'a> Function<'a> {
    /// Reads a defined function, for which there is `work_left`.
    pub(crate) fn of(analysis: &'a Analysis, index: u32, work_left: &mut usize) -> Result<Self, CaptureError> {
        let mut function = build::build(analysis, index)?;
        if !function.sites.is_empty() {
            liveness::find(&mut function, work_left)?;
        }
        Ok(function)
    }

    /// Reads a defined function, but for the locals that are live at its sites.
    pub(crate) fn outline(analysis: &'a Analysis, index: u32) -> Result<Self, CaptureError> {
        build::build(analysis, index)
    }

    /// Returns the module's number of one of the function's sites.
    pub(crate) fn number(&self, site: u32) -> Site {
        self.sites[site as usize].number
    }

    /// Returns the blocks around a site, the outermost first, which is the function.
    pub(crate) fn around(&self, site: &SiteState) -> Vec<u32> {
        let mut path = vec![site.block];
        let mut inner = site.block;
        while let Some(parent) = self.blocks[inner as usize].parent {
            path.push(parent);
            inner = parent;
        }
        path.reverse();
        path
    }

    /// Returns the site of the poll at a loop's header.
    pub(crate) fn poll_of_loop(&self, block: &Block) -> Option<u32> {
        self.operators.get(block.start + 1)?.site
    }
}

/// Returns whether an operator begins a block.
pub(crate) fn begins_block(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::TryTable { .. })
}

/// Returns the type of the block that an operator begins.
pub(crate) fn block_type(operator: &Operator<'_>) -> Option<BlockType> {
    match operator {
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => Some(*blockty),
        Operator::TryTable { try_table } => Some(try_table.ty),
        _ => None,
    }
}
