//! A persistent sparse array: what inodes, content chunks and directory entries are kept in.

use std::sync::Arc;

const BITS: u32 = 4;
const WIDTH: usize = 1 << BITS;

/// A map from `u64` to `T` that clones in O(1) and shares what its clones have not changed.
///
/// Keys are dense counters (inode numbers, chunk indexes, entry ids), so a trie over the key's own bits finds an item
/// without hashing or comparing, and keeps the items in order. Nodes that only one owner holds are changed in place.
#[derive(Clone, Debug)]
pub(crate) struct Radix<T> {
    root: Slot<T>,
    /// Levels of nodes over the items. At height 0 the root is the item 0 itself, so small files need no node.
    height: u32,
}

#[derive(Clone, Debug)]
enum Slot<T> {
    Empty,
    Item(T),
    Node(Arc<[Slot<T>; WIDTH]>),
}

impl<T> Default for Radix<T> {
    fn default() -> Self {
        Self { root: Slot::Empty, height: 0 }
    }
}

impl<T: Clone> Radix<T> {
    /// Returns the item at `index`.
    pub fn get(&self, index: u64) -> Option<&T> {
        if !fits(index, self.height) {
            return None;
        }
        let mut shift = self.height * BITS;
        let mut slot = &self.root;
        loop {
            match slot {
                Slot::Empty => return None,
                Slot::Item(item) => return Some(item),
                Slot::Node(slots) => {
                    shift -= BITS;
                    slot = &slots[digit(index, shift)];
                }
            }
        }
    }

    /// Returns the item at `index` for changing, copying what is shared on the way to it.
    pub fn get_mut(&mut self, index: u64) -> Option<&mut T> {
        if !fits(index, self.height) {
            return None;
        }
        let mut shift = self.height * BITS;
        let mut slot = &mut self.root;
        loop {
            match slot {
                Slot::Empty => return None,
                Slot::Item(item) => return Some(item),
                Slot::Node(slots) => {
                    shift -= BITS;
                    slot = &mut Arc::make_mut(slots)[digit(index, shift)];
                }
            }
        }
    }

    /// Puts `item` at `index`, and returns what was there.
    pub fn insert(&mut self, index: u64, item: T) -> Option<T> {
        while !fits(index, self.height) {
            self.height += 1;
            if !matches!(self.root, Slot::Empty) {
                let mut slots = empty_slots();
                slots[0] = std::mem::replace(&mut self.root, Slot::Empty);
                self.root = Slot::Node(Arc::new(slots));
            }
        }
        let mut shift = self.height * BITS;
        let mut slot = &mut self.root;
        while shift > 0 {
            shift -= BITS;
            if !matches!(slot, Slot::Node(_)) {
                *slot = Slot::Node(Arc::new(empty_slots()));
            }
            let Slot::Node(slots) = slot else { unreachable!("a level above the items is made of nodes") };
            slot = &mut Arc::make_mut(slots)[digit(index, shift)];
        }
        match std::mem::replace(slot, Slot::Item(item)) {
            Slot::Item(old) => Some(old),
            _ => None,
        }
    }

    /// Takes the item at `index` out; nodes that become empty go with it.
    pub fn remove(&mut self, index: u64) -> Option<T> {
        // Looked for first, so that a miss copies nothing.
        self.get(index)?;
        let removed = remove_below(&mut self.root, index, self.height * BITS);
        if matches!(self.root, Slot::Empty) {
            self.height = 0;
        }
        removed
    }

    /// Returns the first item at or after `from`, with its index.
    pub fn next(&self, from: u64) -> Option<(u64, &T)> {
        if !fits(from, self.height) {
            return None;
        }
        next_below(&self.root, from, self.height * BITS, 0)
    }

    /// Iterates over the items in order of their indexes.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        let mut from = Some(0);
        std::iter::from_fn(move || {
            let (index, item) = self.next(from?)?;
            from = index.checked_add(1);
            Some((index, item))
        })
    }

    /// Takes out every item at or after `from`, handing each to `removed`.
    pub fn truncate(&mut self, from: u64, mut removed: impl FnMut(T)) {
        if from == 0 {
            let old = std::mem::take(self);
            drain(old.root, &mut removed);
        } else if fits(from, self.height) {
            truncate_below(&mut self.root, from, self.height * BITS, &mut removed);
        }
    }
}

/// Tells whether a trie of this height has a place for `index`.
fn fits(index: u64, height: u32) -> bool {
    index.checked_shr(height * BITS).unwrap_or(0) == 0
}

fn digit(index: u64, shift: u32) -> usize {
    (index >> shift) as usize % WIDTH
}

fn empty_slots<T>() -> [Slot<T>; WIDTH] {
    std::array::from_fn(|_| Slot::Empty)
}

fn remove_below<T: Clone>(slot: &mut Slot<T>, index: u64, shift: u32) -> Option<T> {
    let Slot::Node(slots) = slot else {
        return match std::mem::replace(slot, Slot::Empty) {
            Slot::Item(item) => Some(item),
            _ => None,
        };
    };
    let slots = Arc::make_mut(slots);
    let shift = shift - BITS;
    let removed = remove_below(&mut slots[digit(index, shift)], index, shift);
    if slots.iter().all(|slot| matches!(slot, Slot::Empty)) {
        *slot = Slot::Empty;
    }
    removed
}

/// Finds the first item at or after `from` in a subtree whose first index is `base`; `from` lies in the subtree.
fn next_below<T>(slot: &Slot<T>, from: u64, shift: u32, base: u64) -> Option<(u64, &T)> {
    match slot {
        Slot::Empty => None,
        Slot::Item(item) => Some((base, item)),
        Slot::Node(slots) => {
            let shift = shift - BITS;
            let first = digit(from, shift);
            (first..WIDTH).find_map(|at| {
                let base = base | (at as u64) << shift;
                next_below(&slots[at], from.max(base), shift, base)
            })
        }
    }
}

fn truncate_below<T: Clone>(slot: &mut Slot<T>, from: u64, shift: u32, removed: &mut impl FnMut(T)) {
    let Slot::Node(slots) = slot else {
        drain(std::mem::replace(slot, Slot::Empty), removed);
        return;
    };
    let slots = Arc::make_mut(slots);
    let shift = shift - BITS;
    let first = digit(from, shift);
    truncate_below(&mut slots[first], from, shift, removed);
    for later in &mut slots[first + 1..] {
        drain(std::mem::replace(later, Slot::Empty), removed);
    }
    if slots.iter().all(|slot| matches!(slot, Slot::Empty)) {
        *slot = Slot::Empty;
    }
}

fn drain<T: Clone>(slot: Slot<T>, removed: &mut impl FnMut(T)) {
    match slot {
        Slot::Empty => {}
        Slot::Item(item) => removed(item),
        Slot::Node(slots) => Arc::unwrap_or_clone(slots).into_iter().for_each(|slot| drain(slot, removed)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Insert(u64, u32),
        Change(u64, u32),
        Remove(u64),
        Truncate(u64),
        Branch,
    }

    fn index() -> impl Strategy<Value = u64> {
        prop_oneof![8 => 0u64..40, 4 => 0u64..5000, 1 => any::<u64>(), 1 => Just(u64::MAX)]
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            6 => (index(), any::<u32>()).prop_map(|(at, item)| Op::Insert(at, item)),
            2 => (index(), any::<u32>()).prop_map(|(at, item)| Op::Change(at, item)),
            3 => index().prop_map(Op::Remove),
            1 => index().prop_map(Op::Truncate),
            1 => Just(Op::Branch),
        ]
    }

    proptest! {
        #[test]
        fn behaves_as_an_ordered_map_and_branches_stay_apart(ops in prop::collection::vec(op(), 1..120)) {
            let mut radix = Radix::default();
            let mut model = BTreeMap::new();
            let mut branches = Vec::new();
            for op in ops {
                match op {
                    Op::Insert(at, item) => prop_assert_eq!(radix.insert(at, item), model.insert(at, item)),
                    Op::Change(at, item) => {
                        if let Some(old) = radix.get_mut(at) {
                            *old = item;
                            model.insert(at, item);
                        }
                    }
                    Op::Remove(at) => prop_assert_eq!(radix.remove(at), model.remove(&at)),
                    Op::Truncate(at) => {
                        let mut gone = Vec::new();
                        radix.truncate(at, |item| gone.push(item));
                        let expected: Vec<u32> = model.split_off(&at).into_values().collect();
                        prop_assert_eq!(gone, expected);
                    }
                    Op::Branch => branches.push((radix.clone(), model.clone())),
                }
                branches.push((radix, model));
                for (radix, model) in &branches {
                    prop_assert!(radix.iter().eq(model.iter().map(|(at, item)| (*at, item))));
                    for at in [0, 7, 16, 255, 256, 4999, u64::MAX] {
                        prop_assert_eq!(radix.get(at), model.get(&at));
                        prop_assert_eq!(radix.next(at).map(|(at, _)| at), model.range(at..).next().map(|(at, _)| *at));
                    }
                }
                (radix, model) = branches.pop().unwrap();
            }
        }
    }
}
