//! Putting right the hashes of a checkpoint that was changed, so that what lies behind them is tried.

/// Makes the hashes of the sections and of the header those of their bytes, as far as the lengths make sense.
pub fn reseal(bytes: &mut [u8]) {
    let number = |bytes: &[u8], at: usize, width: usize| {
        let number = bytes.get(at..at + width)?;
        Some(number.iter().rev().fold(0, |number: u64, byte| number << 8 | u64::from(*byte)))
    };
    let Some(count) = number(bytes, 12, 4).filter(|count| *count <= 8) else { return };
    let header = 16 + count as usize * 48;
    let mut start = header + 32;
    for line in (16..header).step_by(48) {
        let Some(len) = number(bytes, line + 8, 8) else { return };
        let Some(end) = usize::try_from(len).ok().and_then(|len| start.checked_add(len)) else { break };
        let Some(section) = bytes.get(start..end) else { break };
        let hash = *blake3::hash(section).as_bytes();
        bytes[line + 16..line + 48].copy_from_slice(&hash);
        start = end;
    }
    let Some(hashed) = bytes.get(..header) else { return };
    let hash = *blake3::hash(hashed).as_bytes();
    if let Some(place) = bytes.get_mut(header..header + 32) {
        place.copy_from_slice(&hash);
    }
}
