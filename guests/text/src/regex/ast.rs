//! What a pattern means, whatever syntax it was written in.

use regex_syntax::hir::{ClassUnicode, Look};

/// One node of a parsed pattern.
#[derive(Clone, Debug)]
pub enum Node {
    Empty,
    Char(char),
    /// A byte of the pattern that is not part of any character.
    Byte(u8),
    Set(ClassUnicode),
    Look(Look),
    Group(Box<Node>, usize),
    Concat(Vec<Node>),
    Alt(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
        greed: Greed,
    },
    Backref(usize),
    Around {
        node: Box<Node>,
        behind: bool,
        negated: bool,
    },
    Atomic(Box<Node>),
    /// `\K`: the reported match starts here.
    Keep,
}

/// How much a repetition takes first, and whether it gives any of it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greed {
    Greedy,
    Lazy,
    Possessive,
}

impl Node {
    /// Returns the concatenation of `nodes`, without a wrapper for none or one.
    pub fn concat(mut nodes: Vec<Node>) -> Node {
        match nodes.len() {
            0 => Node::Empty,
            1 => nodes.remove(0),
            _ => Node::Concat(nodes),
        }
    }

    /// Returns the choice between `nodes`, without a wrapper for one.
    pub fn alt(mut nodes: Vec<Node>) -> Node {
        if nodes.len() == 1 { nodes.remove(0) } else { Node::Alt(nodes) }
    }

    /// Returns `node` repeated.
    pub fn repeat(node: Node, min: u32, max: Option<u32>, greed: Greed) -> Node {
        Node::Repeat { node: Box::new(node), min, max, greed }
    }

    /// Tells whether any node of this tree satisfies `test`.
    pub fn any(&self, test: &dyn Fn(&Node) -> bool) -> bool {
        if test(self) {
            return true;
        }
        match self {
            Node::Group(node, _) | Node::Repeat { node, .. } | Node::Around { node, .. } | Node::Atomic(node) => {
                node.any(test)
            }
            Node::Concat(nodes) | Node::Alt(nodes) => nodes.iter().any(|node| node.any(test)),
            _ => false,
        }
    }

    /// Tells whether a finite automaton can match this: no back-reference, look-around, atomic group or `\K`.
    pub fn is_regular(&self) -> bool {
        !self.any(&|node| {
            matches!(node, Node::Backref(_) | Node::Around { .. } | Node::Atomic(_) | Node::Keep)
                || matches!(node, Node::Repeat { greed: Greed::Possessive, .. })
        })
    }

    /// Tells whether this matches one character, always.
    fn is_single(&self) -> bool {
        matches!(self, Node::Char(_) | Node::Byte(_) | Node::Set(_))
    }

    /// Tells whether the first match that a greedy engine finds may be shorter than the longest one at its start.
    ///
    /// With at most one repetition, of single characters, greedy is longest. Anything else is looked at.
    pub fn may_grow(&self) -> bool {
        fn repeats(node: &Node) -> Option<usize> {
            match node {
                Node::Alt(_) | Node::Backref(_) | Node::Around { .. } | Node::Atomic(_) | Node::Keep => None,
                Node::Repeat { min, max, .. } if *max == Some(*min) => match node {
                    Node::Repeat { node, .. } if repeats(node) == Some(0) => Some(0),
                    _ => None,
                },
                Node::Repeat { node, .. } => node.is_single().then_some(1),
                Node::Group(node, _) => repeats(node),
                Node::Concat(nodes) => nodes.iter().map(repeats).sum(),
                _ => Some(0),
            }
        }
        repeats(self).is_none_or(|count| count > 1)
    }
}
