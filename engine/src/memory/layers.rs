//! Images that share what they have in common: the memory that a later one shows has mostly not been written to since.
//!
//! ```text
//!   first checkpoint   |AAAAAAAAAAAAAAAAAAAAAAAAAAAA|   one layer
//!   written since           ^^          ^^^^^
//!   second checkpoint  |AAAA|BB|AAAAAAAA|BBBB|AAAAAA|   another layer, with what was written; five parts
//! ```

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// How many parts an image has at most. Each is a mapping of its own in every memory that shows the image, and the system
/// has 65,530 for a process.
const PARTS_MAX: usize = 512;

/// Runs with less than this between them become one: a mapping costs about as much as copying so many bytes.
const GAP_BYTES: usize = 16 << 10;

/// A file that holds what was written to a memory until one instant, each byte where the memory has it.
pub(super) struct Layer {
    pub(super) file: File,
    /// How much memory the file takes, in bytes.
    pub(super) held: u64,
    /// What of it isn't a hole, in order.
    pub(super) data: Vec<Range<u64>>,
}

/// A part of an image.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) range: Range<usize>,
    pub(super) layer: Arc<Layer>,
}

impl Part {
    /// Returns what of the part isn't a hole.
    pub(super) fn data(&self) -> impl Iterator<Item = Range<u64>> {
        let (start, end) = (self.range.start as u64, self.range.end as u64);
        let data = &self.layer.data;
        let first = data.partition_point(|data| data.end <= start);
        let inside = data[first..].iter().take_while(move |data| data.start < end);
        inside.map(move |data| data.start.max(start)..data.end.min(end))
    }
}

/// Returns what of these parts lies in `range`, in order.
pub(super) fn cut(parts: &[Part], range: Range<usize>) -> impl Iterator<Item = Part> {
    let first = parts.partition_point(|part| part.range.end <= range.start);
    parts[first..].iter().take_while(move |part| part.range.start < range.end).map(move |part| Part {
        range: part.range.start.max(range.start)..part.range.end.min(range.end),
        layer: part.layer.clone(),
    })
}

/// Returns `parts` with another layer over them, which shows in these ranges.
pub(super) fn overlaid(parts: &[Part], shown: &[Range<usize>], layer: &Arc<Layer>) -> Vec<Part> {
    let mut overlaid = Vec::new();
    let mut at = 0;
    for range in shown {
        overlaid.extend(cut(parts, at..range.start));
        overlaid.push(Part { range: range.clone(), layer: layer.clone() });
        at = range.end;
    }
    overlaid.extend(cut(parts, at..usize::MAX));
    overlaid
}

/// Returns the ranges in which another layer over `parts` is to show these runs, so that there aren't too many parts.
///
/// `None` if the layers would hold more than twice the `len` bytes of the image: what no image shows any more is freed only
/// when all of it is copied anew.
pub(super) fn joined(parts: &[Part], runs: &[Range<usize>], len: usize) -> Option<Vec<Range<usize>>> {
    let mut layers: Vec<_> = parts.iter().map(|part| (Arc::as_ptr(&part.layer), part.layer.held)).collect();
    layers.sort_unstable();
    layers.dedup();
    let held: u64 = layers.iter().map(|(_, held)| held).sum();
    let room = (2 * len as u64).checked_sub(held)?;
    let mut gap = GAP_BYTES;
    loop {
        let shown = with_gaps(runs, gap);
        let bytes: usize = shown.iter().map(Range::len).sum();
        if bytes as u64 > room {
            return None;
        }
        if count(parts, &shown) <= PARTS_MAX {
            return Some(shown);
        }
        gap *= 2;
    }
}

/// Joins runs with less than `gap` bytes between them.
fn with_gaps(runs: &[Range<usize>], gap: usize) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if run.start - last.end < gap => last.end = run.end,
            _ => joined.push(run.clone()),
        }
    }
    joined
}

/// Returns how many parts there are with a layer over them that shows in these ranges.
fn count(parts: &[Part], shown: &[Range<usize>]) -> usize {
    let ends = shown.iter().map(|range| range.end);
    let gaps = std::iter::once(0).chain(ends).zip(shown.iter().map(|range| range.start).chain([usize::MAX]));
    shown.len() + gaps.map(|(start, end)| cut(parts, start..end).count()).sum::<usize>()
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "these are lists of ranges, some of which have one")]
mod tests {
    use super::*;

    fn layer(held: u64) -> Arc<Layer> {
        Arc::new(Layer { file: tempfile::tempfile().unwrap(), held, data: Vec::new() })
    }

    fn ranges(parts: &[Part], top: &Arc<Layer>) -> Vec<(Range<usize>, bool)> {
        parts.iter().map(|part| (part.range.clone(), Arc::ptr_eq(&part.layer, top))).collect()
    }

    #[test]
    fn a_layer_hides_what_is_under_it() {
        let (bottom, top) = (layer(0), layer(0));
        let parts = [
            Part { range: 0..10, layer: bottom.clone() },
            Part { range: 10..20, layer: bottom.clone() },
            Part { range: 20..30, layer: bottom },
        ];
        let seen = |shown: &[Range<usize>]| ranges(&overlaid(&parts, shown, &top), &top);
        assert_eq!(seen(&[0..30]), [(0..30, true)]);
        assert_eq!(seen(&[5..25, 30..40]), [(0..5, false), (5..25, true), (25..30, false), (30..40, true)]);
        assert_eq!(seen(&[10..20]), [(0..10, false), (10..20, true), (20..30, false)]);
        for shown in [&[0..30][..], &[5..25, 30..40], &[10..20], &[]] {
            assert_eq!(count(&parts, shown), seen(shown).len());
        }
    }

    #[test]
    fn a_part_has_its_share_of_the_data() {
        let layer = Arc::new(Layer { data: vec![0..4, 10..20, 30..40], ..Arc::into_inner(layer(0)).unwrap() });
        let data = |range| Part { range, layer: layer.clone() }.data().collect::<Vec<_>>();
        assert_eq!(data(0..50), layer.data);
        assert_eq!(data(4..15), [10..15]);
        assert_eq!(data(15..31), [15..20, 30..31]);
        assert_eq!(data(20..30), []);
    }

    #[test]
    fn there_are_not_too_many_parts() {
        let len = 64 << 20;
        let parts = [Part { range: 0..len, layer: layer(len as u64) }];
        let runs: Vec<_> = (0..2000).map(|at| at * 32768..at * 32768 + 4096).collect();
        let shown = joined(&parts, &runs, len).unwrap();
        assert!(count(&parts, &shown) <= PARTS_MAX);
        assert!(runs.iter().all(|run| shown.iter().any(|range| range.start <= run.start && run.end <= range.end)));
        // Few runs stay as they are.
        assert_eq!(joined(&parts, &runs[..60], len).unwrap(), runs[..60]);
    }

    #[test]
    fn layers_do_not_hold_much_more_than_they_show() {
        let parts = [Part { range: 0..1 << 20, layer: layer(2 << 20) }];
        assert!(joined(&parts, &[0..4096], 1 << 20).is_none());
    }
}
