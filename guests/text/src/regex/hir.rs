//! Turns a parsed pattern into what the automata are built from.

use super::Options;
use super::ast::{Greed, Node};
use regex_syntax::hir::{Capture, Class, ClassBytes, ClassBytesRange, ClassUnicode, Hir, Repetition};

/// Returns the automata's form of `node`.
///
/// What no automaton can do (back-references, look-around) becomes something that matches at least as much, so that
/// the result finds every place where `node` could match.
pub fn translate(node: &Node, options: &Options) -> Hir {
    match node {
        Node::Empty | Node::Around { .. } | Node::Keep => Hir::empty(),
        Node::Char(c) if options.terminator.is_some_and(|end| char::from(end) == *c) => Hir::fail(),
        Node::Char(c) if options.utf8 => Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes()),
        Node::Char(c) => Hir::literal([*c as u8]),
        Node::Byte(byte) => Hir::literal([*byte]),
        Node::Set(set) => translate_set(set, options),
        Node::Look(look) => Hir::look(*look),
        Node::Group(node, index) => Hir::capture(Capture {
            index: u32::try_from(*index).unwrap_or(u32::MAX),
            name: None,
            sub: Box::new(translate(node, options)),
        }),
        Node::Concat(nodes) => Hir::concat(nodes.iter().map(|node| translate(node, options)).collect()),
        Node::Alt(nodes) => Hir::alternation(nodes.iter().map(|node| translate(node, options)).collect()),
        Node::Repeat { node, min, max, greed } => Hir::repetition(Repetition {
            min: *min,
            max: *max,
            greedy: *greed != Greed::Lazy,
            sub: Box::new(translate(node, options)),
        }),
        Node::Atomic(node) => translate(node, options),
        Node::Backref(_) => {
            let anything = Hir::class(Class::Bytes(ClassBytes::new([ClassBytesRange::new(0, 255)])));
            Hir::repetition(Repetition { min: 0, max: None, greedy: true, sub: Box::new(anything) })
        }
    }
}

fn translate_set(set: &ClassUnicode, options: &Options) -> Hir {
    let mut set = set.clone();
    if let Some(byte) = options.terminator {
        set.difference(&super::class::range(char::from(byte), char::from(byte)));
    }
    if options.utf8 {
        return Hir::class(Class::Unicode(set));
    }
    let ranges = set.ranges().iter().filter_map(|part| {
        let start = u8::try_from(u32::from(part.start())).ok()?;
        Some(ClassBytesRange::new(start, u8::try_from(u32::from(part.end())).unwrap_or(u8::MAX)))
    });
    Hir::class(Class::Bytes(ClassBytes::new(ranges)))
}
