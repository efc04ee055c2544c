//! RFC 9112 by raw bytes over real sockets: a named case per rule.
//!
//! The module of a case is the section of its rule, so that `section_3_2::two_hosts` fails for what it is.
//! Behind each case follows one more request, which shows whether the connection goes on: what is refused must
//! not let anything through that was sent behind it.
//!
//! | section | rule | where |
//! |---|---|---|
//! | 2.2 | lines, white space, bytes that no head has | [`request_line`] |
//! | 2.3 | versions | [`request_line`] |
//! | 3, 3.1 | request line, method | [`request_line`] |
//! | 3.2 | `Host`; the four forms of a target | [`target`] |
//! | 4, 6.1, 6.3 | framing of answers | [`answers`] |
//! | 5 | field lines, folding | [`fields`] |
//! | 6.1 | `Transfer-Encoding` | [`transfer_encoding`] |
//! | 6.2, 6.3 | `Content-Length`, both | [`content_length`] |
//! | 7.1 | chunks, extensions, trailers | [`chunks`] |
//! | 8 | what is incomplete | [`incomplete`] |
//! | 9 | persistence, pipelining, closing | [`connections`] |
//! | RFC 9110, 7.8 and 10.1.1 | `Upgrade`, `Expect` | [`connections`] |
//! | RFC 9110, 15.5.15 and 15.6.2, RFC 6585, 5 | 414, 501, 431 | [`limits`], [`transfer_encoding`] |
//! | RFC 9113, 3.4 | the preface of HTTP/2 and what only looks like it | [`connections`] |
//!
//! Deadlines, half-closed connections that linger, upgrades and drains have their cases in `tests/gateway`; the
//! property tests of `src/gateway/framing` hold any stream of bytes to the same.
//!
//! Where hyper is stricter than the RFC asks, a case says so by its comment.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod answers;
mod chunks;
mod connections;
mod content_length;
mod exchange;
mod fields;
mod incomplete;
mod limits;
mod request_line;
mod target;
mod transfer_encoding;
