//! Archives.
fn main() {}
