//! The `stillbox` command: runs programs in sandboxes from the command line.

fn main() -> std::process::ExitCode {
    stillbox_cli::main()
}
