//! Moving arguments and results through a guest's memory.

use std::borrow::Cow;

use stillbox_kernel::Errno;
use wiggle::{GuestMemory, GuestPtr};

use crate::process::hold::Held;
use crate::wasi::abi::{Error, Result, types};

/// How many buffers one read or write may name, as on Linux.
const IOVECS_MAX: u32 = 1024;

/// Returns the bytes of guest memory that a buffer is.
///
/// # Errors
///
/// [`Errno::Fault`] if it isn't inside the memory; [`Errno::Nosys`] if that is shared, which no guest's is.
pub(super) fn slice_mut<'m>(memory: &'m mut GuestMemory<'_>, buf: GuestPtr<u8>, len: u32) -> Result<&'m mut [u8]> {
    Ok(memory.as_slice_mut(buf.as_array(len))?.ok_or(Errno::Nosys)?)
}

/// Returns a path or another string of the guest.
pub(super) fn path<'m>(memory: &'m GuestMemory<'_>, path: GuestPtr<str>) -> Result<Cow<'m, str>> {
    Ok(memory.as_cow_str(path)?)
}

/// Writes bytes to the guest's memory.
pub(super) fn write_bytes(memory: &mut GuestMemory<'_>, to: GuestPtr<u8>, bytes: &[u8]) -> Result<()> {
    let len = u32::try_from(bytes.len()).map_err(|_| Errno::Overflow)?;
    Ok(memory.copy_from_slice(bytes, to.as_array(len))?)
}

/// Returns how many strings there are and how many bytes they take with a NUL behind each.
pub(super) fn strings_size(strings: &[String]) -> Result<(u32, u32)> {
    let bytes: usize = strings.iter().map(|string| string.len() + 1).sum();
    let size = |value: usize| u32::try_from(value).map_err(|_| Errno::Overflow);
    Ok((size(strings.len())?, size(bytes)?))
}

/// Writes strings with a NUL behind each, and a pointer to each.
pub(super) fn write_strings(
    memory: &mut GuestMemory<'_>,
    mut pointers: GuestPtr<GuestPtr<u8>>,
    mut buf: GuestPtr<u8>,
    strings: &[String],
) -> Result<()> {
    for string in strings {
        memory.write(pointers, buf)?;
        pointers = pointers.add(1)?;
        write_bytes(memory, buf, string.as_bytes())?;
        let len = u32::try_from(string.len()).map_err(|_| Errno::Overflow)?;
        memory.write(buf.add(len)?, 0)?;
        buf = buf.add(len)?.add(1)?;
    }
    Ok(())
}

/// Reads an array of pointers to NUL-terminated strings, at most as many bytes as are `left`, and counts those down.
///
/// # Errors
///
/// [`Errno::TooBig`] past the bound, [`Errno::Ilseq`] for what isn't UTF-8.
pub(super) fn read_strings(
    memory: &GuestMemory<'_>,
    pointers: GuestPtr<[GuestPtr<u8>]>,
    left: &mut u32,
) -> Result<Vec<String>> {
    if pointers.len() > *left {
        return Err(Errno::TooBig.into());
    }
    let mut strings = Vec::new();
    for pointer in pointers.iter() {
        let string = read_c_string(memory, memory.read(pointer?)?, *left as usize)?;
        *left -= string.len() as u32 + 1;
        strings.push(string);
    }
    Ok(strings)
}

fn read_c_string(memory: &GuestMemory<'_>, start: GuestPtr<u8>, bytes_max: usize) -> Result<String> {
    /// Strings are looked through in parts, since how far the memory goes is not known here.
    const PART: u32 = 64;

    let mut bytes = Vec::new();
    let mut at = start;
    loop {
        // Near the end of the memory a whole part isn't there any more; then it is byte by byte.
        let part = match memory.as_cow(at.as_array(PART)) {
            Ok(part) => part,
            Err(_) => memory.as_cow(at.as_array(1))?,
        };
        let end = part.iter().position(|&byte| byte == 0);
        bytes.extend_from_slice(&part[..end.unwrap_or(part.len())]);
        if bytes.len() >= bytes_max {
            return Err(Errno::TooBig.into());
        }
        if end.is_some() {
            return String::from_utf8(bytes).map_err(|_| Errno::Ilseq.into());
        }
        at = at.add(part.len() as u32)?;
    }
}

/// Fills the guest's buffers in turn by `read`, which is told how many bytes there are already, until it gives less than
/// a buffer holds. What was read before an error counts.
pub(super) fn read_into(
    memory: &mut GuestMemory<'_>,
    iovs: types::IovecArray,
    mut read: impl FnMut(&mut [u8], u64) -> Result<usize>,
) -> Result<u32> {
    if iovs.len() > IOVECS_MAX {
        return Err(Errno::Inval.into());
    }
    let mut total: u32 = 0;
    for iov in iovs.iter() {
        let iov: types::Iovec = memory.read(iov?)?;
        if iov.buf_len == 0 {
            continue;
        }
        let buf = slice_mut(memory, iov.buf, iov.buf_len)?;
        match read(buf, total.into()) {
            Ok(count) => {
                total = total.checked_add(count as u32).ok_or(Errno::Overflow)?;
                if count < iov.buf_len as usize {
                    break;
                }
            }
            Err(error) => return cut_short(total, error),
        }
    }
    Ok(total)
}

/// Gives the guest's buffers in turn to `write`, which is told how many bytes went before, until it takes less than a
/// buffer holds. What was written before an error counts.
pub(super) fn write_from(
    memory: &GuestMemory<'_>,
    iovs: types::CiovecArray,
    mut write: impl FnMut(&[u8], u64) -> Result<usize>,
) -> Result<u32> {
    if iovs.len() > IOVECS_MAX {
        return Err(Errno::Inval.into());
    }
    let mut total: u32 = 0;
    for iov in iovs.iter() {
        let iov: types::Ciovec = memory.read(iov?)?;
        if iov.buf_len == 0 {
            continue;
        }
        let buf = memory.as_cow(iov.buf.as_array(iov.buf_len))?;
        match write(&buf, total.into()) {
            Ok(count) => {
                total = total.checked_add(count as u32).ok_or(Errno::Overflow)?;
                if count < buf.len() {
                    break;
                }
            }
            Err(error) => return cut_short(total, error),
        }
    }
    Ok(total)
}

/// Returns what a call says that failed after `total` bytes. An error number is left for the next call to find, and so is
/// that the process is to stand still; the end of the process isn't, or the guest would go on as if nothing had ended it.
fn cut_short(total: u32, error: Error) -> Result<u32> {
    if total == 0 {
        return Err(error);
    }
    match error.downcast() {
        Err(error) if !error.is::<Held>() => Err(Error::trap(error)),
        _ => Ok(total),
    }
}
