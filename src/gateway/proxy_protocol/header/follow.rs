//! What is held to any bytes, by property tests and by the fuzzer.

use super::{LONGEST, Progress, parse};

/// Reads bytes as they are asked for: it ends, and no header gets longer than it may.
pub(crate) fn follow(bytes: &[u8]) {
    let mut len = 0;
    while let Some(Ok(Progress::More(more))) = bytes.get(..len).map(parse) {
        assert!(more > 0 && len + more <= LONGEST, "{more} after {len}");
        len += more;
    }
}
