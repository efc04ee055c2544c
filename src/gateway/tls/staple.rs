//! Answers of authorities that a certificate was not revoked (OCSP, RFC 6960, section 4.2.1).
//!
//! They are signed, and clients verify them. What is seen to here is that clients are not shown what all of them would refuse:
//! an error, half a file, an answer about another certificate or one of last month.

use std::time::SystemTime;

use super::der::{
    BIT_STRING, ENUMERATED, EXPLICIT_0, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING,
    SEQUENCE, element, expect, skip, time,
};
use super::validity;

/// `id-pkix-ocsp-basic`.
const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1];

/// `CertStatus`, a choice by tags.
const GOOD: u8 = 0x80;
const REVOKED: u8 = 0xa1;

/// Why an answer is not stapled.
pub(super) const BROKEN: &str = "it is no whole answer of OCSP in DER";

/// What an answer says of one certificate.
#[derive(Debug, Default)]
struct Single<'a> {
    serial: &'a [u8],
    status: u8,
    until: Option<SystemTime>,
}

/// Until when an answer is good for a certificate, if it says so; or why it is not.
pub(super) fn check(
    answer: &[u8],
    certificate: &[u8],
    now: SystemTime,
) -> Result<Option<SystemTime>, &'static str> {
    let response = successful(answer)?;
    let serial = validity::serial(certificate).ok_or("the certificate has no number")?;
    let mut singles = singles(response).ok_or(BROKEN)?;
    while !singles.is_empty() {
        let (single, rest) = single(singles).ok_or(BROKEN)?;
        singles = rest;
        if single.serial != serial {
            continue;
        }
        return match single.status {
            GOOD if single.until.is_some_and(|until| until <= now) => Err("it is too old"),
            GOOD => Ok(single.until),
            REVOKED => Err("it says that the certificate was revoked"),
            _ => Err("it says that the authority does not know the certificate"),
        };
    }
    Err("it is about another certificate")
}

/// The answer itself, if it is one and no error.
fn successful(answer: &[u8]) -> Result<&[u8], &'static str> {
    let Some((answer, [])) = expect(SEQUENCE, answer) else {
        return Err(BROKEN);
    };
    let Some(([status], rest)) = expect(ENUMERATED, answer) else {
        return Err(BROKEN);
    };
    match status {
        0 => basic(rest).ok_or(BROKEN),
        1 => Err("it is an error: malformedRequest"),
        2 => Err("it is an error: internalError"),
        3 => Err("it is an error: tryLater"),
        5 => Err("it is an error: sigRequired"),
        6 => Err("it is an error: unauthorized"),
        _ => Err("it is an error that nobody knows"),
    }
}

/// A `BasicOCSPResponse`, of which all others must know.
fn basic(rest: &[u8]) -> Option<&[u8]> {
    let (bytes, _) = expect(EXPLICIT_0, rest)?;
    let (bytes, _) = expect(SEQUENCE, bytes)?;
    let (kind, rest) = expect(OBJECT_IDENTIFIER, bytes)?;
    let (response, _) = expect(OCTET_STRING, rest)?;
    (kind == BASIC).then_some(response)
}

/// What it says of each certificate, one behind the other; signed, by whomever.
fn singles(response: &[u8]) -> Option<&[u8]> {
    let (response, _) = expect(SEQUENCE, response)?;
    let (data, rest) = expect(SEQUENCE, response)?;
    let (_, rest) = expect(SEQUENCE, rest)?;
    expect(BIT_STRING, rest)?;
    // The version, who answers, and when.
    let (_, _, rest) = element(skip(EXPLICIT_0, data))?;
    let (_, rest) = expect(GENERALIZED_TIME, rest)?;
    Some(expect(SEQUENCE, rest)?.0)
}

/// The first of them, and what follows it.
fn single(singles: &[u8]) -> Option<(Single<'_>, &[u8])> {
    let (fields, others) = expect(SEQUENCE, singles)?;
    let (id, rest) = expect(SEQUENCE, fields)?;
    let (status, _, rest) = element(rest)?;
    let (_, rest) = expect(GENERALIZED_TIME, rest)?;
    let until = match expect(EXPLICIT_0, rest) {
        Some((next_update, _)) => {
            let (text, _) = expect(GENERALIZED_TIME, next_update)?;
            Some(time(GENERALIZED_TIME, text)?)
        }
        None => None,
    };
    // The algorithm, and by it who signed the certificate: the name and the key.
    let (_, id) = expect(SEQUENCE, id)?;
    let (_, id) = expect(OCTET_STRING, id)?;
    let (_, id) = expect(OCTET_STRING, id)?;
    let (serial, _) = expect(INTEGER, id)?;
    let single = Single {
        serial,
        status,
        until,
    };
    Some((single, others))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let certificate = [SEQUENCE, 5, SEQUENCE, 3, INTEGER, 1, 1];
            prop_assert!(check(&bytes, &certificate, SystemTime::UNIX_EPOCH).is_err());
        }
    }
}
