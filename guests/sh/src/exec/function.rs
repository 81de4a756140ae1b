//! Calls of functions.

use std::rc::Rc;

use crate::shell::{Call, Flow, Shell, Unwind};
use crate::syntax::ast::Function;
use crate::trap::Trap;

impl Shell {
    /// Calls a function; the first argument is its name.
    pub fn call_function(&mut self, function: &Rc<Function>, arguments: &[String]) -> Flow<i32> {
        let params = std::mem::replace(&mut self.params, Rc::new(arguments.iter().skip(1).cloned().collect()));
        let (loops, line) = (std::mem::take(&mut self.loops), self.line);
        self.calls.push(Call {
            function: function.name.clone(),
            source: function.source.clone(),
            line,
            sourced: false,
        });
        self.vars.push_frame();
        let mut result = self.run_command(&function.body);
        if let Err(Unwind::Return(status)) = result {
            self.status = status;
            result = Ok(status);
        }
        if result.is_ok() && self.traps.contains_key(&Trap::Return) && self.options.functrace {
            self.run_trap(Trap::Return)?;
        }
        self.vars.pop_frame();
        self.calls.pop();
        self.loops = loops;
        self.line = line;
        self.params = params;
        result
    }
}
