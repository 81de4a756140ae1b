//! Which pages of a memory were written to since it was mapped.

use std::fs::File;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::sync::OnceLock;

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, opcode};

/// A page of the system's, in bytes: what the scan counts in.
pub(super) fn system_page_bytes() -> usize {
    rustix::param::page_size()
}

/// How many runs of pages one scan reports.
pub(super) const RUNS_MAX: usize = 256;

/// Calls `found` with each run of written pages in `len` bytes at `base`, as offsets, until `pages_max` pages were found; 0
/// is any number. Returns how far the scan came; `None` if this system can't tell.
///
/// Pages of a private mapping are the file's until they are written to, and anonymous from then on; so what counts is
/// what is anonymous and there. That needs nothing to be armed beforehand, unlike the system's soft-dirty bits, which are
/// cleared for the whole process at once.
pub(super) fn written(
    base: *const u8,
    len: usize,
    pages_max: usize,
    mut found: impl FnMut(Range<usize>),
) -> Option<usize> {
    let pagemap = pagemap()?;
    let start = base.addr() as u64;
    let mut runs = [const { MaybeUninit::<Run>::uninit() }; RUNS_MAX];
    let scan = Scan(Argument {
        size: size_of::<Argument>() as u64,
        flags: 0,
        start,
        end: start + len as u64,
        walk_end: 0,
        runs: runs.as_mut_ptr().addr() as u64,
        runs_len: RUNS_MAX as u64,
        pages_max: pages_max as u64,
        inverted: FILE | ZERO,
        all_of: FILE | ZERO,
        any_of: PRESENT | SWAPPED,
        reported: 0,
    });
    // SAFETY: the argument is what the request takes (ioctl_pagemap_scan(2)), and `runs` outlives the call.
    let (count, walk_end) = unsafe { rustix::ioctl::ioctl(pagemap.as_fd(), scan) }.ok()?;
    for run in &runs[..count.min(RUNS_MAX)] {
        // SAFETY: the system has written as many runs as it says.
        let run = unsafe { run.assume_init_ref() };
        found((run.start - start) as usize..(run.end - start) as usize);
    }
    Some((walk_end - start) as usize)
}

/// Returns all runs of written pages of a memory, in order, as offsets; `None` if this system can't tell.
pub(super) fn runs_written(memory: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < memory.len() {
        let scanned = written(memory[at..].as_ptr(), memory.len() - at, 0, |run| {
            let run = at + run.start..at + run.end;
            match runs.last_mut() {
                Some(last) if last.end == run.start => last.end = run.end,
                _ => runs.push(run),
            }
        })?;
        at += scanned.max(1);
    }
    Some(runs)
}

/// Returns the process's page map, if this system can scan it.
fn pagemap() -> Option<&'static File> {
    static PAGEMAP: OnceLock<Option<File>> = OnceLock::new();
    PAGEMAP.get_or_init(|| File::open("/proc/self/pagemap").ok()).as_ref()
}

// The categories of a page, and the request, as linux/fs.h has them.
const FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;
const ZERO: u64 = 1 << 5;

#[repr(C)]
struct Run {
    start: u64,
    end: u64,
    categories: u64,
}

#[repr(C)]
struct Argument {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    runs: u64,
    runs_len: u64,
    pages_max: u64,
    inverted: u64,
    all_of: u64,
    any_of: u64,
    reported: u64,
}

struct Scan(Argument);

// SAFETY: the opcode is PAGEMAP_SCAN, which reads and writes a `pm_scan_arg`; `Argument` has its layout.
unsafe impl Ioctl for Scan {
    /// How many runs were written, and where the scan stopped.
    type Output = (usize, u64);

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<Argument>(b'f', 16)
    }

    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        (&raw mut self.0).cast()
    }

    unsafe fn output_from_ptr(out: IoctlOutput, argument: *mut std::ffi::c_void) -> rustix::io::Result<Self::Output> {
        // SAFETY: this is the pointer that `as_ptr` gave.
        let argument = unsafe { &*argument.cast::<Argument>() };
        Ok((usize::try_from(out).unwrap_or_default(), argument.walk_end))
    }
}
