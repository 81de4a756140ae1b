//! The `stillbox` command.

fn main() {}
