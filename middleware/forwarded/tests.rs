//! What is believed of literal requests.

use http::HeaderValue;
use http::header::HOST;
use proptest::prelude::*;

use super::*;
use crate::attributes::{ClientAddr, Connection, Scheme};

/// A connection from there, or one on a Unix socket.
fn from(peer: &str) -> Connection {
    let peer = (peer != "unix").then(|| format!("{peer}:9").parse().unwrap());
    Connection::new(None, peer, Scheme::Http)
}

fn req(connection: Connection, fields: &[(&str, &[u8])]) -> Request<()> {
    let mut req = Request::new(());
    req.headers_mut()
        .insert(HOST, HeaderValue::from_static("old.test"));
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        req.headers_mut()
            .append(name, HeaderValue::from_bytes(value).unwrap());
    }
    req.extensions_mut()
        .insert(Attributes::new(Arc::new(connection)));
    req
}

/// Client, scheme and host as an application sees them, and whether the client is another.
fn seen(layer: &Forwarded, mut req: Request<()>) -> (String, Vec<String>) {
    let ControlFlow::Continue(()) = layer.on_request(&mut req);
    let known = Attributes::of(&req).unwrap();
    let client = known
        .client()
        .map_or("unix".to_owned(), |client| match client.port {
            Some(port) if port != 9 => format!("{}:{port}", client.ip),
            _ => client.ip.to_string(),
        });
    let host = req.headers()[HOST].to_str().unwrap();
    let lost = if known.is_relayed() { " lost" } else { "" };
    let names = req.headers().keys().filter(|name| *name != HOST);
    let mut names: Vec<_> = names.map(ToString::to_string).collect();
    names.sort();
    (
        format!("{client} {} {host}{lost}", known.scheme().as_str()),
        names,
    )
}

fn said(layer: &Forwarded, peer: &str, fields: &[(&str, &str)]) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    seen(layer, req(from(peer), &fields)).0
}

fn trusting(networks: &str) -> Forwarded {
    Forwarded::trusting(networks.parse().unwrap())
}

const ALL: [&str; 5] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];
const LIES: [(&str, &[u8]); 6] = [
    ("forwarded", b"for=6.6.6.6;proto=https;host=evil.test"),
    ("x-forwarded-for", b"6.6.6.6"),
    ("x-forwarded-host", b"evil.test"),
    ("x-forwarded-proto", b"https"),
    ("x-forwarded-what-ever", b"https"),
    ("x-real-ip", b"6.6.6.6"),
];

#[test]
fn of_a_stranger_nothing_is_believed_and_nothing_left() {
    for layer in [
        trusting("10.0.0.0/8").unix_sockets().host(),
        trusting("10.0.0.0/8").fields(Fields::Forwarded).host(),
        Forwarded::behind(0),
    ] {
        let (lies, left) = seen(&layer, req(from("192.0.2.1"), &LIES));
        assert_eq!(lies, "192.0.2.1 http old.test lost");
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(said(&layer, "192.0.2.1", &[]), "192.0.2.1 http old.test");
        assert_eq!(layer.unreadable(), 0);
    }
}

#[test]
fn of_a_proxy_one_family_is_believed_and_the_other_removed() {
    let sent = |value| [&LIES[..], &[("x-forwarded-for", value)]].concat();
    let x = trusting("10.0.0.0/8").host();
    let (said, left) = seen(&x, req(from("10.0.0.1"), &sent(b"192.0.2.1:80")));
    assert_eq!(said, "192.0.2.1:80 https evil.test");
    assert_eq!(
        left,
        [
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-forwarded-what-ever"
        ]
    );
    let (said, left) = seen(
        &x.fields(Fields::Forwarded),
        req(from("10.0.0.1"), &sent(b"192.0.2.1")),
    );
    assert_eq!(said, "6.6.6.6 https evil.test");
    assert_eq!(left, ["forwarded"]);
}

#[test]
fn each_scheme_is_that_of_the_member_where_the_walk_ended() {
    let x = trusting("10.0.0.0/8");
    let proto = |client: &str, proto: &str| {
        said(
            &x,
            "10.0.0.1",
            &[("x-forwarded-for", client), ("x-forwarded-proto", proto)],
        )
    };
    for (client, protos, scheme) in [
        ("192.0.2.1", "https", "https"),
        ("192.0.2.1", "HTTPS", "https"),
        ("192.0.2.1", "https, http", "http"),
        ("192.0.2.1, 10.0.0.2", "https, http", "https"),
        ("192.0.2.1, 10.0.0.2", "https", "https"),
        ("192.0.2.1, 10.0.0.2, 10.0.0.3", "https, http", "http"),
        ("192.0.2.1", "wss", "http"),
        ("192.0.2.1", "", "http"),
        ("192.0.2.1", "https,", "http"),
    ] {
        assert_eq!(
            proto(client, protos),
            format!("192.0.2.1 {scheme} old.test"),
            "{protos}"
        );
    }
    assert_eq!(
        said(&x, "10.0.0.1", &[("x-forwarded-proto", "https")]),
        "10.0.0.1 https old.test"
    );
    assert_eq!(x.unreadable(), 4);
    let rfc = x.fields(Fields::Forwarded);
    for (field, is) in [
        (
            "for=192.0.2.1;proto=https, for=10.0.0.2;proto=http",
            "192.0.2.1 https",
        ),
        ("for=192.0.2.1, for=10.0.0.2;proto=https", "192.0.2.1 http"),
        (
            "for=\"[2001:db8::1]:80\";Proto=Https,,",
            "2001:db8::1:80 https",
        ),
    ] {
        assert_eq!(
            said(&rfc, "10.0.0.1", &[("forwarded", field)]),
            format!("{is} old.test")
        );
    }
}

#[test]
fn what_cannot_be_read_leaves_the_last_proxy_and_is_counted() {
    let rfc = trusting("10.0.0.0/8").fields(Fields::Forwarded).host();
    for (field, is, counted) in [
        (
            "for=6.6.6.6, for=_hidden;proto=https",
            "10.0.0.1 https old.test lost",
            0,
        ),
        (
            "for=6.6.6.6, proto=https;host=a.test",
            "10.0.0.1 https a.test lost",
            0,
        ),
        (
            "for=6.6.6.6, for=unknown, for=10.0.0.2",
            "10.0.0.2 http old.test lost",
            0,
        ),
        (
            "for=6.6.6.6, for=a;proto=https",
            "10.0.0.1 https old.test lost",
            1,
        ),
        (
            "for=6.6.6.6, for 192.0.2.1;proto=https",
            "10.0.0.1 http old.test lost",
            1,
        ),
        (
            "for=6.6.6.6, for=\"192.0.2.1",
            "10.0.0.1 http old.test lost",
            1,
        ),
        (
            "for=6.6.6.6, for=192.0.2.1;host=\"a b\"",
            "192.0.2.1 http old.test",
            1,
        ),
        (
            "for=6.6.6.6, \"for=\", for=192.0.2.1",
            "192.0.2.1 http old.test",
            0,
        ),
    ] {
        let before = rfc.unreadable();
        assert_eq!(
            said(&rfc, "10.0.0.1", &[("forwarded", field)]),
            is,
            "{field}"
        );
        assert_eq!(rfc.unreadable() - before, counted, "{field}");
    }
    let x = trusting("10.0.0.0/8");
    assert_eq!(
        said(&x, "10.0.0.1", &[("x-forwarded-for", "6.6.6.6, junk")]),
        "10.0.0.1 http old.test lost"
    );
    assert_eq!(x.clone().unreadable(), 1);
}

#[test]
fn lines_of_one_field_are_one_list() {
    let fields = [
        ("x-forwarded-for", "6.6.6.6, 192.0.2.1"),
        ("x-forwarded-for", "10.0.0.2"),
    ];
    assert_eq!(
        said(&trusting("10.0.0.0/8"), "10.0.0.1", &fields),
        "192.0.2.1 http old.test"
    );
    assert_eq!(
        said(&Forwarded::behind(2), "203.0.113.1", &fields),
        "192.0.2.1 http old.test"
    );
    assert_eq!(
        said(&Forwarded::behind(1), "203.0.113.1", &fields),
        "10.0.0.2 http old.test"
    );
}

#[test]
fn a_unix_socket_is_trusted_if_that_is_said() {
    let field = [("x-forwarded-for", "192.0.2.1")];
    assert_eq!(
        said(&trusting("0.0.0.0/0"), "unix", &field),
        "unix http old.test lost"
    );
    let unix = Forwarded::trusting(Networks::default()).unix_sockets();
    assert_eq!(said(&unix, "unix", &field), "192.0.2.1 http old.test");
    assert_eq!(
        said(&unix, "10.0.0.1", &field),
        "10.0.0.1 http old.test lost"
    );
    assert_eq!(
        said(&Forwarded::behind(1), "unix", &field),
        "192.0.2.1 http old.test"
    );
}

#[test]
fn a_list_is_of_networks_and_sockets() {
    let shown = |layer: &Forwarded| {
        struct Shown<'l>(&'l Forwarded);
        impl fmt::Display for Shown<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.describe(f)
            }
        }
        Shown(layer).to_string()
    };
    for (list, is) in [
        ("10.1.2.3/8, unix,::1", "10.0.0.0/8,::1/128,unix"),
        ("unix", "unix"),
        ("192.0.2.1", "192.0.2.1/32"),
    ] {
        assert_eq!(shown(&list.parse().unwrap()), is);
    }
    for list in ["", ",", "unix,", "*", "10.0.0.0/8 unix", "UNIX"] {
        assert!(list.parse::<Forwarded>().is_err(), "{list}");
    }
    assert_eq!(shown(&Forwarded::behind(1)), "1 proxy");
    let rfc = Forwarded::behind(2).fields(Fields::Forwarded).host();
    assert_eq!(shown(&rfc), "2 proxies, RFC 7239, host");
}

#[test]
fn a_client_whom_a_front_server_has_named_stays_unless_it_is_a_proxy() {
    let fields = [("x-forwarded-for", &b"6.6.6.6"[..])];
    let asks = |layer: &Forwarded, peer: &str| {
        let mut fronted = from(peer);
        fronted.fronted = true;
        let mut proxied = from(peer);
        proxied.proxied = Some(Box::default());
        let [one, other] = [fronted, proxied].map(|it| seen(layer, req(it, &fields)).0);
        assert_eq!(one, other);
        one
    };
    let unix = Forwarded::trusting("10.0.0.0/8".parse().unwrap()).unix_sockets();
    assert_eq!(asks(&unix, "192.0.2.1"), "192.0.2.1 http old.test lost");
    assert_eq!(asks(&unix, "unix"), "unix http old.test lost");
    assert_eq!(asks(&unix, "10.0.0.1"), "6.6.6.6 http old.test");
    // Which is the one proxy.
    assert_eq!(
        asks(&Forwarded::behind(1), "192.0.2.1"),
        "192.0.2.1 http old.test lost"
    );
    assert_eq!(
        asks(&Forwarded::behind(2), "192.0.2.1"),
        "6.6.6.6 http old.test"
    );
}

#[test]
fn under_another_server_the_peer_is_whom_a_layer_names() {
    let x = trusting("10.0.0.0/8").unix_sockets();
    let mut req = Request::new(());
    req.headers_mut()
        .insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
    let mut unknown = req.clone();
    let ControlFlow::Continue(()) = x.on_request(&mut unknown);
    assert_eq!(Attributes::of(&unknown).unwrap().client(), None);
    let peer = ClientAddr::new("10.0.0.1".parse().unwrap(), None);
    Attributes::of_mut(&mut req).set_client(peer);
    let ControlFlow::Continue(()) = x.on_request(&mut req);
    let client = Attributes::of(&req).unwrap().client().unwrap();
    assert_eq!(client.ip.to_string(), "192.0.2.1");
}

/// What a proxy sends that appends to the lists of its client, in lines of their own or to the last line, and replaces the rest.
fn appended(sent: &[(&'static str, &[u8])], apart: bool) -> Vec<(&'static str, Vec<u8>)> {
    let mut fields: Vec<_> = sent
        .iter()
        .map(|(name, line)| (*name, line.to_vec()))
        .collect();
    fields.retain(|(name, _)| !["x-forwarded-proto", "x-forwarded-host"].contains(name));
    fields.push(("x-forwarded-proto", b"https".to_vec()));
    fields.push(("x-forwarded-host", b"new.test".to_vec()));
    for (list, member) in [
        ("x-forwarded-for", &b"192.0.2.1"[..]),
        ("forwarded", b"for=192.0.2.1;proto=https;host=new.test"),
    ] {
        match fields.iter_mut().rfind(|(name, _)| *name == list) {
            Some((_, line)) if !apart => line.extend([b", ", member].concat()),
            _ => fields.push((list, member.to_vec())),
        }
    }
    fields
}

proptest! {
    #[test]
    fn what_a_client_writes_is_not_believed(
        lines in prop::collection::vec((0..ALL.len(), r#"([ -~]|[0-9.,:"\\\[\]]|for=|https){0,24}"#), 0..6),
        apart: bool,
    ) {
        let sent: Vec<_> = lines.iter().map(|(name, line)| (ALL[*name], line.as_bytes())).collect();
        let appended = appended(&sent, apart);
        let appended: Vec<_> = appended.iter().map(|(name, line)| (*name, &line[..])).collect();
        for fields in [Fields::Forwarded, Fields::XForwarded] {
            for layer in [trusting("10.0.0.0/8"), Forwarded::behind(1)] {
                let layer = layer.fields(fields).host();
                let (said, _) = seen(&layer, req(from("10.0.0.1"), &appended));
                prop_assert_eq!(said, "192.0.2.1 https new.test");
            }
            let layer = trusting("10.0.0.0/8").fields(fields).host();
            let (said, left) = seen(&layer, req(from("192.0.2.1"), &sent));
            prop_assert_eq!(said.replace(" lost", ""), "192.0.2.1 http old.test");
            prop_assert!(left.is_empty());
        }
    }
}
