//! What is held to any bytes: see [`gateway::fuzzing`](crate::gateway::fuzzing).

use std::time::SystemTime;

use super::der::{INTEGER, SEQUENCE};
use super::staple;

/// An answer is good only for the certificate whose number it has.
pub(in crate::gateway) fn staple(bytes: &[u8]) {
    const NUMBER: u8 = 77;
    let certificate = [SEQUENCE, 5, SEQUENCE, 3, INTEGER, 1, NUMBER];
    if staple::check(bytes, &certificate, SystemTime::UNIX_EPOCH).is_ok() {
        assert!(bytes.windows(3).any(|three| three == [INTEGER, 1, NUMBER]));
    }
}
