//! The gateway on the wire, a file a theme.

mod app;
mod deadlines;
mod drain;
mod heads;
mod http1;
mod http2;
mod listen;
mod support;
mod upgrade;
