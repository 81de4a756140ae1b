//! The names of what a rewritten module exports, and of what continuations import.
//!
//! A number in a name is the index in the rewritten module.

/// How every name begins that the rewrite adds to a module's exports.
pub(crate) const PREFIX: &str = "stillbox:";

/// The memory with the control word and the frames.
pub(crate) const CONTROL: &str = "stillbox:control";
/// The global that is 1 while the stack unwinds.
pub(crate) const UNWINDING: &str = "stillbox:unwinding";
/// The global that holds the address behind the outermost frame.
pub(crate) const POINTER: &str = "stillbox:pointer";
/// The global that counts the references in the tables of a kind; one for each kind in use.
pub(crate) const COUNT: [&str; 3] = ["stillbox:count-func", "stillbox:count-extern", "stillbox:count-exn"];
/// The table that holds the references in frames; one for each kind in use.
pub(crate) const REFS: [&str; 3] = ["stillbox:refs-func", "stillbox:refs-extern", "stillbox:refs-exn"];
/// Another name of the pointer, there if references to functions can get to where they were not at the start.
pub(crate) const MOVES: &str = "stillbox:references-move";
/// What the module had as its start function.
pub(crate) const START: &str = "stillbox:start";
/// A function that drops a segment again: its number is that of the global which says that the segment was dropped.
pub(crate) const DROP: &str = "stillbox:drop";

/// A function, memory, table, tag or global of the rewritten module.
pub(crate) const FUNCTION: &str = "stillbox:f";
pub(crate) const MEMORY: &str = "stillbox:m";
pub(crate) const TABLE: &str = "stillbox:t";
pub(crate) const TAG: &str = "stillbox:x";
pub(crate) const GLOBAL: &str = "stillbox:g";
/// A function that returns a reference to the function of that number.
pub(crate) const REFERENCE: &str = "stillbox:r";

/// The module that a continuation imports the rewritten module's exports from.
pub(crate) const MAIN: &str = "main";
/// The module that a continuation imports those of enclosing loops from, by their sites' numbers.
pub(crate) const LOOP: &str = "loop";
/// The module that a continuation imports the table of continuations from.
pub(crate) const RESUME: &str = "resume";
/// A continuation's function.
pub(crate) const CONTINUE: &str = "continue";

/// The host function that a module which is only polled calls when the control word is set.
pub const SAFEPOINT: (&str, &str) = ("stillbox_capture", "safepoint");
