//! What a linear memory holds before its program writes to it: a file that any number of memories map.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

use rustix::fs::{MemfdFlags, SealFlags, SeekFrom};
use rustix::mm::{MapFlags, ProtFlags};

use stillbox_checkpoint::pages::Pages;

use super::dirty;
use super::hashed::Hashed;
use super::layers::{self, Layer, Part};

/// The unit that memories are mapped in, in bytes. No supported system has larger pages than a page of wasm.
pub(crate) const PAGE_BYTES: usize = 64 << 10;

/// The first content of a memory. It never changes, and costs what it holds once, however many memories show it.
///
/// It is made of parts of files, which it may share with other images.
pub(crate) struct Image {
    parts: Vec<Part>,
    bytes: View,
    /// The same in one part, once that was needed.
    flat: OnceLock<Arc<Image>>,
    hashed: Arc<Hashed>,
}

/// Makes a file of `len` bytes, of which `write` writes some, and seals it.
fn layer(len: usize, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<Arc<Layer>> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(rustix::fs::memfd_create("stillbox-image", flags)?);
    file.set_len(len as u64)?;
    write(&file)?;
    // What is mapped must neither change nor lose its pages.
    rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    let held = file.metadata()?.blocks() * 512;
    let data = data_of(&file, len as u64);
    Ok(Arc::new(Layer { file, held, data }))
}

/// Writes a part of a memory, without the zeros beyond the first `based` bytes: those are holes already.
fn write_run(file: &File, memory: &[u8], run: Range<usize>, based: usize) -> io::Result<()> {
    let page_bytes = dirty::system_page_bytes();
    let is_needed = |at: usize| at < based || memory[at..(at + page_bytes).min(run.end)].iter().any(|byte| *byte != 0);
    let mut at = run.start;
    while at < run.end {
        let needed = is_needed(at);
        let end = (at..run.end).step_by(page_bytes).find(|&page| is_needed(page) != needed).unwrap_or(run.end);
        if needed {
            file.write_all_at(&memory[at..end], at as u64)?;
        }
        at = end;
    }
    Ok(())
}

/// Returns which parts of a memory are not as in the image that it began as, where the system can't tell.
fn differing(memory: &[u8], base: Option<&Image>) -> Vec<Range<usize>> {
    let base = base.map_or(&[][..], Image::bytes);
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, page) in memory.chunks(dirty::system_page_bytes()).enumerate() {
        let start = index * dirty::system_page_bytes();
        let before = base.get(start..start + page.len());
        let same = before.map_or_else(|| page.iter().all(|byte| *byte == 0), |before| before == page);
        match runs.last_mut() {
            _ if same => {}
            Some(last) if last.end == start => last.end += page.len(),
            _ => runs.push(start..start + page.len()),
        }
    }
    runs
}

/// Returns what of a file isn't a hole, in order. Looking for a hole takes the system as long as there is none.
fn data_of(file: &File, len: u64) -> Vec<Range<u64>> {
    let mut data = Vec::new();
    let mut at = 0;
    while at < len {
        let found = rustix::fs::seek(file, SeekFrom::Data(at));
        // An error says that there is no more, or that this system can't tell.
        let start = match found {
            Err(rustix::io::Errno::NXIO) => break,
            found => found.unwrap_or(at),
        };
        at = rustix::fs::seek(file, SeekFrom::Hole(start)).unwrap_or(len).max(start + 1);
        data.push(start..at.min(len));
    }
    data
}

/// The parts of an image, mapped to be read.
struct View {
    at: NonNull<u8>,
    len: usize,
}

// SAFETY: the bytes are never written to, by anyone.
unsafe impl Send for View {}
// SAFETY: as above.
unsafe impl Sync for View {}

impl View {
    fn new(parts: &[Part], len: usize) -> io::Result<Self> {
        if len == 0 {
            return Ok(Self { at: NonNull::dangling(), len });
        }
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the system chooses a range that is not in use.
        let at = unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::empty(), flags)? };
        let view = Self { at: NonNull::new(at.cast()).ok_or(io::ErrorKind::OutOfMemory)?, len };
        for Part { range, layer } in parts {
            assert!(range.end <= len, "{range:?} is outside of {len} bytes");
            let (flags, offset) = (MapFlags::SHARED | MapFlags::FIXED, range.start as u64);
            // SAFETY: the part was just checked to lie in the range that was mapped above, which is nobody else's.
            unsafe {
                let at = view.at.as_ptr().add(range.start).cast();
                rustix::mm::mmap(at, range.len(), ProtFlags::READ, flags, layer.file.as_fd(), offset)?;
            }
        }
        Ok(view)
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
        Self::of_one_part(len, Arc::default(), write)
    }

    /// Returns the image of a memory that was stored and has these pages, which `write` writes into an empty file.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(crate) fn of_stored(pages: Pages, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<Arc<Self>> {
        let len = usize::try_from(pages.bytes()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let image = Self::new(len, write)?;
        // The image may end later, with zeros.
        image.hashed.know(pages.changed(image.bytes(), [], []));
        Ok(image)
    }

    fn of_one_part(
        len: usize,
        hashed: Arc<Hashed>,
        write: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<Arc<Self>> {
        let len = len.checked_next_multiple_of(PAGE_BYTES).ok_or(io::ErrorKind::OutOfMemory)?;
        let layer = layer(len, write)?;
        Self::of_parts(if len == 0 { Vec::new() } else { vec![Part { range: 0..len, layer }] }, len, hashed)
    }

    fn of_parts(parts: Vec<Part>, len: usize, hashed: Arc<Hashed>) -> io::Result<Arc<Self>> {
        let bytes = View::new(&parts, len)?;
        Ok(Arc::new(Self { parts, bytes, flat: OnceLock::new(), hashed }))
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

    /// Returns the image of a memory as it is now, which began as `base`. It shares with that what was not written to, so
    /// it costs what was, and not what the memory holds; but from time to time all of it.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(crate) fn of_memory(memory: &[u8], base: Option<&Arc<Self>>) -> io::Result<Arc<Self>> {
        let written = dirty::runs_written(memory).unwrap_or_else(|| differing(memory, base.map(|base| &**base)));
        // An image may have been made for a memory that is yet to grow.
        let Some(shared) = base.filter(|base| base.len() <= memory.len()) else {
            return Self::of_all(memory, base, &written);
        };
        if written.is_empty() {
            return Ok(shared.clone());
        }
        let end = written.last().map_or(0, |run| run.end).max(shared.len());
        match layers::joined(&shared.parts, &written, end) {
            Some(shown) => shared.overlaid(memory, &shown, end, shared.hashed.changed(&written)),
            None => Self::of_all(memory, base, &written),
        }
    }

    /// Returns the image of a memory that shares nothing.
    fn of_all(memory: &[u8], base: Option<&Arc<Self>>, written: &[Range<usize>]) -> io::Result<Arc<Self>> {
        let based = base.map_or(0, |base| base.len().min(memory.len()));
        let end = written.last().map_or(0, |run| run.end).max(based);
        let hashed = base.map_or_else(Arc::default, |base| base.hashed.changed(written));
        Self::of_one_part(end, hashed, |file| {
            if let Some(base) = base {
                base.copy_to(file, based)?;
            }
            written.iter().try_for_each(|run| write_run(file, memory, run.clone(), based))
        })
    }

    /// Returns this image with what a memory holds in these ranges over it.
    fn overlaid(
        &self,
        memory: &[u8],
        shown: &[Range<usize>],
        end: usize,
        hashed: Arc<Hashed>,
    ) -> io::Result<Arc<Self>> {
        let (based, len) = (self.len(), end.next_multiple_of(PAGE_BYTES));
        let layer = layer(len, |file| shown.iter().try_for_each(|run| write_run(file, memory, run.clone(), 0)))?;
        // Beyond this image there is nothing to be shared.
        let mut ranges: Vec<_> = shown.iter().filter(|range| range.start < based).cloned().collect();
        match ranges.last_mut() {
            _ if len == based => {}
            Some(last) if last.end >= based => last.end = len,
            _ => ranges.push(based..len),
        }
        Self::of_parts(layers::overlaid(&self.parts, &ranges, &layer), len, hashed)
    }

    /// Returns the same image in one part.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(super) fn flat(&self) -> io::Result<Arc<Self>> {
        if let Some(flat) = self.flat.get() {
            return Ok(flat.clone());
        }
        let flat = Self::of_one_part(self.len(), self.hashed.clone(), |file| self.copy_to(file, self.len()))?;
        Ok(self.flat.get_or_init(|| flat).clone())
    }

    /// Copies the first `len` bytes into an empty file, which has holes where this image has some.
    fn copy_to(&self, file: &File, len: usize) -> io::Result<()> {
        for Range { start, end } in self.data() {
            let bytes = self.bytes().get(start as usize..len.min(end as usize));
            file.write_all_at(bytes.unwrap_or_default(), start)?;
        }
        Ok(())
    }

    /// Returns the parts of the image, in bytes, outside of which there is nothing but zeros. Reading those would take memory.
    pub(crate) fn data(&self) -> Vec<Range<u64>> {
        self.parts.iter().flat_map(Part::data).collect()
    }

    /// Returns the image's pages, of which those are hashed that weren't before: here, in an image that this one was made of,
    /// or when it was stored. This takes long for a large image, the first time.
    pub(crate) fn pages(&self) -> &Pages {
        self.hashed.pages(self.bytes(), self.data())
    }

    /// Returns the files that memories map.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns the parts that another image doesn't have.
    pub(super) fn parts_beside(&self, other: Option<&Arc<Self>>) -> Vec<Part> {
        let others = other.map_or(&[][..], |other| &other.parts);
        let is_other = |part: &&Part| others.iter().any(|other| Arc::ptr_eq(&other.layer, &part.layer));
        self.parts.iter().filter(|part| !is_other(part)).cloned().collect()
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
        let file = &image.parts[0].layer.file;
        assert!(file.write_all_at(b"b", 0).is_err());
        assert!(file.set_len(0).is_err());
    }

    #[test]
    fn an_empty_image_is_possible() {
        assert_eq!(Image::of_segments(0, []).unwrap().bytes(), b"");
    }

    #[test]
    fn the_image_of_a_memory_holds_what_was_written() {
        let page = dirty::system_page_bytes();
        let base =
            Image::of_segments(4 * PAGE_BYTES, [(0, &b"first"[..]), (2 * PAGE_BYTES as u64, b"second")]).unwrap();
        for base in [None, Some(&base)] {
            let mut slot = super::super::pool::Pool::default().take(base, 8 * PAGE_BYTES, 16 * PAGE_BYTES).unwrap();
            // SAFETY: this much of the slot is accessible, and nothing else refers to it.
            let memory = unsafe { slot.reservation.bytes_mut(0..8 * PAGE_BYTES) };
            let (near, far) = (2 * PAGE_BYTES + 1, 6 * PAGE_BYTES + page);
            memory[0] = 0;
            memory[near..near + 3].copy_from_slice(b"ECO");
            memory[far] = 7;
            // Written, and zero again.
            memory[7 * PAGE_BYTES] = 1;
            memory[7 * PAGE_BYTES] = 0;
            let mut expected = memory.to_vec();
            let image = Image::of_memory(memory, base).unwrap();
            let held = image.bytes();
            assert!(held.len() <= expected.len());
            assert!(expected.split_off(held.len()).iter().all(|byte| *byte == 0));
            assert!(held == expected);
            // The same by comparing.
            let runs = differing(memory, base.map(|base| &**base));
            assert_eq!(
                runs.first(),
                (base.is_some()).then_some(&(0..page)).or(Some(&(2 * PAGE_BYTES..2 * PAGE_BYTES + page)))
            );
            assert_eq!(runs.last(), Some(&(far..far + page)));
        }
    }
}
