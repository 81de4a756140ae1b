//! Everything that a sandbox does, tried from outside through its programming interface.
//!
//! All tests are one binary and share one engine, so that each guest program is compiled once.

/// The contract of the programming interface, kept by the engine.
mod contract;

/// Tiny guests that check one thing each: the ABI from a program's point of view.
mod probes;

/// Many sandboxes, one after another and at once: apart from each other, and gone without a trace.
mod life;

/// Programs that start programs: found along a path, made inside, replaced, orphaned, killed.
mod programs;

/// What a program finds around it: environment, directories, permissions, `/proc` and `/dev`.
mod surroundings;

/// Directories of the host in a sandbox.
mod mounts;

/// What goes wrong on purpose: hostile programs, damaged modules, paths that lead nowhere.
mod bad_input;

/// What a sandbox and its processes may use, limit by limit, and what they make the host hold.
mod limits;

/// What an engine counts, and tells of by spans.
mod metrics;

/// Two thousand sandboxes, a third of them killed at some moment: every call returns and nothing is left.
mod soak;

/// Sandboxes held still while their programs run: copied, saved and brought back, suspended and woken up.
mod still;

/// Programs that are saved by native code and go on in the interpreter, and the other way round.
mod other_code;

/// Tiny modules written as text, for the tests above.
mod modules;

/// Scripts in the sandbox's shell, beside bash on the host.
mod shell;

/// Command lines in the sandbox, beside the same on the host.
mod differential;

/// The sandbox's Lua.
mod lua;

/// Interpreters that are fetched, for the tests below.
mod interpreters;

/// CPython and its standard library.
mod python;

/// Interpreters that are stopped and continued at any moment.
mod interrupted;

/// What is run by the tests below.
mod works;

/// Hosts that are killed, again and again, while programs run in their sandboxes.
mod host_killed;

/// Every file of this directory is named above.
mod contents;
