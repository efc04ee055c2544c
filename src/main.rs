//! The command `gopuram`: serves what a file says, or a directory.

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main()
}
