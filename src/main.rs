//! The command `gopuram`.

fn main() {}
