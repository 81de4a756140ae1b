//! The instructions of the back-tracking matcher.

use super::ast::{Greed, Node};
use super::{Error, Options, Syntax};
use regex_syntax::hir::{ClassUnicode, Look};

/// How many instructions a pattern may become.
const MAX_INSTRUCTIONS: usize = 1 << 18;

/// One step of a match.
#[derive(Debug)]
pub enum Inst {
    Char(char),
    Byte(u8),
    Set(ClassUnicode),
    Look(Look),
    /// Goes to the first; if that fails, to the second.
    Split(usize, usize),
    Jump(usize),
    Save(usize),
    Backref(usize),
    /// Fails if nothing was matched since the slot was saved: an empty round of a loop.
    Progress(usize),
    /// Looks around with the program that follows and ends with `Match`, then goes on at `next`.
    Around {
        behind: bool,
        negated: bool,
        max: usize,
        next: usize,
    },
    /// Takes the first match of the program that follows and keeps it, then goes on at `next`.
    Atomic {
        next: usize,
    },
    Keep,
    Match,
}

/// A pattern for the back-tracking matcher.
#[derive(Debug, Default)]
pub struct Program {
    pub insts: Vec<Inst>,
    /// Two for each group, then one for each loop.
    pub slots: usize,
    pub groups: usize,
    pub longest: bool,
    pub has_backrefs: bool,
    pub ignore_case: bool,
    pub utf8: bool,
}

/// Compiles `node`.
pub fn compile(node: &Node, options: &Options) -> Result<Program, Error> {
    let groups = count_groups(node);
    let mut compiler = Compiler { insts: Vec::new(), slots: 2 * (groups + 1) };
    compiler.node(node)?;
    compiler.push(Inst::Match)?;
    Ok(Program {
        insts: compiler.insts,
        slots: compiler.slots,
        groups,
        longest: options.syntax != Syntax::Perl,
        has_backrefs: node.any(&|node| matches!(node, Node::Backref(_))),
        ignore_case: options.ignore_case,
        utf8: options.utf8,
    })
}

fn count_groups(node: &Node) -> usize {
    match node {
        Node::Group(node, index) => (*index).max(count_groups(node)),
        Node::Repeat { node, .. } | Node::Around { node, .. } | Node::Atomic(node) => count_groups(node),
        Node::Concat(nodes) | Node::Alt(nodes) => nodes.iter().map(count_groups).max().unwrap_or(0),
        _ => 0,
    }
}

/// Returns the most characters that `node` can match, or `None` if there is no bound.
fn max_width(node: &Node) -> Option<usize> {
    match node {
        Node::Char(_) | Node::Byte(_) | Node::Set(_) => Some(1),
        Node::Empty | Node::Look(_) | Node::Around { .. } | Node::Keep => Some(0),
        Node::Group(node, _) | Node::Atomic(node) => max_width(node),
        Node::Concat(nodes) => nodes.iter().map(max_width).sum(),
        Node::Alt(nodes) => nodes.iter().map(max_width).try_fold(0, |most, width| Some(most.max(width?))),
        Node::Repeat { node, max, .. } => Some(max_width(node)?.saturating_mul((*max)? as usize)),
        Node::Backref(_) => None,
    }
}

struct Compiler {
    insts: Vec<Inst>,
    slots: usize,
}

impl Compiler {
    fn push(&mut self, inst: Inst) -> Result<usize, Error> {
        if self.insts.len() >= MAX_INSTRUCTIONS {
            return Err(Error::new("Regular expression too big"));
        }
        self.insts.push(inst);
        Ok(self.insts.len() - 1)
    }

    fn node(&mut self, node: &Node) -> Result<(), Error> {
        match node {
            Node::Empty => {}
            Node::Char(c) => drop(self.push(Inst::Char(*c))?),
            Node::Byte(byte) => drop(self.push(Inst::Byte(*byte))?),
            Node::Set(set) => drop(self.push(Inst::Set(set.clone()))?),
            Node::Look(look) => drop(self.push(Inst::Look(*look))?),
            Node::Backref(group) => drop(self.push(Inst::Backref(*group))?),
            Node::Keep => drop(self.push(Inst::Keep)?),
            Node::Group(inner, index) => {
                self.push(Inst::Save(2 * index))?;
                self.node(inner)?;
                self.push(Inst::Save(2 * index + 1))?;
            }
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.node(node))?,
            Node::Alt(nodes) => self.alternatives(nodes)?,
            Node::Repeat { node, min, max, greed: Greed::Possessive } => {
                self.atomic(&Node::repeat((**node).clone(), *min, *max, Greed::Greedy))?;
            }
            Node::Repeat { node, min, max, greed } => self.repeat(node, *min, *max, *greed == Greed::Greedy)?,
            Node::Atomic(inner) => self.atomic(inner)?,
            Node::Around { node, behind, negated } => {
                let max = match max_width(node) {
                    Some(width) => width,
                    None if *behind => return Err(Error::new("lookbehind assertion is not fixed length")),
                    None => 0,
                };
                let at = self.push(Inst::Match)?;
                self.node(node)?;
                self.push(Inst::Match)?;
                let next = self.insts.len();
                self.insts[at] = Inst::Around { behind: *behind, negated: *negated, max, next };
            }
        }
        Ok(())
    }

    fn atomic(&mut self, node: &Node) -> Result<(), Error> {
        let at = self.push(Inst::Match)?;
        self.node(node)?;
        self.push(Inst::Match)?;
        self.insts[at] = Inst::Atomic { next: self.insts.len() };
        Ok(())
    }

    fn alternatives(&mut self, nodes: &[Node]) -> Result<(), Error> {
        let mut ends = Vec::new();
        for (i, node) in nodes.iter().enumerate() {
            if i + 1 == nodes.len() {
                self.node(node)?;
                break;
            }
            let split = self.push(Inst::Match)?;
            self.node(node)?;
            ends.push(self.push(Inst::Match)?);
            self.insts[split] = Inst::Split(split + 1, self.insts.len());
        }
        for end in ends {
            self.insts[end] = Inst::Jump(self.insts.len());
        }
        Ok(())
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>, greedy: bool) -> Result<(), Error> {
        for _ in 0..min {
            self.node(node)?;
        }
        let split = |inner: usize, out: usize| if greedy { Inst::Split(inner, out) } else { Inst::Split(out, inner) };
        let Some(max) = max else {
            let slot = self.slots;
            self.slots += 1;
            let top = self.push(Inst::Match)?;
            self.push(Inst::Save(slot))?;
            self.node(node)?;
            self.push(Inst::Progress(slot))?;
            self.push(Inst::Jump(top))?;
            self.insts[top] = split(top + 1, self.insts.len());
            return Ok(());
        };
        let mut tops = Vec::new();
        for _ in min..max {
            tops.push(self.push(Inst::Match)?);
            self.node(node)?;
        }
        for top in tops {
            self.insts[top] = split(top + 1, self.insts.len());
        }
        Ok(())
    }
}
