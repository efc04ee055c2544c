use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

/// What is read of `bytes`, byte by byte as it is asked for; the header and how long it is.
fn take(bytes: &[u8]) -> Result<(Header, usize), Option<Malformed>> {
    let mut len = 0;
    loop {
        match parse(&bytes[..len]) {
            Ok(Progress::More(more)) if len + more <= bytes.len() => len += more,
            Ok(Progress::More(_)) => return Err(None),
            Ok(Progress::Whole(header)) => return Ok((*header, len)),
            Err(malformed) => return Err(Some(malformed)),
        }
    }
}

fn line(text: &str) -> Result<(Header, usize), Option<Malformed>> {
    take(text.as_bytes())
}

fn of(client: &str, server: &str) -> Addresses {
    Addresses::Of {
        client: client.parse().unwrap(),
        server: server.parse().unwrap(),
    }
}

fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = v2::SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    bytes.extend(rest);
    bytes
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    bytes.extend(value);
    bytes
}

const V4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0xdc, 0x04, 0x01, 0xbb];

/// A header of a TCP client with these values.
fn with(values: &[Vec<u8>]) -> Vec<u8> {
    binary(0x21, 0x11, &[V4.to_vec(), values.concat()].concat())
}

#[test]
fn a_line_says_who_the_client_is() {
    let text = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET / HTTP/1.1\r\n\r\n";
    let (header, len) = line(text).unwrap();
    assert_eq!(header.addresses, of("192.0.2.1:56324", "192.0.2.2:443"));
    assert!(text.as_bytes()[len..].starts_with(b"GET"));
    let (header, _) = line("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n").unwrap();
    assert_eq!(header.addresses, of("[2001:db8::1]:0", "[::1]:65535"));
    for unknown in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 anything\r\n"] {
        assert_eq!(line(unknown).unwrap().0, Header::default());
    }
}

#[test]
fn the_longest_line_is_read_and_no_longer_one() {
    let long = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let longest = format!("PROXY UNKNOWN {long} {long} 65535 65535\r\n");
    assert_eq!(longest.len(), v1::LONGEST);
    assert!(line(&longest).is_ok());
    let longer = format!("PROXY UNKNOWN {}\r\n", "x".repeat(v1::LONGEST - 15));
    assert_eq!(line(&longer), Err(Some(Malformed)));
}

#[test]
fn what_is_no_line_is_refused() {
    for text in [
        "GET / HTTP/1.1\r\n",
        "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2  2\r\n",
        "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
        "PROXY TCP4 ::1 ::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY UNKNOWNX and more words\r\n",
        "PROXY UNKNOWN a\nb long enough\r\n",
        "PROXY UNKNOWN a\rb long enough\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
    ] {
        assert_eq!(line(text), Err(Some(Malformed)), "{text:?}");
    }
}

#[test]
fn bytes_say_who_the_client_is() {
    let (header, _) = take(&with(&[])).unwrap();
    assert_eq!(header.addresses, of("192.0.2.1:56324", "192.0.2.2:443"));
    let mut v6 = [Ipv6Addr::LOCALHOST.octets(), Ipv6Addr::UNSPECIFIED.octets()].concat();
    v6.extend([0, 1, 0, 2]);
    let (header, _) = take(&binary(0x21, 0x21, &v6)).unwrap();
    assert_eq!(header.addresses, of("[::1]:1", "[::]:2"));
    let (header, _) = take(&binary(0x21, 0x31, &[b'/'; 216])).unwrap();
    assert_eq!(header.addresses, Addresses::Unnamed);
}

#[test]
fn what_is_not_of_a_client_keeps_the_real_addresses() {
    for (command, family, rest) in [
        (0x20, 0x00, [].as_slice()),
        (0x20, 0x11, &V4),
        // Of a command that is local even nonsense is skipped.
        (0x20, 0xff, b"anything"),
        (0x21, 0x00, b"anything"),
        (0x21, 0x12, &V4),
        (0x21, 0x10, &V4),
    ] {
        let (header, _) = take(&binary(command, family, rest)).unwrap();
        assert_eq!(header.addresses, Addresses::Real, "{command:x} {family:x}");
    }
}

#[test]
fn what_is_no_header_is_refused() {
    for (command, family, rest) in [
        (0x11, 0x11, V4.as_slice()),
        (0x22, 0x11, &V4),
        (0x21, 0x41, &V4),
        (0x21, 0x13, &V4),
        (0x21, 0x11, &V4[..11]),
        (0x21, 0x21, &[0; 35]),
        (0x21, 0x31, &[0; 215]),
        (0x21, 0x11, &[0; v2::LONGEST + 1]),
        (0x20, 0x00, &[0; v2::LONGEST + 1]),
    ] {
        let taken = take(&binary(command, family, rest));
        assert_eq!(taken, Err(Some(Malformed)), "{command:x} {family:x}");
    }
    // At the first byte that is wrong.
    assert_eq!(parse(b"\r\n\r\n\0\r\nQUIX"), Err(Malformed));
    assert_eq!(parse(b"G"), Err(Malformed));
}

#[test]
fn values_are_told() {
    let ssl = [
        vec![0x07, 0, 0, 0, 0],
        tlv(0x21, b"TLSv1.3"),
        tlv(0x22, b"client"),
        tlv(0x23, b"TLS_AES_128_GCM_SHA256"),
        tlv(0x24, b"SHA256"),
        tlv(0x25, b"EC256"),
        tlv(0x2f, b"?"),
    ];
    let values = [
        tlv(0x01, b"h2"),
        tlv(0x02, b"example.org"),
        tlv(0x04, b"padding"),
        tlv(0x05, b"id"),
        tlv(0x20, &ssl.concat()),
        tlv(0xea, b"other"),
    ];
    let (header, _) = take(&with(&values)).unwrap();
    let said = &header.said;
    assert_eq!(said.alpn.as_deref(), Some(b"h2".as_slice()));
    assert_eq!(said.authority.as_deref(), Some("example.org"));
    assert_eq!(said.unique_id.as_deref(), Some(b"id".as_slice()));
    let tls = said.tls.as_deref().unwrap();
    assert_eq!(tls.version.as_deref(), Some("TLSv1.3"));
    assert_eq!(tls.common_name.as_deref(), Some("client"));
    assert!(tls.verified);
    let mut connection = Connection::default();
    header.apply(&mut connection);
    assert_eq!(connection.scheme, Scheme::Https);
}

#[test]
fn a_certificate_that_was_not_valid_is_not_verified() {
    for (ssl, expected) in [
        ([1, 0, 0, 0, 0], Some(false)),
        ([3, 0, 0, 0, 1], Some(false)),
        ([3, 0, 0, 0, 0], Some(true)),
        ([2, 0, 0, 0, 0], None),
    ] {
        let (header, _) = take(&with(&[tlv(0x20, &ssl)])).unwrap();
        assert_eq!(header.said.tls.map(|tls| tls.verified), expected);
    }
}

#[test]
fn values_cut_short_or_out_of_bounds_are_refused() {
    for value in [
        vec![1],
        vec![1, 0],
        vec![1, 0, 1],
        tlv(0x02, &[0xff]),
        tlv(0x03, &[0; 3]),
        tlv(0x05, &[0; 129]),
        tlv(0x20, &[1, 0, 0, 0]),
        tlv(0x20, &[1, 0, 0, 0, 0, 0x21, 0, 9]),
    ] {
        assert_eq!(
            take(&with(std::slice::from_ref(&value))),
            Err(Some(Malformed)),
            "{value:?}"
        );
    }
}

#[test]
fn a_checksum_is_verified() {
    let mut bytes = with(&[tlv(0x04, b"x"), tlv(0x03, &[0; 4]), tlv(0x05, b"id")]);
    let at = 16 + 12 + 4 + 3;
    let sum = crc32c::without(&bytes, at);
    bytes[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    assert!(take(&bytes).is_ok());
    for i in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[i] ^= 1;
        // A command that became local is not about these bytes any more.
        if i != 12 {
            assert!(take(&wrong).is_err(), "byte {i}");
        }
    }
    let twice = with(&[tlv(0x03, &[0; 4]), tlv(0x03, &[0; 4])]);
    assert_eq!(take(&twice), Err(Some(Malformed)));
}

proptest! {
    #[test]
    fn nothing_panics_and_what_is_asked_for_is_bounded(bytes: Vec<u8>, v2 in 0..3) {
        follow::follow(&bytes);
        let begun = [
            v1::SIGNATURE.to_vec(),
            v2::SIGNATURE.to_vec(),
            [v2::SIGNATURE, &[0x21, 0x11, 0x00]].concat(),
        ];
        follow::follow(&[begun[usize::try_from(v2).unwrap()].as_slice(), &bytes].concat());
    }

    #[test]
    fn a_line_is_read_to_its_end_and_no_further(
        client: Ipv4Addr, server: Ipv6Addr, v6: bool, ports: (u16, u16), after: Vec<u8>,
    ) {
        let (client, server): (IpAddr, IpAddr) = if v6 {
            (client.to_ipv6_mapped().into(), server.into())
        } else {
            (client.into(), Ipv4Addr::LOCALHOST.into())
        };
        let family = if v6 { "TCP6" } else { "TCP4" };
        let header = format!("PROXY {family} {client} {server} {} {}\r\n", ports.0, ports.1);
        let (read, len) = take(&[header.as_bytes(), &after].concat()).unwrap();
        prop_assert_eq!(len, header.len());
        prop_assert_eq!(read.addresses, Addresses::Of {
            client: SocketAddr::new(client, ports.0),
            server: SocketAddr::new(server, ports.1),
        });
        for short in 0..header.len() {
            prop_assert_eq!(take(&header.as_bytes()[..short]), Err(None));
        }
    }

    #[test]
    fn bytes_are_read_to_their_end_and_no_further(
        values in prop::collection::vec((0x30_u8.., prop::collection::vec(any::<u8>(), 0..40)), 0..9),
        after: Vec<u8>,
    ) {
        let values: Vec<_> = values.iter().map(|(kind, value)| tlv(*kind, value)).collect();
        let header = with(&values);
        let (read, len) = take(&[header.as_slice(), &after].concat()).unwrap();
        prop_assert_eq!(len, header.len());
        prop_assert_eq!(read.addresses, of("192.0.2.1:56324", "192.0.2.2:443"));
        for short in 0..header.len() {
            prop_assert_eq!(take(&header[..short]), Err(None));
        }
    }
}
