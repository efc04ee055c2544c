//! TLS on the wire: a client of rustls, and what Debian has.

mod attributes;
mod certificates;
mod clients;
mod ends;
mod handshakes;
mod names;
mod reload;
mod stapling;
mod support;
mod tools;
