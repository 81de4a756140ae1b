//! Address space for one linear memory.
//!
//! All of it is reserved, so that compiled code needs no bounds checks; only its beginning is accessible.

use std::io;
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

use super::image::Image;
use super::layers::{self, Layer, Part};

/// A range of address space that nothing else uses. Fresh ranges are not accessible.
pub(super) struct Reservation {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the range belongs to the reservation alone, whichever thread that is on; the pointer is never given out but to
// the runtime, which synchronises access to the memory as a part of its store.
unsafe impl Send for Reservation {}
// SAFETY: as above; shared references only hand out the address.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Reserves `len` bytes.
    pub(super) fn new(len: usize) -> io::Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the system chooses a range that is not in use.
        let base = unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::empty(), flags)? };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, len })
    }

    /// Returns where the range begins.
    pub(super) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Returns how long the range is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the address of a part, after checking that it lies inside: everything below depends on that.
    fn part(&self, part: &Range<usize>) -> *mut std::ffi::c_void {
        assert!(part.start <= part.end && part.end <= self.len, "{part:?} is outside of {} bytes", self.len);
        // SAFETY: the offset was just checked to lie inside of the range.
        unsafe { self.base.as_ptr().add(part.start).cast() }
    }

    /// Makes a part readable and writable. What was never written to is zero.
    pub(super) fn make_accessible(&mut self, part: Range<usize>) -> io::Result<()> {
        if part.is_empty() {
            return Ok(());
        }
        let (at, flags) = (self.part(&part), MprotectFlags::READ | MprotectFlags::WRITE);
        // SAFETY: the part lies in a range that is ours alone.
        unsafe { rustix::mm::mprotect(at, part.len(), flags)? };
        Ok(())
    }

    /// Makes a part show what `image` holds at the same offsets. Writing to it changes this memory only.
    pub(super) fn map(&mut self, image: &Image, part: Range<usize>) -> io::Result<()> {
        for Part { range, layer } in layers::cut(image.parts(), part) {
            let at = self.part(&range);
            // SAFETY: the part lies in a range that is ours alone, so what the mapping replaces is nobody else's.
            unsafe { map_private(at, &range, &layer)? };
        }
        Ok(())
    }

    /// Gives a part's pages back to the system: it holds again what it held when it was mapped or made accessible.
    pub(super) fn discard(&mut self, part: Range<usize>) -> io::Result<()> {
        if part.is_empty() {
            return Ok(());
        }
        let at = self.part(&part);
        // SAFETY: the part lies in a range that is ours alone, and no reference into it lives while `self` is borrowed.
        unsafe { rustix::mm::madvise(at, part.len(), Advice::LinuxDontNeed)? };
        Ok(())
    }

    /// Makes a part as new: not accessible, and without a trace of what it held.
    pub(super) fn revoke(&mut self, part: Range<usize>) -> io::Result<()> {
        if part.is_empty() {
            return Ok(());
        }
        let (at, flags) = (self.part(&part), MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED);
        // SAFETY: as for `map`.
        unsafe { rustix::mm::mmap_anonymous(at, part.len(), ProtFlags::empty(), flags)? };
        Ok(())
    }

    /// Returns the bytes of an accessible part.
    ///
    /// # Safety
    ///
    /// The part is accessible, and nothing else refers into it.
    pub(super) unsafe fn bytes_mut(&mut self, part: Range<usize>) -> &mut [u8] {
        let at = self.part(&part).cast();
        // SAFETY: the caller says so.
        unsafe { std::slice::from_raw_parts_mut(at, part.len()) }
    }
}

/// Has memory show a part of a file. Writing to it changes this memory only.
///
/// # Safety
///
/// Nobody else uses this memory.
pub(super) unsafe fn map_private(at: *mut std::ffi::c_void, range: &Range<usize>, layer: &Layer) -> io::Result<()> {
    let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::FIXED);
    // SAFETY: the caller says so. The file is as long as its images, and never changes.
    unsafe { rustix::mm::mmap(at, range.len(), access, flags, layer.file.as_fd(), range.start as u64)? };
    Ok(())
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and whoever had its address is gone.
        let unmapped = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
        if let Err(error) = unmapped {
            // Splitting a mapping can exceed the system's number of them. The address space stays taken.
            tracing::warn!(%error, "address space could not be given back");
        }
    }
}
