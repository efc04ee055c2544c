//! The gateway on the wire, a file a theme.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what helps a test may panic as it may"
)]

mod addresses;
mod app;
mod arrived;
mod cores;
mod counts;
mod deadlines;
mod drain;
mod draining;
mod early_hints;
mod flow;
mod frames;
mod http1;
mod http2;
mod life;
mod limits;
mod listen;
mod parked;
mod proxy_protocol;
mod readiness;
mod segments;
mod sockets;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod trailers;
mod upgrade;
mod websocket;
mod written;
