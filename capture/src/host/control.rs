//! The word by which a running guest is told to suspend itself.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// The control word of one instance, for any thread.
///
/// It is a place in the instance's memory, and must not be used after the instance's store is gone.
#[derive(Clone, Copy, Debug)]
pub struct ControlWord(NonNull<AtomicU32>);

// SAFETY: the word is only accessed atomically, and whoever does it promises that it is still there.
unsafe impl Send for ControlWord {}
// SAFETY: as above.
unsafe impl Sync for ControlWord {}

impl ControlWord {
    /// Takes the first word of a memory's data.
    pub(super) fn at(data: NonNull<u8>) -> Self {
        Self(data.cast())
    }

    /// Asks the guest to suspend itself at its next poll, until [`Self::clear`] is called.
    ///
    /// # Safety
    ///
    /// The store of the guest's instance must still exist.
    pub unsafe fn request(self) {
        // SAFETY: the caller promises that the memory is still there; it is aligned to a page.
        unsafe { self.0.as_ref() }.store(1, Ordering::Release);
    }

    /// Lets the guest run.
    ///
    /// # Safety
    ///
    /// The store of the guest's instance must still exist.
    pub unsafe fn clear(self) {
        // SAFETY: as in `request`.
        unsafe { self.0.as_ref() }.store(0, Ordering::Release);
    }
}
