use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const MOST: Most = Most {
    bytes: 1000,
    variables: 20,
    requests: 1,
    connections: 1,
};

/// The example of the specification.
const EXAMPLE: &[u8] =
    b"70:CONTENT_LENGTH\x0027\0SCGI\x001\0REQUEST_METHOD\0POST\0REQUEST_URI\0/deepthought\0,\
    What is the answer to life?";

/// All events of some bytes that come in pieces.
fn events(bytes: &[u8], cut: usize) -> Result<Vec<Event>, Broken> {
    let mut codec = Scgi::new(MOST);
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let mut events = Vec::new();
    for piece in bytes.chunks(cut) {
        input.extend_from_slice(piece);
        while let Some(event) = codec.decode(&mut input, &mut out)? {
            events.push(event);
        }
    }
    assert!(out.is_empty());
    Ok(events)
}

fn status(variables: &str) -> Option<StatusCode> {
    let bytes = format!("{}:{variables},", variables.len());
    match events(bytes.as_bytes(), 1000).unwrap().first() {
        Some(Event::Refused { status, .. }) => Some(*status),
        _ => None,
    }
}

#[test]
fn the_example_is_understood_however_it_is_cut() {
    for cut in 1..EXAMPLE.len() {
        let mut events = events(EXAMPLE, cut).unwrap().into_iter();
        let Some(Event::Request { environ, body, .. }) = events.next() else {
            panic!("no request");
        };
        assert_eq!(environ.len(), 4);
        assert_eq!(environ.get("REQUEST_URI"), Some(b"/deepthought".as_slice()));
        assert_eq!(body, Framing::Exactly(27));
        let body: Vec<u8> = events
            .flat_map(|event| match event {
                Event::Data { data, .. } => data,
                event => panic!("{event:?}"),
            })
            .collect();
        assert_eq!(body, b"What is the answer to life?");
    }
}

#[test]
fn variables_are_what_they_must_be() {
    let ok = "CONTENT_LENGTH\x000\0SCGI\x001\0A\0\0";
    assert_eq!(status(ok), None);
    for wrong in [
        "CONTENT_LENGTH\x000\0",
        "SCGI\x001\0CONTENT_LENGTH\x000\0",
        "CONTENT_LENGTH\0\0SCGI\x001\0",
        "CONTENT_LENGTH\0-1\0SCGI\x001\0",
        "CONTENT_LENGTH\x000\0SCGI\x002\0",
        "CONTENT_LENGTH\x000\0SCGI\x001\0A\0",
        "CONTENT_LENGTH\x000\0SCGI\x001\0A",
        "CONTENT_LENGTH\x000\0SCGI\x001\0\0B\0",
    ] {
        assert_eq!(status(wrong), Some(StatusCode::BAD_REQUEST), "{wrong:?}");
    }
    let large = format!("{ok}B\0{}\0", "x".repeat(1000));
    let many = format!("{ok}{}", "B\0\0".repeat(20));
    for large in [large, many] {
        let too_large = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        assert_eq!(status(&large), Some(too_large));
    }
    let lost = format!("{ok}HTTP_TRANSFER_ENCODING\0chunked\0");
    assert_eq!(status(&lost), Some(StatusCode::LENGTH_REQUIRED));
}

#[test]
fn what_is_no_netstring_breaks_the_connection() {
    for wrong in [
        "GET / HTTP/1.1\r\n",
        "0:,",
        "07:",
        "+7:",
        " 7:",
        ":",
        "123456789",
        "7;",
        "5:abcde;",
    ] {
        assert!(events(wrong.as_bytes(), 3).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_understood_or_not(bytes in vec(any::<u8>(), 0..200), cut in 1..40_usize) {
        drop(events(&bytes, cut));
    }

    #[test]
    fn any_variables_are_understood_or_refused(variables in vec(prop_oneof![Just(0), 48..91_u8], 0..60)) {
        let mut bytes = format!("{}:", variables.len()).into_bytes();
        bytes.extend(variables);
        bytes.push(b',');
        drop(events(&bytes, 7));
    }
}
