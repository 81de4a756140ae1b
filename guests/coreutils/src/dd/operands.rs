//! The command line of `dd`.

use std::ffi::OsString;

/// What is copied, and how.
pub struct Operands {
    pub input: Option<String>,
    pub output: Option<String>,
    pub input_block: usize,
    pub output_block: usize,
    /// Whether `bs` was given, so that each block is written as it was read.
    pub same_block: bool,
    pub count: Option<u64>,
    pub count_bytes: bool,
    skip: u64,
    skip_bytes: bool,
    seek: u64,
    seek_bytes: bool,
    pub full_blocks: bool,
    pub append: bool,
    pub no_truncate: bool,
    pub no_create: bool,
    pub exclusive: bool,
    pub no_error: bool,
    pub pad: bool,
    pub sync: bool,
    upper: bool,
    lower: bool,
    swap: bool,
    pub status: Status,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Status {
    All,
    NoTransfer,
    None,
}

impl Operands {
    /// Reads operands of the form `name=value`.
    pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut operands = Self::new();
        for argument in arguments {
            let argument = argument.to_string_lossy().into_owned();
            match argument.split_once('=') {
                Some((name, value)) => operands.set(name, value)?,
                None => return Err(format!("unrecognized operand '{argument}'")),
            }
        }
        Ok(operands)
    }

    fn new() -> Self {
        Self {
            input: None,
            output: None,
            input_block: 512,
            output_block: 512,
            same_block: false,
            count: None,
            count_bytes: false,
            skip: 0,
            skip_bytes: false,
            seek: 0,
            seek_bytes: false,
            full_blocks: false,
            append: false,
            no_truncate: false,
            no_create: false,
            exclusive: false,
            no_error: false,
            pad: false,
            sync: false,
            upper: false,
            lower: false,
            swap: false,
            status: Status::All,
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "if" => self.input = Some(value.to_owned()),
            "of" => self.output = Some(value.to_owned()),
            "bs" => {
                self.input_block = block(value)?;
                self.output_block = self.input_block;
                self.same_block = true;
            }
            // `bs` wins over these, wherever it is.
            "ibs" if self.same_block => drop(block(value)?),
            "obs" if self.same_block => drop(block(value)?),
            "ibs" => self.input_block = block(value)?,
            "obs" => self.output_block = block(value)?,
            "count" => (self.count, self.count_bytes) = amount(value, self.count_bytes).map(|(n, b)| (Some(n), b))?,
            "skip" | "iseek" => (self.skip, self.skip_bytes) = amount(value, self.skip_bytes)?,
            "seek" | "oseek" => (self.seek, self.seek_bytes) = amount(value, self.seek_bytes)?,
            "conv" => value.split(',').try_for_each(|word| self.conversion(word))?,
            "iflag" | "oflag" => value.split(',').try_for_each(|word| self.flag(name, word))?,
            "status" => {
                self.status = match value {
                    "none" => Status::None,
                    "noxfer" => Status::NoTransfer,
                    // Progress is what the end says: nothing measures time while a block is on its way.
                    "progress" => Status::All,
                    _ => return Err(format!("invalid status level: '{value}'")),
                }
            }
            _ => return Err(format!("unrecognized operand '{name}={value}'")),
        }
        Ok(())
    }

    fn conversion(&mut self, word: &str) -> Result<(), String> {
        match word {
            "notrunc" => self.no_truncate = true,
            "nocreat" => self.no_create = true,
            "excl" => self.exclusive = true,
            "noerror" => self.no_error = true,
            "sync" => self.pad = true,
            "fsync" | "fdatasync" => self.sync = true,
            "ucase" => self.upper = true,
            "lcase" => self.lower = true,
            "swab" => self.swap = true,
            // Every file here is sparse where nothing was written, and zeros that were written stay.
            "sparse" => {}
            _ => return Err(format!("conversion is not supported: '{word}'")),
        }
        Ok(())
    }

    fn flag(&mut self, name: &str, word: &str) -> Result<(), String> {
        match word {
            "append" => self.append = true,
            "fullblock" => self.full_blocks = true,
            "count_bytes" => self.count_bytes = true,
            "skip_bytes" => self.skip_bytes = true,
            "seek_bytes" => self.seek_bytes = true,
            // They say how the host should go about it, which makes no difference here.
            "direct" | "dsync" | "sync" | "nonblock" | "noatime" | "nocache" | "noctty" | "nofollow" | "binary" => {}
            _ => return Err(format!("invalid {}put flag: '{word}'", if name == "iflag" { "in" } else { "out" })),
        }
        Ok(())
    }

    pub fn skip_in_bytes(&self) -> u64 {
        if self.skip_bytes { self.skip } else { self.skip.saturating_mul(self.input_block as u64) }
    }

    pub fn seek_in_bytes(&self) -> u64 {
        if self.seek_bytes { self.seek } else { self.seek.saturating_mul(self.output_block as u64) }
    }

    pub fn input_name(&self) -> &str {
        self.input.as_deref().unwrap_or("standard input")
    }

    pub fn output_name(&self) -> &str {
        self.output.as_deref().unwrap_or("standard output")
    }

    /// Changes the bytes of a block as `conv` says.
    pub fn convert(&self, block: &mut [u8]) {
        if self.upper {
            block.make_ascii_uppercase();
        }
        if self.lower {
            block.make_ascii_lowercase();
        }
        if self.swap {
            block.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
        }
    }
}

fn block(text: &str) -> Result<usize, String> {
    match number(text)? {
        0 => Err(format!("invalid number: '{text}'")),
        size => usize::try_from(size).map_err(|_| format!("'{text}': block is too large")),
    }
}

/// Reads a number of blocks, or of bytes if it ends with `B`.
fn amount(text: &str, bytes: bool) -> Result<(u64, bool), String> {
    let is_bytes = text.ends_with('B') && !text.ends_with("kB") && !text.ends_with("MB") && !text.ends_with("GB");
    Ok((number(text)?, bytes || is_bytes && !text.ends_with("iB")))
}

/// Reads a product of numbers with units, such as `2x1M`.
fn number(text: &str) -> Result<u64, String> {
    let invalid = || format!("invalid number: '{text}'");
    text.split('x').try_fold(1_u64, |product, factor| {
        let digits = factor.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(factor.len());
        let (value, unit) = factor.split_at(digits);
        let unit = match unit {
            "" | "c" | "B" => 1,
            "w" => 2,
            "b" => 512,
            "kB" | "KB" => 1000,
            "k" | "K" | "KiB" => 1 << 10,
            "MB" => 1_000_000,
            "M" | "MiB" => 1 << 20,
            "GB" => 1_000_000_000,
            "G" | "GiB" => 1 << 30,
            "TB" => 1_000_000_000_000,
            "T" | "TiB" => 1 << 40,
            _ => return Err(invalid()),
        };
        let value: u64 = value.parse().map_err(|_| invalid())?;
        value.checked_mul(unit).and_then(|value| product.checked_mul(value)).ok_or_else(invalid)
    })
}
