//! Running commands.

mod compound;
mod external;
mod function;
mod pipeline;
mod simple;
mod test;

pub use external::{DEFAULT_PATH, find_in_path, is_executable};
pub use pipeline::minutes;

use stillbox_sys as sys;

use crate::shell::{Flow, Shell, Unwind};
use crate::syntax::ast::{AndOr, Command, Connector, Item, List, Pipeline};
use crate::trap::Trap;

/// How deeply commands may run inside of each other, through functions, `eval` and files; each level takes stack.
const MAX_DEPTH: u32 = 2400;

impl Shell {
    /// Runs commands one after the other and returns the status of the last.
    pub fn run_list(&mut self, list: &List) -> Flow<i32> {
        let mut status = 0;
        for item in list {
            status = self.run_item(item)?;
        }
        Ok(status)
    }

    fn run_item(&mut self, item: &Item) -> Flow<i32> {
        if self.options.noexec && !self.interactive {
            return Ok(0);
        }
        let status =
            if item.background { self.start_background(&item.and_or)? } else { self.run_and_or(&item.and_or)? };
        self.status = status;
        self.run_pending_traps()?;
        Ok(status)
    }

    fn run_and_or(&mut self, and_or: &AndOr) -> Flow<i32> {
        let mut status = self.run_checked(&and_or.first, and_or.rest.is_empty())?;
        for (at, (connector, pipeline)) in and_or.rest.iter().enumerate() {
            self.status = status;
            if (status == 0) == (*connector == Connector::And) {
                status = self.run_checked(pipeline, at + 1 == and_or.rest.len())?;
            }
        }
        Ok(status)
    }

    /// Runs a pipeline, and acts on its failure as `set -e` and `trap .. ERR` ask if it is the last of its list.
    fn run_checked(&mut self, pipeline: &Pipeline, last: bool) -> Flow<i32> {
        let unchecked = !last || pipeline.negated;
        if unchecked {
            return self.unchecked(|shell| shell.run_pipeline(pipeline));
        }
        let status = self.run_pipeline(pipeline)?;
        if status != 0 && self.unchecked == 0 && can_fail(pipeline) {
            self.status = status;
            self.run_trap(Trap::Error)?;
            if self.options.errexit {
                return Err(Unwind::Exit(status));
            }
        }
        Ok(status)
    }

    /// Runs something whose failure is looked at, so that `set -e` does not act on it.
    pub fn unchecked<T>(&mut self, run: impl FnOnce(&mut Shell) -> Flow<T>) -> Flow<T> {
        self.unchecked += 1;
        let result = run(self);
        self.unchecked -= 1;
        result
    }

    /// Runs one command of a pipeline in this process.
    pub fn run_command(&mut self, command: &Command) -> Flow<i32> {
        if self.depth >= MAX_DEPTH {
            let name = self.calls.last().map_or_else(|| "sh".to_owned(), |call| call.function.clone());
            self.error(format_args!("{name}: maximum function nesting level exceeded ({MAX_DEPTH})"));
            return Err(Unwind::Abort(1));
        }
        self.depth += 1;
        let result = match command {
            Command::Simple(simple) => self.run_simple(simple),
            Command::Compound(compound) => self.run_compound(compound),
            Command::Function(function) => {
                std::rc::Rc::make_mut(&mut self.functions).insert(function.name.clone(), std::rc::Rc::clone(function));
                Ok(0)
            }
        };
        self.depth -= 1;
        result
    }

    /// Turns the ways of leaving a whole shell into its status.
    pub fn finish(&mut self, result: Flow<i32>) -> i32 {
        let status = match result {
            Ok(status) | Err(Unwind::Exit(status) | Unwind::Abort(status) | Unwind::Return(status)) => status,
            Err(Unwind::Break(_) | Unwind::Continue(_)) => self.status,
        };
        self.status = status;
        if let Some(command) = self.traps.remove(&Trap::Exit)
            && !command.is_empty()
        {
            let result = self.run_text(&command);
            self.status = match result {
                Err(Unwind::Exit(status)) => status,
                _ => status,
            };
        }
        self.status
    }

    /// Prints a message about a process that a signal killed.
    fn report_death(&self, pid: sys::Pid, status: sys::Status, pipeline: &Pipeline) {
        if let sys::Status::Signaled(signal) = status
            && !matches!(signal, 2 | 13)
            && let Some(description) = sys::signal_description(signal)
        {
            let text = crate::syntax::pipeline_text(pipeline);
            self.error(format_args!("{pid} {description:<24}{text}"));
        }
    }
}

/// Returns whether a failure of the pipeline is one by itself, not only that of a command inside of it.
fn can_fail(pipeline: &Pipeline) -> bool {
    use crate::syntax::ast::CompoundKind;
    match pipeline.commands.as_slice() {
        [Command::Compound(compound)] => {
            matches!(compound.kind, CompoundKind::Subshell(_) | CompoundKind::Arith(_) | CompoundKind::Test(_))
                || !compound.redirects.is_empty()
        }
        [] => false,
        _ => true,
    }
}
