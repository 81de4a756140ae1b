//! Data segments, taken out of a module: what its memories hold at first becomes an image that every instance maps.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use wasm_encoder::{ConstExpr, DataSection, RawSection};
use wasmparser::{BinaryReaderError, Data, DataKind, MemoryType, Operator, Parser, Payload, TypeRef};

use crate::memory::Image;
use crate::program::ProgramError;

/// The first contents of a module's memories, by index.
type Images = Vec<Option<Arc<Image>>>;

/// Returns the module without the contents of its active segments, and images of its memories that hold them.
///
/// The segments stay, empty, so that their numbers and the effects of `memory.init` and `data.drop` are the same. A module
/// whose segments can't be placed beforehand is returned as it is, with no image.
///
/// # Errors
///
/// [`ProgramError::Invalid`] if the module can't be parsed, or the system has no memory for the images.
pub(super) fn split(wasm: &[u8]) -> Result<(Cow<'_, [u8]>, Images), ProgramError> {
    let invalid = |error: BinaryReaderError| ProgramError::Invalid(error.message().to_owned());
    let Some(module) = Segmented::parse(wasm).map_err(invalid)? else { return Ok((wasm.into(), Vec::new())) };
    let images = module.images().map_err(|error| ProgramError::Invalid(format!("no memory for its data: {error}")))?;
    Ok((module.emptied(wasm).map_err(invalid)?.into(), images))
}

/// A module whose active segments all have a known place.
struct Segmented<'a> {
    memories: Vec<MemoryType>,
    segments: Vec<Data<'a>>,
    /// Where each active segment goes, by its number: a memory and an offset.
    places: Vec<Option<(u32, u64)>>,
}

impl<'a> Segmented<'a> {
    /// Returns the module's segments, or `None` if there are none or the place of one isn't known.
    fn parse(wasm: &'a [u8]) -> Result<Option<Self>, BinaryReaderError> {
        let mut memories = Vec::new();
        let mut segments = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        // What an imported memory holds is not ours to say.
                        if let TypeRef::Memory(_) = import?.ty {
                            return Ok(None);
                        }
                    }
                }
                Payload::MemorySection(section) => memories = section.into_iter().collect::<Result<_, _>>()?,
                Payload::DataSection(section) => segments = section.into_iter().collect::<Result<_, _>>()?,
                _ => {}
            }
        }
        let places: Option<Vec<_>> = segments.iter().map(|segment| place(segment, &memories)).collect();
        Ok(places.filter(|places| !places.is_empty()).map(|places| Self { memories, segments, places }))
    }

    fn images(&self) -> io::Result<Images> {
        let image = |memory| {
            let contents = self.places.iter().zip(&self.segments).filter_map(|(place, segment)| match place {
                Some((of, at)) if *of == memory && !segment.data.is_empty() => Some((*at, segment.data)),
                _ => None,
            });
            let end = contents.clone().map(|(at, bytes)| at as usize + bytes.len()).max();
            end.map(|end| Image::of_segments(end, contents)).transpose()
        };
        (0..self.memories.len() as u32).map(image).collect()
    }

    /// Returns the module with nothing in its active segments.
    fn emptied(&self, wasm: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
        let mut module = wasm_encoder::Module::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            if let Payload::DataSection(_) = payload {
                let mut data = DataSection::new();
                for (place, segment) in self.places.iter().zip(&self.segments) {
                    match place {
                        None => data.passive(segment.data.iter().copied()),
                        Some((memory, _)) if self.memories[*memory as usize].memory64 => {
                            data.active(*memory, &ConstExpr::i64_const(0), [])
                        }
                        Some((memory, _)) => data.active(*memory, &ConstExpr::i32_const(0), []),
                    };
                }
                module.section(&data);
            } else if let Some((id, range)) = payload.as_section() {
                module.section(&RawSection { id, data: &wasm[range] });
            }
        }
        Ok(module.finish())
    }
}

/// Returns where a segment goes; an inner `None` is a passive segment, an outer one a place that only an instance knows,
/// or that lies outside of its memory, which fails an instance.
fn place(segment: &Data<'_>, memories: &[MemoryType]) -> Option<Option<(u32, u64)>> {
    let DataKind::Active { memory_index, offset_expr } = &segment.kind else { return Some(None) };
    let mut operators = offset_expr.get_operators_reader();
    let at = match operators.read().ok()? {
        Operator::I32Const { value } => u64::from(value as u32),
        Operator::I64Const { value } => value as u64,
        _ => return None,
    };
    // A longer expression computes its value.
    if !matches!(operators.read().ok()?, Operator::End) {
        return None;
    }
    let memory = memories.get(*memory_index as usize)?;
    let size = memory.initial.checked_mul(1 << memory.page_size_log2.unwrap_or(16))?;
    let end = at.checked_add(segment.data.len() as u64)?;
    (end <= size).then_some(Some((*memory_index, at)))
}

#[cfg(test)]
mod tests;
