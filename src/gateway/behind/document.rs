//! The head of an answer: a document of CGI (RFC 3875, section 6), or one of HTTP.

use bytes::{BufMut as _, BytesMut};
use http::header::{CONNECTION, LOCATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, StatusCode, response};
use hyper::ext::ReasonPhrase;

/// Fields about a connection that is the front server's (RFC 9110, section 7.6.1), and one that means something else here.
const NOT_SENT: [&str; 3] = ["keep-alive", "proxy-connection", "status"];

fn is_sent(name: &HeaderName) -> bool {
    *name != CONNECTION
        && *name != TE
        && *name != TRAILER
        && *name != TRANSFER_ENCODING
        && *name != UPGRADE
        && !NOT_SENT.contains(&name.as_str())
}

/// As CGI has it. The status is always said: without it a `Location` with a path is followed by the front server
/// itself (section 6.2.2), and with 200 by Apache, so that one is left out where it means nothing.
pub(in crate::gateway) fn cgi(head: &response::Parts, out: &mut BytesMut) {
    out.put_slice(b"Status: ");
    status(head, out);
    fields(head, head.status != StatusCode::OK, out);
}

/// As HTTP/1.1 has it.
pub(in crate::gateway) fn http(head: &response::Parts, out: &mut BytesMut) {
    out.put_slice(b"HTTP/1.1 ");
    status(head, out);
    fields(head, true, out);
}

/// The code and its reason, without which some servers take the line for no status: the application's own, or the usual one.
fn status(head: &response::Parts, out: &mut BytesMut) {
    out.put_slice(head.status.as_str().as_bytes());
    out.put_u8(b' ');
    let own = head.extensions.get::<ReasonPhrase>();
    let own = own
        .map(ReasonPhrase::as_bytes)
        .filter(|own| !own.is_empty());
    let usual = || head.status.canonical_reason().unwrap_or("Unknown");
    out.put_slice(own.unwrap_or_else(|| usual().as_bytes()));
    out.put_slice(b"\r\n");
}

fn fields(head: &response::Parts, location: bool, out: &mut BytesMut) {
    for (name, value) in &head.headers {
        if !is_sent(name) || *name == LOCATION && !location {
            continue;
        }
        out.put_slice(name.as_str().as_bytes());
        out.put_slice(b": ");
        out.put_slice(value.as_bytes());
        out.put_slice(b"\r\n");
    }
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn text(
        write: impl Fn(&response::Parts, &mut BytesMut),
        status: u16,
        fields: &[(&str, &str)],
    ) -> String {
        let mut res = Response::builder().status(status);
        for (name, value) in fields {
            res = res.header(*name, *value);
        }
        let mut out = BytesMut::new();
        write(&res.body(()).unwrap().into_parts().0, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn the_status_is_always_said() {
        assert_eq!(text(cgi, 200, &[]), "Status: 200 OK\r\n\r\n");
        let elsewhere = text(cgi, 302, &[("location", "/x")]);
        assert_eq!(elsewhere, "Status: 302 Found\r\nlocation: /x\r\n\r\n");
        assert_eq!(text(cgi, 599, &[]), "Status: 599 Unknown\r\n\r\n");
        assert_eq!(text(http, 404, &[]), "HTTP/1.1 404 Not Found\r\n\r\n");
    }

    #[test]
    fn the_reason_may_be_the_applications() {
        let mut res = Response::builder().status(299).body(()).unwrap();
        res.extensions_mut()
            .insert(ReasonPhrase::from_static(b"Quite Fine"));
        let mut out = BytesMut::new();
        cgi(&res.into_parts().0, &mut out);
        assert_eq!(out, "Status: 299 Quite Fine\r\n\r\n");
    }

    #[test]
    fn a_location_that_means_nothing_is_not_taken_for_a_redirect() {
        assert_eq!(
            text(cgi, 200, &[("location", "/x")]),
            "Status: 200 OK\r\n\r\n"
        );
        let created = text(cgi, 201, &[("location", "/x")]);
        assert_eq!(created, "Status: 201 Created\r\nlocation: /x\r\n\r\n");
    }

    #[test]
    fn fields_of_the_connection_are_not_sent() {
        let fields = [
            ("connection", "close"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("trailer", "x"),
            ("upgrade", "y"),
            ("status", "500"),
            ("set-cookie", "a"),
            ("set-cookie", "b"),
        ];
        let expected = "Status: 200 OK\r\nset-cookie: a\r\nset-cookie: b\r\n\r\n";
        assert_eq!(text(cgi, 200, &fields), expected);
    }
}
