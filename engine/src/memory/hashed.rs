//! The ids of an image's pages: hashed when it is first stored, and only where it isn't as one before it was.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use stillbox_checkpoint::pages::Pages;

/// What is known of an image's pages. It takes a fifth of a percent of the image's length once they were hashed, for as long
/// as there is the image, or one that was made of it and not hashed yet.
#[derive(Default)]
pub(super) struct Hashed {
    pages: OnceLock<Pages>,
    /// There until they are hashed.
    before: Mutex<Option<Before>>,
}

/// Another image, and where this one may differ from it, in bytes.
struct Before {
    hashed: Arc<Hashed>,
    changed: Vec<Range<u64>>,
}

impl Hashed {
    /// Takes note of pages that have been hashed elsewhere.
    pub(super) fn know(&self, pages: Pages) {
        // Whoever was first had the same.
        let _ = self.pages.set(pages);
    }

    /// Returns what is known of an image that differs from this one in these ranges at most.
    pub(super) fn changed(self: &Arc<Self>, ranges: &[Range<usize>]) -> Arc<Self> {
        let mut changed: Vec<_> = ranges.iter().map(|range| range.start as u64..range.end as u64).collect();
        let hashed = match &*self.before.lock() {
            // This one may never be hashed, as that of a copy.
            Some(earlier) => {
                changed.extend_from_slice(&earlier.changed);
                earlier.hashed.clone()
            }
            None => self.clone(),
        };
        Arc::new(Self { pages: OnceLock::new(), before: Mutex::new(Some(Before { hashed, changed: joined(changed) })) })
    }

    /// Returns the pages of the image with these bytes, and zeros outside of `data`.
    pub(super) fn pages(&self, bytes: &[u8], data: Vec<Range<u64>>) -> &Pages {
        self.pages.get_or_init(|| {
            let before = self.before.lock().take();
            match before.as_ref().and_then(|before| Some((before.hashed.pages.get()?, &before.changed))) {
                Some((known, changed)) => known.changed(bytes, changed.iter().cloned(), data),
                None => Pages::within(bytes, data),
            }
        })
    }
}

/// Returns the ranges in order, those that touch as one.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, last| {
        let touch = next.start <= last.end;
        last.end = if touch { last.end.max(next.end) } else { last.end };
        touch
    });
    ranges
}
