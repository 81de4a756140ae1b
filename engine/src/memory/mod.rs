//! Linear memories: mapped from images, so that starting a process copies nothing.
//!
//! ```text
//!   Image: a sealed file            Reservation: 4 GiB and a guard
//!   +-------------------+  MAP_     +-------------------+---------+--------------------+
//!   | data of a program | PRIVATE > | shows the image   | zeros   | not accessible     |
//!   +-------------------+           +-------------------+---------+--------------------+
//!                                   0          image's length   size of the memory
//! ```
//!
//! A memory costs the pages that its guest writes to. When it is gone, its slot is made as new and waits for the next
//! memory of the same kind ([`pool`]). The runtime asks [`Memories`] for each memory but cannot say whose it is, so who
//! instantiates says beforehand which images come next ([`with_images`]).

mod dirty;
mod hashed;
mod image;
mod layers;
mod pool;
mod reservation;

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

pub(crate) use image::{Image, PAGE_BYTES};
use layers::Part;
use pool::{Mapped, Pool, Slot};

/// The address space that every memory of a guest gets, in bytes, before its guard.
pub(crate) const RESERVATION_BYTES: u64 = 4 << 30;

/// What an instance's memories begin with, in the order of the module's memories. Clones share it.
pub(crate) type Images = Arc<[Option<Arc<Image>>]>;

thread_local! {
    /// The images of the memories that this thread is about to make, the first one last.
    static NEXT: RefCell<Vec<Option<Arc<Image>>>> = const { RefCell::new(Vec::new()) };
}

/// Has the memories that `instantiate` makes show these images, in the order of the module's memories; those beyond
/// start with zeros.
pub(crate) fn with_images<T>(images: &[Option<Arc<Image>>], instantiate: impl FnOnce() -> T) -> T {
    NEXT.with_borrow_mut(|next| next.extend(images.iter().rev().cloned()));
    let made = instantiate();
    // An instance that could not be made may have left some.
    NEXT.with_borrow_mut(Vec::clear);
    made
}

/// Returns the image of a memory as it is now, which began as `base`, or was saved as that last. The memory shows it from here
/// on: the next image costs what is written from here on, and what was written until here is shared and not held twice.
///
/// # Errors
///
/// Whatever the system says when it has no memory for the image.
///
/// # Safety
///
/// `at` is where a memory of [`Memories`] begins that is `len` bytes long, and nothing refers into it.
pub(crate) unsafe fn save(at: *mut u8, len: usize, base: Option<&Arc<Image>>) -> io::Result<Arc<Image>> {
    // SAFETY: the caller says that the memory is there, and that nobody writes to it.
    let image = Image::of_memory(unsafe { std::slice::from_raw_parts(at, len) }, base)?;
    let parts = image.parts_beside(base);
    let Some(mapped) = Mapped::new(parts.len()) else { return Ok(image) };
    pool::CHANGED.lock().entry(at.addr()).or_default().push(mapped);
    for Part { range, layer } in parts {
        assert!(range.end <= len, "{range:?} is outside of {len} bytes");
        // SAFETY: the part was just checked to lie in the memory, which is the caller's alone.
        if let Err(error) = unsafe { reservation::map_private(at.add(range.start).cast(), &range, &layer) } {
            // The same bytes are there as they were written, and will be copied once more.
            tracing::warn!(%error, "a memory could not be given its image");
            break;
        }
    }
    Ok(image)
}

/// Returns how many bytes of whole pages of the system's hold `bytes`.
fn whole_pages(bytes: usize) -> usize {
    bytes.next_multiple_of(dirty::system_page_bytes())
}

/// Makes the linear memories of an engine.
#[derive(Default)]
pub(crate) struct Memories {
    pool: Arc<Pool>,
}

// SAFETY: a slot is reserved in full, guard included, shows only what `Slot::extend` made accessible, which is zero but for
// the image, and belongs to one memory until that is dropped.
unsafe impl MemoryCreator for Memories {
    fn new_memory(
        &self,
        _ty: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let reserved = reserved.unwrap_or_default();
        // The runtime's own heap for exceptions is a memory, too, with a reservation of another size.
        let is_guests = reserved as u64 == RESERVATION_BYTES;
        let image = if is_guests { NEXT.with_borrow_mut(Vec::pop).flatten() } else { None };
        let capacity = reserved.max(minimum);
        let length = capacity.checked_add(guard).ok_or("the memory is too large")?;
        let slot = self.pool.take(image.as_ref(), whole_pages(minimum), length).map_err(|error| error.to_string())?;
        let (slot, pool) = (Some(slot), self.pool.clone());
        Ok(Box::new(Linear { slot, initial: minimum, size: minimum, capacity, pool }))
    }
}

/// One linear memory.
struct Linear {
    /// There until the memory is dropped.
    slot: Option<Slot>,
    /// How large the memory was at first, in bytes.
    initial: usize,
    /// How large it is now, in bytes. The runtime's own heap isn't always of whole pages.
    size: usize,
    /// How large it may become, in bytes.
    capacity: usize,
    pool: Arc<Pool>,
}

impl Linear {
    fn slot(&self) -> &Slot {
        self.slot.as_ref().expect("a memory has its slot until it is dropped")
    }
}

// SAFETY: the base never moves, and the first `byte_size` bytes are accessible.
unsafe impl LinearMemory for Linear {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        if size > self.capacity {
            return Err(wasmtime::Error::msg("the memory would exceed its reservation"));
        }
        let slot = self.slot.as_mut().expect("a memory has its slot until it is dropped");
        slot.extend(whole_pages(size))?;
        self.size = size;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.slot().reservation.base()
    }
}

impl Drop for Linear {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.pool.give_back(slot, whole_pages(self.initial));
        }
    }
}

#[cfg(test)]
mod tests;
