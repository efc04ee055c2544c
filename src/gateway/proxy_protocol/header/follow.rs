//! What is held to any bytes, by property tests and by the fuzzer.

use super::{LONGEST, Progress, parse};

/// Reads bytes as they are asked for: it ends, no header gets longer than it may, and one that is whole was not
/// before its last byte.
pub(in crate::gateway) fn follow(bytes: &[u8]) {
    let mut len = 0;
    while let Some(Ok(progress)) = bytes.get(..len).map(parse) {
        let Progress::More(more) = progress else {
            break;
        };
        assert!(more > 0 && len + more <= LONGEST, "{more} after {len}");
        len += more;
    }
    let whole = bytes.get(..len).map(parse);
    if let Some(Ok(Progress::Whole(_))) = whole {
        for short in 0..len {
            let begun = bytes.get(..short).map(parse);
            assert!(
                matches!(begun, Some(Ok(Progress::More(more))) if short + more <= len),
                "{begun:?} after {short} of {len}"
            );
        }
    }
}
