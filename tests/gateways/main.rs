//! The gateways behind front servers on the wire: FastCGI, SCGI, uwsgi and CGI.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what helps a test may panic as it may"
)]

mod answers;
mod bodies;
mod cgi;
mod deadlines;
mod drain;
mod fastcgi;
mod front;
mod life;
mod refusals;
mod rules;
mod sockets;
mod support;
mod trust;
