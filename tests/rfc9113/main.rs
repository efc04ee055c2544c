//! RFC 9113 and RFC 7541 by raw frames over real sockets: a named case per rule, each with what comes of it.
//!
//! The module of a case is the section of its rule. hyper's h2 is beneath: where it does otherwise than the RFC
//! says, the case is `Differs` and says why that does no harm, so that a change of h2 is noticed.
//!
//! | section | rule | where |
//! |---|---|---|
//! | 3.4 | the preface | [`opening`] |
//! | 4.1, 4.2, 5.5 | frames, their size, those that nobody knows | [`opening`] |
//! | 4.3, 6.2, 6.10 | field blocks, `HEADERS`, `CONTINUATION` | [`blocks`] |
//! | 5.1, 5.1.1, 5.1.2 | states of a stream, numbers, how many | [`streams`] |
//! | 5.3, 6.1, 6.3, 6.4 | `DATA`, `PRIORITY`, `RST_STREAM` | [`streams`] |
//! | 5.4, 6.5 to 6.8, 7 | `SETTINGS`, `PUSH_PROMISE`, `PING`, `GOAWAY`, errors | [`connection`] |
//! | 5.2, 6.9 | flow control | [`windows`] |
//! | 8.1 to 8.3, 8.5 | requests | [`requests`] |
//! | RFC 7541 | HPACK | [`hpack`] |
//! | 10.5 | floods | [`floods`] |
//!
//! Deadlines, drains and what an application does have their cases in `tests/gateway`.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "these are tests"
)]

mod blocks;
mod connection;
mod exchange;
mod floods;
mod frames;
mod hpack;
mod opening;
mod requests;
mod streams;
mod windows;
