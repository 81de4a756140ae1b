//! Reservations that wait for their next memory, so that most starts map nothing.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::dirty;
use super::image::Image;
use super::reservation::Reservation;

/// How many reservations wait at most. Each keeps [`RESIDENT_BYTES`] at most.
const IDLE_MAX: usize = 256;

/// A memory with no more written bytes than this is restored by hand, which costs less than giving its pages back to the
/// system and faulting them in again.
const RESIDENT_BYTES: usize = 128 << 10;

/// A reservation that shows the beginning of an image, or zeros.
pub(super) struct Slot {
    pub(super) reservation: Reservation,
    pub(super) image: Option<Arc<Image>>,
    /// How many bytes are accessible.
    pub(super) accessible: usize,
    _mapped: Mapped,
}

/// How many mappings memories may have in all beyond the few that each needs. The system has 65,530 for a process, and
/// threads need some, too.
const MAPPED_MAX: usize = 16 << 10;

/// How many there are.
static MAPPED: AtomicUsize = AtomicUsize::new(0);

/// So many of them, as long as this is there.
pub(super) struct Mapped(usize);

impl Mapped {
    /// Takes so many; `None` if there are too many then.
    pub(super) fn new(count: usize) -> Option<Self> {
        let mapped = Self(count);
        (MAPPED.fetch_add(count, Ordering::Relaxed) + count <= MAPPED_MAX || count == 0).then_some(mapped)
    }

    /// Returns an image as it is, or in one part if there are too many mappings.
    fn image(image: &Arc<Image>) -> io::Result<(Self, Arc<Image>)> {
        match Self::new(image.parts().len().saturating_sub(1)) {
            Some(mapped) => Ok((mapped, image.clone())),
            None => Ok((Self(0), image.flat()?)),
        }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        MAPPED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// The memories that show another image than they began with, by address. They serve no other process.
pub(super) static CHANGED: Mutex<BTreeMap<usize, Vec<Mapped>>> = Mutex::new(BTreeMap::new());

/// What a slot has to be like to serve as it is: the same image, as accessible, as long.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    image: usize,
    accessible: usize,
    reserved: usize,
}

impl Kind {
    fn new(image: Option<&Arc<Image>>, accessible: usize, reserved: usize) -> Self {
        Self { image: image.map_or(0, |image| Arc::as_ptr(image).addr()), accessible, reserved }
    }
}

/// The waiting slots. Each is as if it had just been mapped.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    by_kind: HashMap<Kind, Vec<Slot>>,
    count: usize,
}

impl Idle {
    fn take(&mut self, kind: Kind) -> Option<Slot> {
        let slots = self.by_kind.get_mut(&kind)?;
        let slot = slots.pop();
        if slots.is_empty() {
            self.by_kind.remove(&kind);
        }
        self.count -= usize::from(slot.is_some());
        slot
    }

    /// Takes any slot that is as long: its mappings are replaced.
    fn take_any(&mut self, reserved: usize) -> Option<Slot> {
        let kind = *self.by_kind.keys().find(|kind| kind.reserved == reserved)?;
        self.take(kind)
    }
}

impl Pool {
    /// Returns a slot of `reserved` bytes whose first `accessible` show `image`, and zeros after its end.
    ///
    /// # Errors
    ///
    /// Whatever the system says when it has no more address space.
    pub(super) fn take(&self, image: Option<&Arc<Image>>, accessible: usize, reserved: usize) -> io::Result<Slot> {
        let (mapped, image) = match image {
            Some(image) => Mapped::image(image).map(|(mapped, image)| (mapped, Some(image)))?,
            None => (Mapped(0), None),
        };
        let kind = Kind::new(image.as_ref(), accessible, reserved);
        if let Some(slot) = self.idle.lock().take(kind) {
            return Ok(slot);
        }
        let reservation = match Reservation::new(reserved) {
            Ok(reservation) => reservation,
            // What waits for others holds address space and mappings that are wanted now.
            Err(error) => {
                let mut slot = self.idle.lock().take_any(reserved).ok_or(error)?;
                slot.reservation.revoke(0..slot.accessible)?;
                slot.reservation
            }
        };
        let mut slot = Slot { reservation, image, accessible: 0, _mapped: mapped };
        slot.extend(accessible)?;
        Ok(slot)
    }

    /// Takes a slot back whose memory is gone, and erases what it held. It first showed `accessible` bytes.
    pub(super) fn give_back(&self, mut slot: Slot, accessible: usize) {
        let reserved = slot.reservation.len();
        let changed = CHANGED.lock().remove(&slot.reservation.base().addr());
        // An image that nobody else has won't be asked for again.
        let wanted = slot.image.as_ref().is_none_or(|image| Arc::strong_count(image) > 1);
        if changed.is_some() || !wanted || self.idle.lock().count >= IDLE_MAX {
            return;
        }
        if let Err(error) = slot.reset(accessible) {
            tracing::warn!(%error, "a memory could not be erased; its address space is given up");
            return;
        }
        let kind = Kind::new(slot.image.as_ref(), accessible, reserved);
        let mut idle = self.idle.lock();
        idle.by_kind.entry(kind).or_default().push(slot);
        idle.count += 1;
    }
}

impl Slot {
    /// Makes the bytes up to `accessible` accessible: what the image holds there, and zeros after its end.
    pub(super) fn extend(&mut self, accessible: usize) -> io::Result<()> {
        let part = self.accessible..accessible;
        let imaged = self.imaged(&part);
        if let Some(image) = &self.image {
            self.reservation.map(image, imaged.clone())?;
        }
        self.reservation.make_accessible(imaged.end..part.end)?;
        self.accessible = accessible;
        Ok(())
    }

    /// Returns the beginning of `part` that lies in the image.
    fn imaged(&self, part: &Range<usize>) -> Range<usize> {
        let image = self.image.as_ref().map_or(0, |image| image.len());
        part.start..image.clamp(part.start, part.end)
    }

    /// Makes the slot as it was when only its first `accessible` bytes were accessible and nothing was written.
    fn reset(&mut self, accessible: usize) -> io::Result<()> {
        self.reservation.revoke(accessible..self.accessible)?;
        self.accessible = accessible;
        let mut written = [const { 0..0 }; dirty::RUNS_MAX];
        let mut count = 0;
        let pages_max = RESIDENT_BYTES / dirty::system_page_bytes();
        let scanned = dirty::written(self.reservation.base(), accessible, pages_max, |run| {
            written[count] = run;
            count += 1;
        });
        let Some(scanned) = scanned else { return self.reservation.discard(0..accessible) };
        for run in &written[..count] {
            self.restore(run.clone());
        }
        self.reservation.discard(scanned..accessible)
    }

    /// Writes over a part what it held at first.
    fn restore(&mut self, part: Range<usize>) {
        let imaged = self.imaged(&part);
        // SAFETY: the scan found pages here that were written to, so they are accessible; the memory that was here is gone.
        let bytes = unsafe { self.reservation.bytes_mut(part) };
        let (from_image, zeros) = bytes.split_at_mut(imaged.len());
        if let Some(bytes) = self.image.as_ref().and_then(|image| image.bytes().get(imaged)) {
            from_image.copy_from_slice(bytes);
        }
        zeros.fill(0);
    }
}
