//! Tests of capture: programs are suspended at their polls and in their blocking imports, restored into fresh instances,
//! and must end as if nothing had happened.
//!
//! `STILLBOX_CAPTURE_PROGRAMS=N` makes the random tests use N programs of each sort instead of a few hundred.

/// Running programs plainly, uninterrupted, and in hops.
mod harness;
/// Running a program as native code and in the interpreter at the same time.
mod in_step;

/// Continuations that are compiled before they are needed.
mod ahead;
/// Imports that block, and are issued again.
mod blocking;
/// Filling and copying memory in parts.
mod bulk;
/// Each construct of the language, in programs written by hand.
mod constructs;
/// Stacks that are very deep.
mod deep;
/// Exceptions: caught after a restore, and in frames.
mod exceptions;
/// The programs of this repository.
mod guests;
/// Frames that nobody wrote.
mod hostile_frames;
/// Modules that are large in some way, or no modules.
mod hostile_modules;
/// Calls back into a program that waits.
mod nested;
/// Programs that can only be stopped.
mod polling;
/// Programs by chance.
mod random;
/// References in frames, globals and tables.
mod references;
/// Segments that are dropped, and used after a restore.
mod segments;
