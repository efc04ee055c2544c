use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const MOST: Most = Most {
    bytes: 1000,
    variables: 20,
    requests: 1,
    connections: 1,
};

/// A packet of that kind.
fn packet(kind: u8, variables: &[(&str, &str)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (name, value) in variables {
        for text in [name, value] {
            content.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
            content.extend(text.as_bytes());
        }
    }
    let mut packet = vec![kind];
    packet.extend(u16::try_from(content.len()).unwrap().to_le_bytes());
    packet.push(0);
    packet.extend(content);
    packet
}

/// All events of some bytes that come in pieces.
fn events(bytes: &[u8], cut: usize) -> Result<Vec<Event>, Broken> {
    let mut codec = Uwsgi::new(MOST);
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let mut events = Vec::new();
    for piece in bytes.chunks(cut) {
        input.extend_from_slice(piece);
        while let Some(event) = codec.decode(&mut input, &mut out)? {
            events.push(event);
        }
    }
    Ok(events)
}

fn first(bytes: &[u8]) -> Event {
    events(bytes, 7).unwrap().remove(0)
}

fn status(bytes: &[u8]) -> StatusCode {
    match first(bytes) {
        Event::Refused { status, .. } => status,
        event => panic!("{event:?}"),
    }
}

#[test]
fn a_request_is_understood_however_it_is_cut() {
    let mut bytes = packet(0, &[("REQUEST_METHOD", "PUT"), ("CONTENT_LENGTH", "3")]);
    bytes.extend(b"abc");
    for cut in 1..bytes.len() {
        let mut events = events(&bytes, cut).unwrap().into_iter();
        let Some(Event::Request { environ, body, .. }) = events.next() else {
            panic!("no request");
        };
        assert_eq!(environ.get("REQUEST_METHOD"), Some(b"PUT".as_slice()));
        assert_eq!(body, Framing::Exactly(3));
        let body: usize = events
            .map(|event| match event {
                Event::Data { data, .. } => data.len(),
                event => panic!("{event:?}"),
            })
            .sum();
        assert_eq!(body, 3);
    }
}

#[test]
fn a_managed_path_begins_with_the_scripts_name() {
    for (path, rest) in [
        ("/app/x", "/x"),
        ("/app", ""),
        ("/apps", "/apps"),
        ("/x", "/x"),
    ] {
        let variables = [
            ("SCRIPT_NAME", "/app"),
            ("PATH_INFO", path),
            ("X", "/app/x"),
        ];
        let Event::Request { environ, .. } = first(&packet(30, &variables)) else {
            panic!("no request");
        };
        assert_eq!(environ.get("PATH_INFO"), Some(rest.as_bytes()));
        assert_eq!(environ.get("SCRIPT_NAME"), Some(b"/app".as_slice()));
        assert_eq!(environ.get("X"), Some(b"/app/x".as_slice()));
    }
}

#[test]
fn packets_of_all_other_kinds_are_refused() {
    for kind in (1..=255).filter(|&kind| kind != 30) {
        assert!(events(&packet(kind, &[]), 4).is_err(), "{kind}");
    }
    assert!(events(b"GET / HTTP/1.1\r\n\r\n", 4).is_err());
}

#[test]
fn what_is_wrong_with_variables_has_its_status() {
    let bytes =
        |content: &[u8]| [&[0, u8::try_from(content.len()).unwrap(), 0, 0], content].concat();
    for wrong in [
        b"\x01".as_slice(),
        b"\x02\0a",
        b"\x01\0a",
        b"\x01\0a\x05\0b",
    ] {
        assert_eq!(status(&bytes(wrong)), StatusCode::BAD_REQUEST);
    }
    let too_large = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    assert_eq!(status(&[0, 0xff, 0xff, 0]), too_large);
    assert_eq!(status(&packet(0, &[("A", ""); 21])), too_large);
    let lost = [
        ("CONTENT_LENGTH", ""),
        ("HTTP_TRANSFER_ENCODING", "chunked"),
    ];
    assert_eq!(status(&packet(0, &lost)), StatusCode::LENGTH_REQUIRED);
}

proptest! {
    #[test]
    fn any_bytes_are_understood_or_not(bytes in vec(any::<u8>(), 0..200), cut in 1..40_usize) {
        drop(events(&bytes, cut));
        drop(events(&[&[0, u8::try_from(bytes.len()).unwrap(), 0, 0], &*bytes].concat(), cut));
    }
}
