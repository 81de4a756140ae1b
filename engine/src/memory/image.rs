//! What a linear memory holds before its program writes to it: a file that any number of memories map.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt as _;
use std::ptr::NonNull;
use std::sync::Arc;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

/// The unit that memories are mapped in, in bytes. No supported system has larger pages than a page of wasm.
pub(crate) const PAGE_BYTES: usize = 64 << 10;

/// The first content of a memory. It never changes, and costs what it holds once, however many memories show it.
pub(crate) struct Image {
    file: File,
    bytes: View,
}

/// A file, mapped to be read.
struct View {
    at: NonNull<u8>,
    len: usize,
}

// SAFETY: the bytes are never written to, by anyone.
unsafe impl Send for View {}
// SAFETY: as above.
unsafe impl Sync for View {}

impl View {
    fn new(file: &File, len: usize) -> io::Result<Self> {
        if len == 0 {
            return Ok(Self { at: NonNull::dangling(), len });
        }
        // SAFETY: the system chooses a range that is not in use.
        let at =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), len, ProtFlags::READ, MapFlags::SHARED, file.as_fd(), 0)? };
        let at = NonNull::new(at.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { at, len })
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: the mapping is ours, and slices of it borrow from it.
            let _ = unsafe { rustix::mm::munmap(self.at.as_ptr().cast(), self.len) };
        }
    }
}

impl Image {
    /// Returns the image of what `write` writes into an empty file of `len` bytes, rounded up to whole pages.
    ///
    /// # Errors
    ///
    /// Whatever the system or `write` says.
    pub(crate) fn new(len: usize, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<Arc<Self>> {
        let len = len.checked_next_multiple_of(PAGE_BYTES).ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(rustix::fs::memfd_create("stillbox-image", flags)?);
        file.set_len(len as u64)?;
        write(&file)?;
        // What is mapped must neither change nor lose its pages.
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
        let bytes = View::new(&file, len)?;
        Ok(Arc::new(Self { file, bytes }))
    }

    /// Returns the image of a memory with these contents at these offsets, and zeros elsewhere.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(crate) fn of_segments<'a>(
        len: usize,
        segments: impl IntoIterator<Item = (u64, &'a [u8])>,
    ) -> io::Result<Arc<Self>> {
        Self::new(len, |file| segments.into_iter().try_for_each(|(at, bytes)| file.write_all_at(bytes, at)))
    }

    /// Returns the file that memories map.
    pub(super) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Returns what the image holds: whole pages.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is this long, readable, and of a file that never changes.
        unsafe { std::slice::from_raw_parts(self.bytes.at.as_ptr(), self.bytes.len) }
    }

    /// Returns how long the image is, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_holds_its_segments_and_zeros() {
        let segments = [(3, &b"abc"[..]), (PAGE_BYTES as u64 - 1, &b"xy"[..])];
        let image = Image::of_segments(PAGE_BYTES + 1, segments).unwrap();
        assert_eq!(image.len(), 2 * PAGE_BYTES);
        assert_eq!(&image.bytes()[..8], b"\0\0\0abc\0\0");
        assert_eq!(&image.bytes()[PAGE_BYTES - 2..PAGE_BYTES + 2], b"\0xy\0");
    }

    #[test]
    fn an_image_cannot_be_changed() {
        let image = Image::of_segments(1, [(0, &b"a"[..])]).unwrap();
        assert!(image.file.write_all_at(b"b", 0).is_err());
        assert!(image.file.set_len(0).is_err());
    }

    #[test]
    fn an_empty_image_is_possible() {
        assert_eq!(Image::of_segments(0, []).unwrap().bytes(), b"");
    }
}
