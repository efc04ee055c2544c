//! What is held to any environment: see [`gateway::fuzzing`](crate::gateway::fuzzing).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::super::behind::Framing;
use super::super::behind::fuzzing::hold;
use super::super::behind::sent::{Line, MOST, Sent, divided, pairs};
use super::{Cgi, VARIABLES, environ};

/// A variable a line, a known one by its first byte, and the standard input behind a line that is empty: nothing else of the
/// environment gets in, and the one request has no more of a body than it says.
pub(in crate::gateway) fn follow(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else {
        return;
    };
    let (lines, input) = divided(bytes);
    let variables = pairs(lines).map(|(name, value)| {
        let known = name.first().map(|&first| first.wrapping_sub(b'a'));
        let known = known.and_then(|known| VARIABLES.get(usize::from(known)));
        (known.copied().unwrap_or(name), value)
    });
    let variables: Vec<_> = variables.collect();
    let text = |bytes| OsStr::from_bytes(bytes).to_owned();
    let environ = environ(
        variables
            .iter()
            .map(|(name, value)| (text(name), text(value))),
    );
    let speaks = |name: &[u8]| name.starts_with(b"HTTP_") || VARIABLES.contains(&name);
    let expected = variables.into_iter().filter(|(name, _)| speaks(name));
    assert_eq!(environ, expected.collect());
    if MOST.is_passed(&environ) {
        return;
    }
    hold(|_| Cgi::new(environ.clone()), 1, cut, input);
    let codec = Cgi::new(environ.clone());
    let body = match codec.body {
        Framing::Exactly(length) => input.get(..usize::try_from(length).unwrap_or(usize::MAX)),
        Framing::Nothing => Some(&[][..]),
        Framing::Open => None,
    };
    // Of one that breaks off what is there.
    let body = body.unwrap_or(input);
    let sent = Sent { environ, body };
    let mut line = Line::new(codec, cut);
    line.send(input);
    let came = line.answer(1, &sent);
    assert_eq!(came, (!input.is_empty()).then_some(true));
}
