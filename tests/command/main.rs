//! The command, run as a process.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod load;
mod process;
mod says;
mod signals;
mod sockets;
