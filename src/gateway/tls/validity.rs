//! How long certificates and lists of revoked ones are valid (RFC 5280, sections 4.1.2.5 and 5.1.2.5).

use std::time::SystemTime;

use super::der::{EXPLICIT_0, INTEGER, SEQUENCE, element, expect, skip, time};

/// From when to when a certificate is valid.
#[derive(Debug)]
pub(super) struct Validity {
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

impl Validity {
    /// Reads it from a certificate in DER, of which only as much is looked at.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        // Algorithm, issuer.
        let (_, rest) = expect(SEQUENCE, numbered(certificate)?.1)?;
        let (_, rest) = expect(SEQUENCE, rest)?;
        let (validity, _) = expect(SEQUENCE, rest)?;
        let (before_tag, before, rest) = element(validity)?;
        let (after_tag, after, _) = element(rest)?;
        Some(Self {
            not_before: time(before_tag, before)?,
            not_after: time(after_tag, after)?,
        })
    }
}

/// Whether a certificate is of the first version, which alone does not name it (RFC 5280, section 4.1.2.1).
pub(super) fn is_of_version_1(certificate: &[u8]) -> bool {
    fields(certificate).is_some_and(|fields| expect(INTEGER, fields).is_some())
}

/// The number of a certificate, as its bytes are.
pub(super) fn serial(certificate: &[u8]) -> Option<&[u8]> {
    Some(numbered(certificate)?.0)
}

/// The number of a certificate, and what follows it.
fn numbered(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    // The version is not there if it is the first.
    expect(INTEGER, skip(EXPLICIT_0, fields(certificate)?))
}

/// What a certificate says and is signed.
fn fields(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    Some(expect(SEQUENCE, certificate)?.0)
}

/// When a list of revoked certificates is too old, by its `nextUpdate`.
pub(super) fn next_update(list: &[u8]) -> Option<SystemTime> {
    let (list, _) = expect(SEQUENCE, list)?;
    let (fields, _) = expect(SEQUENCE, list)?;
    // The algorithm and the issuer, behind the version.
    let (_, rest) = expect(SEQUENCE, skip(INTEGER, fields))?;
    let (_, rest) = expect(SEQUENCE, rest)?;
    let (_, _, rest) = element(rest)?;
    let (tag, text, _) = element(rest)?;
    time(tag, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_valid_for_a_time_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Validity::of(&bytes);
            serial(&bytes);
            is_of_version_1(&bytes);
            next_update(&bytes);
        }
    }
}
