//! Reading a function: what can't be reached is left out, and operands are saved to locals in time.

use wasmparser::{BlockType, FuncValidator, Operator, ValidatorResources};

use super::{Block, FRAME_VALUES_MAX, Function, OPERATORS_MAX, Placed, Save, SiteKind, SiteState, What};
use super::{begins_block, block_type};
use crate::analyze::Analysis;
use crate::value::Value;
use crate::{CaptureError, Site};

/// How many loops may be around each other: a site has a continuation for each of those around it.
const LOOPS_NESTED_MAX: u32 = 200;

pub(super) fn build(analysis: &Analysis, index: u32) -> Result<Function<'_>, CaptureError> {
    let holds_site = blocks_with_sites(analysis, index)?;
    let Some((mut validator, body)) = analysis.module.validator(index, Default::default())? else {
        return Err(CaptureError::Encoding(format!("function {index} has no body")));
    };
    validator.read_locals(&mut body.get_binary_reader())?;
    let mut builder = Builder::new(analysis, index, validator)?;
    let mut operators = body.get_operators_reader()?;
    let mut begun = 0;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        let holds_site = begins_block(&operator) && {
            begun += 1;
            holds_site[begun - 1]
        };
        builder.add(operator, offset, holds_site)?;
    }
    Ok(builder.function)
}

/// Returns for each block, in the order of their beginnings, whether there is a site in it.
fn blocks_with_sites(analysis: &Analysis, index: u32) -> Result<Vec<bool>, CaptureError> {
    let mut holds = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut operators = analysis.module.body(index).get_operators_reader()?;
    let mut count = 0;
    while !operators.eof() {
        let operator = operators.read()?;
        count += 1;
        if count > OPERATORS_MAX {
            return Err(too_large(index, "operators", OPERATORS_MAX));
        }
        if begins_block(&operator) {
            open.push(holds.len());
            holds.push(false);
        } else if matches!(operator, Operator::End) {
            open.pop();
        }
        if matches!(operator, Operator::Loop { .. }) || analysis.called(&operator).is_some() {
            // What is around a block that holds a site was marked when that block was.
            for &block in open.iter().rev() {
                if std::mem::replace(&mut holds[block], true) {
                    break;
                }
            }
        }
    }
    Ok(holds)
}

fn too_large(function: u32, what: &'static str, max: usize) -> CaptureError {
    CaptureError::FunctionTooLarge { function, what, max }
}

struct Builder<'a> {
    analysis: &'a Analysis,
    validator: FuncValidator<ValidatorResources>,
    function: Function<'a>,
    /// The blocks around the next operator, the innermost last.
    open: Vec<u32>,
    /// How many operands, from the bottom of the stack, are also in their locals.
    saved: u32,
    /// How many blocks are open that began in unreachable code.
    unreachable: u32,
    /// The number of the last loop or call, in reachable code or not.
    number: Site,
    /// How many of the open blocks are loops.
    loops: u32,
    /// How many operands all the sites have together.
    operands: usize,
}

impl<'a> Builder<'a> {
    fn new(
        analysis: &'a Analysis,
        index: u32,
        validator: FuncValidator<ValidatorResources>,
    ) -> Result<Self, CaptureError> {
        let ty = analysis.module.type_of(index);
        let value = |ty| value(index, ty);
        let locals = (0..validator.len_locals()).filter_map(|local| validator.get_local_type(local));
        let function = Function {
            index,
            parameters: ty.params().len() as u32,
            locals: locals.map(value).collect::<Result<_, _>>()?,
            results: ty.results().iter().copied().map(value).collect::<Result<_, _>>()?,
            operators: Vec::new(),
            blocks: vec![Block {
                start: 0,
                otherwise: None,
                end: 0,
                base: 0,
                parent: None,
                is_loop: false,
                ty: BlockType::Empty,
            }],
            sites: Vec::new(),
            starts_over: analysis.is_wrapper(index),
        };
        let mut builder = Self {
            analysis,
            validator,
            function,
            open: vec![0],
            saved: 0,
            unreachable: 0,
            number: analysis.first_site(index),
            loops: 0,
            operands: 0,
        };
        if analysis.is_polled_at_entry(index) {
            builder.add_poll()?;
        }
        Ok(builder)
    }

    /// Adds the next operator, unless it can't be reached.
    fn add(&mut self, operator: Operator<'a>, offset: usize, holds_site: bool) -> Result<(), CaptureError> {
        if matches!(operator, Operator::Loop { .. } | Operator::Call { .. } | Operator::CallIndirect { .. }) {
            self.number.0 += 1;
        }
        if self.skips(&operator) {
            return Ok(self.validator.op(offset, &operator)?);
        }
        let height = self.validator.operand_stack_height();
        let Some((pops, _)) = operator.operator_arity(&self.validator) else {
            return Err(CaptureError::Encoding(format!("the operands of {operator:?} are not known")));
        };
        // An `else` or `end` may come in unreachable code, and what it pops is not there.
        let below = height.saturating_sub(pops);
        let is_site = self.analysis.called(&operator).is_some();
        let save = if is_site || holds_site { self.save(below)? } else { None };
        let site = if is_site {
            let starts_over = self.function.starts_over;
            Some(self.add_site(below, if starts_over { SiteKind::Import } else { SiteKind::Call })?)
        } else {
            None
        };
        self.validator.op(offset, &operator)?;
        if self.loops > LOOPS_NESTED_MAX {
            return Err(too_large(self.function.index, "nested loops", LOOPS_NESTED_MAX as usize));
        }
        let block = match operator {
            Operator::Else => self.divide_block(),
            Operator::End => self.end_block(),
            _ => {
                self.saved = self.saved.min(below);
                self.begin_block(&operator)
            }
        };
        let begins_loop = matches!(operator, Operator::Loop { .. });
        self.function.operators.push(Placed { what: What::Wasm(operator), site, block, save });
        if begins_loop { self.add_poll() } else { Ok(()) }
    }

    /// Returns whether the next operator is in unreachable code, and keeps count of the blocks there.
    fn skips(&mut self, operator: &Operator<'_>) -> bool {
        let unreachable = self.validator.get_control_frame(0).is_some_and(|frame| frame.unreachable);
        if !unreachable && self.unreachable == 0 {
            return false;
        }
        match operator {
            Operator::End if self.unreachable == 0 => false,
            Operator::Else => self.unreachable > 0,
            Operator::End => {
                self.unreachable -= 1;
                true
            }
            operator => {
                self.unreachable += u32::from(begins_block(operator));
                true
            }
        }
    }

    /// Sees to it that the lowest `below` operands are in their locals, and returns what is to be done for it.
    fn save(&mut self, below: u32) -> Result<Option<Box<Save>>, CaptureError> {
        let first = self.saved;
        if first >= below {
            return Ok(None);
        }
        self.saved = below;
        let types = self.types(first, self.validator.operand_stack_height())?;
        Ok(Some(Box::new(Save { first, types })))
    }

    /// Returns the types of some operands, counted from the bottom of the stack.
    fn types(&self, from: u32, to: u32) -> Result<Vec<Value>, CaptureError> {
        let height = self.validator.operand_stack_height();
        let of = |operand: u32| match self.validator.get_operand_type((height - 1 - operand) as usize) {
            Some(Some(ty)) => value(self.function.index, ty),
            // Reachable code has no operand of unknown type.
            _ => Err(CaptureError::Encoding(format!("function {} has an operand of no type", self.function.index))),
        };
        (from..to).map(of).collect()
    }

    fn add_site(&mut self, operands: u32, kind: SiteKind) -> Result<u32, CaptureError> {
        self.operands += operands as usize;
        if self.operands > FRAME_VALUES_MAX {
            return Err(too_large(self.function.index, "operands at calls", FRAME_VALUES_MAX));
        }
        let block = self.open.last().copied().unwrap_or_default();
        let operands = self.types(0, operands)?;
        let at = self.function.operators.len();
        self.function.sites.push(SiteState { number: self.number, at, block, kind, operands, live: Vec::new() });
        Ok(self.function.sites.len() as u32 - 1)
    }

    fn add_poll(&mut self) -> Result<(), CaptureError> {
        let height = self.validator.operand_stack_height();
        let save = self.save(height)?;
        let site = Some(self.add_site(height, SiteKind::Poll)?);
        self.function.operators.push(Placed { what: What::Poll, site, block: 0, save });
        Ok(())
    }

    /// Opens the block that `operator` begins, if it begins one, and returns it.
    fn begin_block(&mut self, operator: &Operator<'_>) -> u32 {
        let Some(ty) = block_type(operator) else { return 0 };
        let parameters = self.parameters(ty);
        let is_loop = matches!(operator, Operator::Loop { .. });
        self.loops += u32::from(is_loop);
        self.function.blocks.push(Block {
            start: self.function.operators.len(),
            otherwise: None,
            end: 0,
            base: self.validator.operand_stack_height() - parameters,
            parent: self.open.last().copied(),
            is_loop,
            ty,
        });
        let block = self.function.blocks.len() as u32 - 1;
        self.open.push(block);
        block
    }

    fn divide_block(&mut self) -> u32 {
        let index = self.open.last().copied().unwrap_or_default();
        let block = &mut self.function.blocks[index as usize];
        block.otherwise = Some(self.function.operators.len());
        self.saved = self.saved.min(block.base);
        index
    }

    fn end_block(&mut self) -> u32 {
        let index = self.open.pop().unwrap_or_default();
        let block = &mut self.function.blocks[index as usize];
        self.loops -= u32::from(block.is_loop);
        block.end = self.function.operators.len();
        self.saved = self.saved.min(block.base);
        index
    }

    fn parameters(&self, ty: BlockType) -> u32 {
        match ty {
            BlockType::FuncType(ty) => self.analysis.module.types[ty as usize].params().len() as u32,
            _ => 0,
        }
    }
}

fn value(function: u32, ty: wasmparser::ValType) -> Result<Value, CaptureError> {
    Value::of(ty).ok_or_else(|| CaptureError::Encoding(format!("function {function} uses the type {ty}")))
}
