//! jq.
fn main() {}
