//! A parsed module: its declarations, and where its functions' bodies are.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use wasmparser::{
    BinaryReader, CompositeInnerType, ConstExpr, ElementItems, FuncToValidate, FuncType, FunctionBody, GlobalType,
    MemoryType, Operator, OperatorsReader, Parser, Payload, TableType, TagType, TypeRef, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};

use crate::CaptureError;

/// What a module may use that is to be captured: all that the engine accepts but garbage-collected and typed references.
pub(crate) const CAPTURABLE: WasmFeatures =
    WasmFeatures::WASM3.difference(WasmFeatures::GC).difference(WasmFeatures::FUNCTION_REFERENCES);

/// What a module may use that is only to be stopped: all that the engine accepts.
pub(crate) const RUNNABLE: WasmFeatures = WasmFeatures::WASM3;

/// A module's declarations.
#[derive(Default)]
pub(crate) struct Module {
    wasm: Arc<[u8]>,
    features: WasmFeatures,
    /// The types of functions; of other types, a function type without parameters and results.
    pub(crate) types: Vec<FuncType>,
    /// The imported functions' names.
    pub(crate) imports: Vec<(String, String)>,
    /// The functions' types, the imported ones' first.
    pub(crate) functions: Vec<u32>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) globals: Vec<GlobalType>,
    pub(crate) tags: Vec<TagType>,
    pub(crate) data_segments: u32,
    pub(crate) element_segments: u32,
    pub(crate) start: Option<u32>,
    /// The functions that something but an instruction refers to.
    pub(crate) referenced: HashSet<u32>,
    /// The exported names.
    pub(crate) exports: Vec<String>,
    bodies: Vec<Range<usize>>,
    resources: Option<ValidatorResources>,
}

impl Module {
    /// Parses `wasm`, and makes sure that it is valid.
    pub(crate) fn validated(wasm: Arc<[u8]>, features: WasmFeatures) -> Result<Self, CaptureError> {
        let module = Self::parsed(wasm, features)?;
        let mut allocations = Default::default();
        for defined in 0..module.bodies.len() {
            let Some((mut validator, body)) = module.validator(module.imported() + defined as u32, allocations)? else {
                break;
            };
            validator.validate(&body)?;
            allocations = validator.into_allocations();
        }
        Ok(module)
    }

    /// Parses `wasm`, and makes sure that everything is valid but the functions' bodies.
    pub(crate) fn parsed(wasm: Arc<[u8]>, features: WasmFeatures) -> Result<Self, CaptureError> {
        let mut module = Self { features, ..Self::default() };
        let mut validator = Validator::new_with_features(features);
        for payload in Parser::new(0).parse_all(&wasm) {
            let payload = payload?;
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                module.resources.get_or_insert(function.resources);
                module.bodies.push(body.range());
            }
            module.declare(payload)?;
        }
        module.wasm = wasm;
        Ok(module)
    }

    pub(crate) fn wasm(&self) -> &[u8] {
        &self.wasm
    }

    /// Returns how many functions are imported.
    pub(crate) fn imported(&self) -> u32 {
        self.imports.len() as u32
    }

    /// Returns the indices of the functions with a body.
    pub(crate) fn defined(&self) -> Range<u32> {
        self.imported()..self.functions.len() as u32
    }

    pub(crate) fn type_of(&self, function: u32) -> &FuncType {
        &self.types[self.functions[function as usize] as usize]
    }

    /// Returns the body of a defined function.
    pub(crate) fn body(&self, function: u32) -> FunctionBody<'_> {
        let range = self.bodies[(function - self.imported()) as usize].clone();
        FunctionBody::new(BinaryReader::new_features(&self.wasm[range.clone()], range.start, self.features))
    }

    /// Returns a validator for the body of a defined function, which gives its operands' types.
    pub(crate) fn validator(
        &self,
        function: u32,
        allocations: wasmparser::FuncValidatorAllocations,
    ) -> Result<Option<(wasmparser::FuncValidator<ValidatorResources>, FunctionBody<'_>)>, CaptureError> {
        let Some(resources) = &self.resources else { return Ok(None) };
        let ty = self.functions[function as usize];
        let to_validate = FuncToValidate { resources: resources.clone(), index: function, ty, features: self.features };
        Ok(Some((to_validate.into_validator(allocations), self.body(function))))
    }

    fn declare(&mut self, payload: Payload<'_>) -> Result<(), CaptureError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    self.types.extend(group?.into_types().map(|ty| match ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => ty,
                        _ => FuncType::new([], []),
                    }));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    self.declare_import(import.module, import.name, import.ty);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table?;
                    self.tables.push(table.ty);
                    if let wasmparser::TableInit::Expr(expression) = table.init {
                        self.refer(&expression)?;
                    }
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    self.tags.push(tag?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    self.globals.push(global.ty);
                    self.refer(&global.init_expr)?;
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    self.exports.push(export?.name.to_owned());
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for segment in section {
                    self.element_segments += 1;
                    self.refer_to_elements(segment?.items)?;
                }
            }
            Payload::DataSection(section) => self.data_segments = section.count(),
            _ => {}
        }
        Ok(())
    }

    fn declare_import(&mut self, module: &str, name: &str, ty: TypeRef) {
        match ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.imports.push((module.to_owned(), name.to_owned()));
                self.functions.push(ty);
            }
            TypeRef::Memory(ty) => self.memories.push(ty),
            TypeRef::Table(ty) => self.tables.push(ty),
            TypeRef::Global(ty) => self.globals.push(ty),
            TypeRef::Tag(ty) => self.tags.push(ty),
        }
    }

    fn refer_to_elements(&mut self, items: ElementItems<'_>) -> Result<(), CaptureError> {
        match items {
            ElementItems::Functions(functions) => {
                for function in functions {
                    self.referenced.insert(function?);
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions {
                    self.refer(&expression?)?;
                }
            }
        }
        Ok(())
    }

    fn refer(&mut self, expression: &ConstExpr<'_>) -> Result<(), CaptureError> {
        let mut operators: OperatorsReader<'_> = expression.get_operators_reader();
        while !operators.eof() {
            if let Operator::RefFunc { function_index } = operators.read()? {
                self.referenced.insert(function_index);
            }
        }
        Ok(())
    }
}
