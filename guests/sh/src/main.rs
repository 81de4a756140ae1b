//! The shell.
fn main() { println!("{:?}", stillbox_sys::getcwd()); }
