//! The compressed formats, as readers and writers.

use std::io::{self, BufReader, Read, Write};

/// The number of Unix in a gzip header.
const UNIX: u8 = 3;

/// A compressed format.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Format {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Format {
    /// Returns the format that a file's first bytes tell.
    pub fn detect(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns the format that a file's name tells.
    pub fn of_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "gz" | "tgz" | "taz" => Some(Self::Gzip),
            "bz2" | "tbz" | "tbz2" | "tz2" => Some(Self::Bzip2),
            "xz" | "txz" => Some(Self::Xz),
            "zst" | "tzst" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns the program's name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }

    /// Returns the suffix of compressed files, with its dot.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Bzip2 => ".bz2",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
        }
    }

    /// Returns a reader of what `input` holds compressed; several streams one after the other count as one.
    pub fn reader<'a>(self, input: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        let input = BufReader::new(input);
        Ok(match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
            Self::Xz => Box::new(lzma_rust2::XzReader::new(input, true)),
            Self::Zstd => Box::new(ZstdReader { input, decoder: None }),
        })
    }

    /// Compresses all of `input` into `output`.
    pub fn compress(self, input: &mut dyn Read, output: &mut dyn Write, level: u32) -> io::Result<()> {
        match self {
            Self::Gzip => {
                let level = flate2::Compression::new(level.min(9));
                let mut encoder = flate2::GzBuilder::new().operating_system(UNIX).write(output, level);
                io::copy(input, &mut encoder)?;
                encoder.finish()?.flush()
            }
            Self::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(output, bzip2::Compression::new(level.clamp(1, 9)));
                io::copy(input, &mut encoder)?;
                encoder.finish()?.flush()
            }
            Self::Xz => {
                let mut encoder = lzma_rust2::XzWriter::new(output, lzma_rust2::XzOptions::with_preset(level.min(9)))?;
                io::copy(input, &mut encoder)?;
                encoder.finish()?.flush()
            }
            Self::Zstd => {
                // The encoder has this one level, and panics where a writer fails: it writes to memory.
                let bytes = ruzstd::encoding::compress_to_vec(input, ruzstd::encoding::CompressionLevel::Fastest);
                output.write_all(&bytes)?;
                output.flush()
            }
        }
    }
}

/// Reads zstd frames one after the other.
struct ZstdReader<R: Read> {
    input: BufReader<R>,
    decoder: Option<Box<ruzstd::decoding::FrameDecoder>>,
}

impl<R: Read> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use io::BufRead;
        use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
        if buffer.is_empty() {
            return Ok(0);
        }
        let invalid =
            |error: ruzstd::decoding::errors::FrameDecoderError| io::Error::new(io::ErrorKind::InvalidData, error);
        loop {
            if self.decoder.as_ref().is_none_or(|decoder| decoder.is_finished() && decoder.can_collect() == 0) {
                if self.input.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                let mut decoder = self.decoder.take().unwrap_or_else(|| Box::new(FrameDecoder::new()));
                decoder.reset(&mut self.input).map_err(invalid)?;
                self.decoder = Some(decoder);
            }
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            if decoder.can_collect() == 0 && !decoder.is_finished() {
                decoder.decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBytes(1 << 17)).map_err(invalid)?;
            }
            let count = decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_read_what_they_wrote() {
        let text: Vec<u8> = (0..100_000_u32).flat_map(|number| (number % 251).to_string().into_bytes()).collect();
        for format in [Format::Gzip, Format::Bzip2, Format::Xz, Format::Zstd] {
            let mut packed = Vec::new();
            format.compress(&mut text.as_slice(), &mut packed, 6).expect("compresses");
            assert_eq!(Format::detect(&packed), Some(format));
            // Two streams are read as one.
            let twice = [packed.clone(), packed].concat();
            let mut unpacked = Vec::new();
            format.reader(twice.as_slice()).expect("a reader").read_to_end(&mut unpacked).expect("decompresses");
            assert_eq!(unpacked, [text.clone(), text.clone()].concat(), "{format:?}");
            let cut = &twice[..twice.len() - 20];
            assert!(
                format.reader(cut).and_then(|mut reader| reader.read_to_end(&mut Vec::new())).is_err(),
                "{format:?}"
            );
        }
    }
}
