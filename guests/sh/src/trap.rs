//! Traps: commands for signals and for events of the shell.

use serde::{Deserialize, Serialize};
use stillbox_sys::{self as sys, Disposition, Signal};

use crate::shell::{Flow, Shell, Unwind};

/// Is what a trap waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trap {
    Exit,
    Signal(Signal),
    Debug,
    Error,
    Return,
}

impl Trap {
    /// Returns the trap for `EXIT`, `SIGINT`, `2`, ...
    pub fn parse(name: &str) -> Option<Trap> {
        match name.to_ascii_uppercase().as_str() {
            "EXIT" | "0" => Some(Trap::Exit),
            "ERR" => Some(Trap::Error),
            "DEBUG" => Some(Trap::Debug),
            "RETURN" => Some(Trap::Return),
            _ => sys::signal_number(name).filter(|n| (1..=31).contains(n)).map(Trap::Signal),
        }
    }

    /// Returns the name that `trap -p` shows.
    pub fn name(self) -> String {
        match self {
            Trap::Exit => "EXIT".to_owned(),
            Trap::Error => "ERR".to_owned(),
            Trap::Debug => "DEBUG".to_owned(),
            Trap::Return => "RETURN".to_owned(),
            Trap::Signal(signal) => format!("SIG{}", sys::signal_name(signal).unwrap_or("?")),
        }
    }
}

impl Shell {
    /// Sets a trap; `None` brings back the default, and an empty command ignores.
    pub fn set_trap(&mut self, trap: Trap, command: Option<&str>) {
        if let Trap::Signal(signal) = trap {
            let disposition = match command {
                None => Disposition::Default,
                Some("") => Disposition::Ignore,
                Some(_) => Disposition::Catch,
            };
            // KILL and STOP cannot be caught, which bash does not complain about either.
            let _ = sys::signal_action(signal, disposition);
        }
        match command {
            Some(command) => drop(self.traps.insert(trap, command.to_owned())),
            None => drop(self.traps.remove(&trap)),
        }
    }

    /// Runs the commands of the signals that have arrived.
    pub fn run_pending_traps(&mut self) -> Flow<()> {
        if self.in_trap {
            return Ok(());
        }
        for signal in sys::take_pending_signals() {
            self.run_trap(Trap::Signal(signal))?;
            if signal == 2 && self.interactive && !self.traps.contains_key(&Trap::Signal(2)) {
                let _ = sys::write_all(2, b"\n");
                return Err(Unwind::Abort(130));
            }
        }
        Ok(())
    }

    /// Runs the command of a trap; `$?` stays what it was.
    pub fn run_trap(&mut self, trap: Trap) -> Flow<()> {
        if self.in_trap {
            return Ok(());
        }
        // Functions do not take part in these two unless asked to.
        let inherits = match trap {
            Trap::Error => self.options.errtrace,
            Trap::Debug => self.options.functrace,
            _ => true,
        };
        if !inherits && self.calls.iter().any(|call| !call.sourced) {
            return Ok(());
        }
        let Some(command) = self.traps.get(&trap).cloned().filter(|c| !c.is_empty()) else { return Ok(()) };
        let (status, line) = (self.status, self.line);
        self.in_trap = true;
        let result = self.run_text(&command);
        self.in_trap = false;
        self.status = status;
        self.line = line;
        result.map(drop)
    }

    /// Forgets the traps of the parent, as a subshell does; ignored signals stay ignored.
    pub fn reset_traps(&mut self) {
        let errtrace = self.options.errtrace;
        self.traps.retain(|trap, command| {
            (matches!(trap, Trap::Signal(_)) && command.is_empty()) || (*trap == Trap::Error && errtrace)
        });
    }
}
