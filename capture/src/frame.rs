//! Frames: where a suspended function's values are in memory.
//!
//! A suspended program's frames lie one behind the other, the innermost first, each with its values and then a trailer:
//!
//! ```text
//!   | values | site | size |   ...   | values | site | size |
//!     innermost                        outermost            ^ the frame pointer
//! ```
//!
//! A site and a size are 32-bit numbers, little-endian as all of WebAssembly's memory; a size counts the trailer too. A
//! frame is a multiple of eight bytes. When the program is to go on, the site is replaced by the index of its
//! continuation in the table that continuations call each other through.

use crate::CaptureError;
use crate::Site;
use crate::function::Function;
use crate::value::{RefKind, Value};

/// The pages of the memory that the rewrite adds: the control word's, and the frames'.
///
/// A frame holds what the native stack holds too, so twice the largest native stack is enough for it.
pub const CONTROL_PAGES: u64 = 256;

/// The address of the first frame.
pub(crate) const FIRST: u32 = 1 << 16;

/// The bytes of a trailer.
pub(crate) const TRAILER_BYTES: u32 = 8;

/// The most bytes of one frame.
const FRAME_BYTES_MAX: u32 = 1 << 20;

/// Where a site's values are in its frame.
pub(crate) struct Layout {
    /// Each value with its type and its distance from the frame's start.
    pub(crate) values: Vec<(Place, Value, u32)>,
    /// The frame's bytes, with the trailer.
    pub(crate) size: u32,
}

/// Where a value is while the function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Local(u32),
    /// An operand, counted from the bottom of the stack.
    Operand(u32),
}

impl Layout {
    /// Returns the layout of a function's frame at one of its sites.
    pub(crate) fn of(function: &Function<'_>, site: u32) -> Result<Self, CaptureError> {
        let state = &function.sites[site as usize];
        let locals = state.live.iter().map(|&local| (Place::Local(local), function.locals[local as usize]));
        let operands = state.operands.iter().zip(0..).map(|(&ty, operand)| (Place::Operand(operand), ty));
        let mut values: Vec<_> = locals.chain(operands).map(|(place, ty)| (place, ty, 0)).collect();
        // The larger ones first: then each has an address that it divides, if the frame has.
        values.sort_by_key(|(_, ty, _)| std::cmp::Reverse(ty.size()));
        let mut end = 0u32;
        for (_, ty, at) in &mut values {
            *at = end;
            end += ty.size();
        }
        let size = end.next_multiple_of(8) + TRAILER_BYTES;
        if size > FRAME_BYTES_MAX {
            let (function, max) = (function.index, FRAME_BYTES_MAX as usize);
            return Err(CaptureError::FunctionTooLarge { function, what: "bytes in a frame", max });
        }
        Ok(Self { values, size })
    }

    /// Returns the kinds of references in the frame.
    pub(crate) fn references(&self) -> impl Iterator<Item = RefKind> {
        self.values.iter().filter_map(|(_, ty, _)| if let Value::Ref(kind) = ty { Some(*kind) } else { None })
    }
}

/// One frame among the bytes of a suspended program's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where the program goes on in the frame's function.
    pub site: Site,
    /// Where the frame's trailer is, counted from the first byte of all the frames.
    pub(crate) trailer: usize,
}

/// Why bytes are no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// There is not a single frame.
    #[error("there is no frame")]
    None,
    /// There are more bytes than a program can have.
    #[error("{0} bytes of frames are more than a program can have")]
    TooMany(usize),
    /// A frame's size is none that a frame can have.
    #[error("the frame that ends at byte {end} has a size of {size}")]
    Size {
        /// Behind its last byte.
        end: usize,
        /// What it says its size is.
        size: u32,
    },
}

/// Returns the frames that `bytes` hold, the outermost first.
///
/// This looks at the frames' sizes alone. What a frame holds is looked at by the continuation of its site, which traps
/// if the size is not its own, or if the next frame's function is of another type than the one it called.
///
/// # Errors
///
/// Fails unless the bytes are frames one behind the other and nothing else.
pub fn frames(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    if bytes.len() > (CONTROL_PAGES as usize - 1) << 16 {
        return Err(FrameError::TooMany(bytes.len()));
    }
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let Some((_, [a, b, c, d, e, f, g, h])) = rest.split_last_chunk() {
        let (site, size) = (u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*e, *f, *g, *h]));
        let end = rest.len();
        if size < TRAILER_BYTES || size % 8 != 0 || size as usize > end {
            return Err(FrameError::Size { end, size });
        }
        frames.push(Frame { site: Site(site), trailer: end - TRAILER_BYTES as usize });
        rest = &rest[..end - size as usize];
    }
    match rest.len() {
        0 if frames.is_empty() => Err(FrameError::None),
        0 => Ok(frames),
        end => Err(FrameError::Size { end, size: 0 }),
    }
}
