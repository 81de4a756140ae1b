//! Where in a rewritten module its state is.

use wasmtime::{ExternType, Module, ModuleExport, Mutability};

use super::HostError;
use crate::names;
use crate::value::RefKind;

/// The exports of a rewritten module that a host needs, looked up once and for all its instances.
#[derive(Clone)]
pub struct Exports {
    pub(super) control: ModuleExport,
    pub(super) start: Option<ModuleExport>,
    pub(super) stack: Option<Stack>,
}

/// What is there only if the stack can be saved.
#[derive(Clone)]
pub(super) struct Stack {
    pub(super) unwinding: ModuleExport,
    pub(super) pointer: ModuleExport,
    pub(super) references: Vec<References>,
    pub(super) memories: Vec<ModuleExport>,
    /// The mutable ones, with their indices.
    pub(super) globals: Vec<(u32, ModuleExport)>,
    /// All of them, if references to functions can get to where they were not at the start; else none.
    pub(super) tables: Vec<ModuleExport>,
    /// The functions that references are to, with their indices.
    pub(super) functions: Vec<(u32, ModuleExport)>,
    /// The functions that drop a segment, with the indices of the globals that say so.
    pub(super) drops: Vec<(u32, ModuleExport)>,
}

/// The references of one kind in frames.
#[derive(Clone)]
pub(super) struct References {
    pub(super) kind: RefKind,
    pub(super) table: ModuleExport,
    pub(super) count: ModuleExport,
}

impl Exports {
    /// Looks the exports of `module` up.
    ///
    /// # Errors
    ///
    /// Fails if the module comes neither from [`Analysis::rewrite`](crate::Analysis::rewrite) nor from
    /// [`polling`](crate::polling).
    pub fn of(module: &Module) -> Result<Self, HostError> {
        let find = |name| module.get_export_index(name);
        let control = find(names::CONTROL).ok_or(HostError::NotRewritten(names::CONTROL))?;
        let stack = match (find(names::UNWINDING), find(names::POINTER)) {
            (Some(unwinding), Some(pointer)) => Some(Stack::of(module, unwinding, pointer)),
            _ => None,
        };
        Ok(Self { control, start: find(names::START), stack })
    }

    /// Returns whether the module's stack can be saved; if not, it can only be stopped.
    pub fn is_capturable(&self) -> bool {
        self.stack.is_some()
    }
}

impl Stack {
    fn of(module: &Module, unwinding: ModuleExport, pointer: ModuleExport) -> Self {
        let find = |name: &str| module.get_export_index(name);
        let references = RefKind::ALL.iter().filter_map(|&kind| {
            let (table, count) = (find(names::REFS[kind as usize])?, find(names::COUNT[kind as usize])?);
            Some(References { kind, table, count })
        });
        let numbered = |prefix: &str, wanted: fn(&ExternType) -> bool| {
            let mut found = Vec::new();
            for export in module.exports() {
                let Some(Ok(number)) = export.name().strip_prefix(prefix).map(str::parse) else { continue };
                if wanted(&export.ty()) {
                    found.extend(find(export.name()).map(|place| (number, place)));
                }
            }
            found.sort_unstable_by_key(|(number, _)| *number);
            found
        };
        let unnumbered = |found: Vec<(u32, ModuleExport)>| found.into_iter().map(|(_, export)| export).collect();
        let moves = find(names::MOVES).is_some();
        let if_moves =
            |prefix, wanted: fn(&ExternType) -> bool| if moves { numbered(prefix, wanted) } else { Vec::new() };
        let mutable = |ty: &ExternType| ty.global().is_some_and(|ty| ty.mutability() == Mutability::Var);
        Self {
            unwinding,
            pointer,
            references: references.collect(),
            memories: unnumbered(numbered(names::MEMORY, |ty| ty.memory().is_some())),
            globals: numbered(names::GLOBAL, mutable),
            tables: unnumbered(if_moves(names::TABLE, |ty| ty.table().is_some())),
            functions: if_moves(names::FUNCTION, |ty| ty.func().is_some()),
            drops: numbered(names::DROP, |ty| ty.func().is_some()),
        }
    }
}
