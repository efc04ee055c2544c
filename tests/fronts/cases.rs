//! One set of requests, and what the application has to see and the client has to get, whatever is between them.

use crate::client::{Answer, US};
use crate::front::Kind::{self, Apache, Haproxy, Lighttpd, Nginx};
use crate::front::Wire::{self, Cgi, FastCgi, Http, Scgi, Uwsgi};

/// A request, and what has to come of it.
pub(crate) struct Case {
    /// What it is about.
    pub(crate) name: &'static str,
    pub(crate) request: Vec<u8>,
    pub(crate) wants: Vec<Want>,
}

/// What is looked at, and what it has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want {
    Status(u16),
    /// A line that the application says.
    Says(&'static str, &'static str),
    /// A field of the answer, with all its values.
    Field(&'static str, &'static [&'static str]),
    /// How many bytes, and whether all are as they should be.
    Bytes(usize),
    /// It does not look complete.
    Cut,
}

use Want::{Bytes, Cut, Field, Says, Status};

impl Want {
    /// What is wrong with an answer, if anything is.
    pub(crate) fn fault(self, answer: &Answer) -> Option<String> {
        let differs = |is: String, wanted: String| {
            (is != wanted).then(|| format!("{self:?}, but it is {is}"))
        };
        match self {
            Status(status) => differs(answer.status.to_string(), status.to_string()),
            Says(name, value) => {
                let said = answer.line(name);
                differs(said.unwrap_or_default(), value.to_owned())
            }
            Field(name, values) => {
                differs(format!("{:?}", answer.all(name)), format!("{values:?}"))
            }
            Bytes(length) => {
                let right = answer.whole && answer.body.len() == length;
                (!right).then(|| {
                    format!(
                        "{self:?}, but {} and whole: {}",
                        answer.body.len(),
                        answer.whole
                    )
                })
            }
            Cut => (answer.whole && answer.status < 500).then(|| "it looks whole".to_owned()),
        }
    }
}

/// A request of that line and these fields, and what has to come of it.
fn case(name: &'static str, line: &str, fields: &[&[u8]], body: &[u8], wants: &[Want]) -> Case {
    let mut request = format!("{line} HTTP/1.1\r\nHost: localhost:8080\r\n").into_bytes();
    for field in fields {
        request.extend_from_slice(field);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    Case {
        name,
        request,
        wants: wants.to_vec(),
    }
}

/// All of them; the path of each has `prefix` in front.
#[expect(clippy::too_many_lines, reason = "it is one table")]
pub(crate) fn cases(prefix: &str) -> Vec<Case> {
    let line = |method: &str, path: &str| format!("{method} {prefix}{path}");
    let get = |path: &str| line("GET", path);
    let post = line("POST", "/echo");
    let long = vec![b'x'; 200_000];
    vec![
        case(
            "a path and a query",
            &get("/echo/a%20b/%C3%A9?x=1%20&y"),
            &[],
            b"",
            &[
                Status(200),
                Says("method", "GET"),
                Says("path", "/echo/a%20b/%C3%A9"),
                Says("query", "x=1%20&y"),
                Says("scheme", "http"),
                Says("body", ""),
            ],
        ),
        case("no query", &get("/echo"), &[], b"", &[Says("query", "-")]),
        case(
            "an empty query",
            &get("/echo?"),
            &[],
            b"",
            &[Says("query", "")],
        ),
        case(
            "an encoded slash",
            &get("/echo/a%2Fb"),
            &[],
            b"",
            &[Says("path", "/echo/a%2Fb")],
        ),
        case(
            "double slashes",
            &get("/echo//a//b"),
            &[],
            b"",
            &[Says("path", "/echo//a//b")],
        ),
        case(
            "dot segments",
            &get("/echo/./a/../b"),
            &[],
            b"",
            &[Says("path", "/echo/./a/../b")],
        ),
        case(
            "no UTF-8",
            &get("/echo/%FF"),
            &[],
            b"",
            &[Says("path", "/echo/%FF")],
        ),
        case(
            "signs",
            &get("/echo/a+b;c=1,d:e@f!$'()*~"),
            &[],
            b"",
            &[Says("path", "/echo/a+b;c=1,d:e@f!$'()*~")],
        ),
        case(
            "a method of its own",
            &line("PURGE", "/echo"),
            &[],
            b"",
            &[Says("method", "PURGE")],
        ),
        case(
            "the host",
            &get("/echo"),
            &[],
            b"",
            &[Says("host", "localhost:8080")],
        ),
        case("the client", &get("/echo"), &[], b"", &[Says("client", US)]),
        case(
            "a field twice",
            &get("/echo"),
            &[b"X-Test: 1", b"X-Test: 2"],
            b"",
            &[Says("x-test", "1, 2")],
        ),
        case(
            "cookies in two lines",
            &get("/echo"),
            &[b"Cookie: a=1", b"Cookie: b=2"],
            b"",
            &[Says("cookie", "a=1; b=2")],
        ),
        case(
            "Latin-1",
            &get("/echo"),
            &[b"X-Test: caf\xe9"],
            b"",
            &[Says("x-test", "caf\\xe9")],
        ),
        case(
            "an empty field",
            &get("/echo"),
            &[b"X-Test:"],
            b"",
            &[Says("x-test", "")],
        ),
        case(
            "a secret",
            &get("/echo"),
            &[b"Authorization: Basic YTpi"],
            b"",
            &[Says("authorization", "Basic YTpi")],
        ),
        case(
            "the field Proxy",
            &get("/echo"),
            &[b"Proxy: evil"],
            b"",
            &[Says("proxy", "-")],
        ),
        case(
            "an underscore",
            &get("/echo"),
            &[b"X_Test: evil"],
            b"",
            &[Says("x_test", "-"), Says("x-test", "-")],
        ),
        case(
            "a body",
            &post,
            &[b"Content-Type: a/b; c=d", b"Content-Length: 5"],
            b"hello",
            &[
                Says("method", "POST"),
                Says("content-type", "a/b; c=d"),
                Says("content-length", "5"),
                Says("body", "hello"),
            ],
        ),
        case(
            "a body in chunks",
            &post,
            &[b"Transfer-Encoding: chunked"],
            b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
            &[Status(200), Says("body", "hello")],
        ),
        case(
            "no bytes in a body",
            &post,
            &[b"Content-Length: 0"],
            b"",
            &[Says("body", "")],
        ),
        case(
            "no bytes in chunks",
            &post,
            &[b"Transfer-Encoding: chunked"],
            b"0\r\n\r\n",
            &[Says("body", "")],
        ),
        case(
            "a long body",
            &line("POST", "/echo/long"),
            &[b"Content-Length: 200000"],
            &long,
            &[Status(200), Says("content-length", "200000")],
        ),
        case("a status", &get("/status/404"), &[], b"", &[Status(404)]),
        case(
            "a status that few know",
            &get("/status/418"),
            &[],
            b"",
            &[Status(418)],
        ),
        case(
            "a location that is none to go to",
            &get("/located"),
            &[],
            b"",
            &[Status(200), Bytes(4)],
        ),
        case(
            "a status of the application",
            &get("/status/503"),
            &[],
            b"",
            &[Status(503)],
        ),
        case(
            "nothing",
            &get("/status/204"),
            &[],
            b"",
            &[Status(204), Field("content-length", &[])],
        ),
        case("nothing new", &get("/status/304"), &[], b"", &[Status(304)]),
        case(
            "elsewhere",
            &get("/found"),
            &[],
            b"",
            &[Status(302), Field("location", &["/echo/there"])],
        ),
        case(
            "two cookies",
            &get("/cookies"),
            &[],
            b"",
            &[Field("set-cookie", &["a=1; Path=/", "b=2"]), Bytes(3)],
        ),
        case(
            "Latin-1 back",
            &get("/latin"),
            &[],
            b"",
            &[Field("x-latin", &["caf\u{e9}"])],
        ),
        case("every byte", &get("/bytes"), &[], b"", &[Bytes(256)]),
        case("much", &get("/large"), &[], b"", &[Bytes(1 << 20)]),
        case(
            "the head of much",
            &line("HEAD", "/large"),
            &[],
            b"",
            &[Status(200), Field("content-length", &["1048576"])],
        ),
        case("what breaks off", &get("/fails"), &[], b"", &[Cut]),
        case(
            "what breaks off late",
            &get("/fails/late"),
            &[],
            b"",
            &[Cut],
        ),
        case(
            "what breaks off short of its length",
            &get("/fails/short"),
            &[],
            b"",
            &[Cut],
        ),
    ]
}

/// Where a front has it otherwise: why, and what comes of it then.
///
/// None of these is ours to mend: it is what arrives here, or what the front makes of the answer.
pub(crate) fn differs(
    kind: Kind,
    wire: Wire,
    name: &str,
) -> Option<(&'static str, &'static [Want])> {
    Some(match (kind, wire, name) {
        (_, Http, "the client") => (
            "over HTTP a proxy is the client, until a layer that trusts it says otherwise",
            &[Says("client", "127.0.0.1")],
        ),
        (Nginx | Apache | Haproxy, Http, "the field Proxy") => (
            "only as a variable it could be taken for something else",
            &[Says("proxy", "evil")],
        ),
        (Apache | Haproxy | Lighttpd, Http, "an underscore") => (
            "over HTTP it is a field of its own",
            &[Says("x_test", "evil"), Says("x-test", "-")],
        ),
        (Nginx, FastCgi | Scgi | Uwsgi, "the host") => (
            "Debian's parameters have `HTTP_HOST $host`, which is without the port",
            &[Says("host", "localhost")],
        ),
        (Apache, _, "cookies in two lines") => (
            "it joins all fields by commas, cookies too",
            &[Says("cookie", "a=1, b=2")],
        ),
        (Apache, Scgi | Uwsgi, "a body in chunks" | "no bytes in chunks") => {
            ("it wants a length for these", &[Status(411)])
        }
        (Apache, FastCgi | Scgi | Cgi, "the head of much") => (
            "it leaves lengths of `HEAD` out",
            &[Status(200), Field("content-length", &[])],
        ),
        (_, Cgi, "what breaks off" | "what breaks off late") => (
            "to a server a CGI program that fails is one that ends, unless it told a length",
            &[Status(200)],
        ),
        (Apache, Cgi, "what breaks off short of its length") => (
            "it makes a length of its own of what a CGI program gave",
            &[Status(200)],
        ),
        (Apache, Uwsgi, "what breaks off" | "what breaks off late")
        | (Lighttpd, Http | FastCgi | Scgi | Uwsgi, "what breaks off") => (
            "it takes what came for all there is where the reset is faster than it passes on the head",
            &[Status(200)],
        ),
        (Lighttpd, _, "no UTF-8") => ("it refuses such paths", &[Status(400)]),
        (Lighttpd, _, "a method of its own") => ("it knows the methods there are", &[Status(501)]),
        (Lighttpd, _, "an empty field") => ("it drops them", &[Says("x-test", "-")]),
        (Lighttpd, _, "an underscore") => (
            "it makes the same variable of both, as only it could tell",
            &[Says("x-test", "evil")],
        ),
        (Lighttpd, Http, "an encoded slash") => {
            ("it normalises paths", &[Says("path", "/echo/a/b")])
        }
        (Lighttpd, Http, "double slashes") => ("it normalises paths", &[Says("path", "/echo/a/b")]),
        (Lighttpd, Http, "dot segments") => ("it normalises paths", &[Says("path", "/echo/b")]),
        _ => return None,
    })
}
