//! One exchange over a socket: frames out, and what comes of them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gopuram::gateway::Serve;
use gopuram::{Application, Body};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::frames::{Frame, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, frame, get, next};

/// The codes of errors (section 7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Code {
    Protocol = 1,
    FlowControl = 3,
    StreamClosed = 5,
    FrameSize = 6,
    Refused = 7,
    Compression = 9,
    EnhanceYourCalm = 11,
}

/// What has to come of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// Nothing; what follows is answered.
    Ignored,
    /// The request on stream 1 is answered 200.
    Served,
    /// The request on stream 1 is answered so, and the application is not asked.
    Refused(Status),
    /// The stream ends with this code, and others go on.
    Stream(u32, Code),
    /// The same, and the application was not asked.
    Malformed(Code),
    /// The connection ends with this code.
    Connection(Code),
    /// The connection ends with this code, and the application was not asked: an error of a stream may be taken
    /// for one of the connection (section 5.4.1).
    Ended(Code),
    /// The connection is closed without a word, and the application was not asked.
    Cut,
    /// The first is what the RFC has, the second what is done, the third why that may be so.
    Differs(&'static Outcome, &'static Outcome, &'static str),
}

/// A status, as the first bytes of a block have it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Status {
    /// From the static table (RFC 7541, appendix A).
    BadRequest,
    /// In Huffman's code (RFC 7541, appendix B).
    TooLarge,
}

impl Status {
    const fn block(self) -> &'static [u8] {
        match self {
            Self::BadRequest => &[0x8c],
            Self::TooLarge => &[0x48, 0x83, 0x69, 0x90, 0xff],
        }
    }
}

/// `:status` 200 of the static table.
const OK: &[u8] = &[0x88];

/// What is behind the changes of the table's size that a block begins with (RFC 7541, section 6.3).
pub(crate) fn status(mut block: &[u8]) -> &[u8] {
    while let Some((0x20..0x40, rest)) = block.split_first() {
        let large = block[0] == 0x3f;
        let more = rest.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        block = &rest[if large { more } else { 0 }..];
    }
    block
}

/// Why h2 may say `PROTOCOL_ERROR` where there is a better code.
pub(crate) const ONE_CODE: &str = "h2 has one code for every frame that it cannot decode; the connection ends with the first all the same";

/// What h2 says of a block that cannot be decoded.
pub(crate) const UNDECODED: Outcome = Outcome::Differs(
    &Outcome::Connection(Code::Compression),
    &Outcome::Connection(Code::Protocol),
    ONE_CODE,
);

/// What h2 says of a frame of the wrong size.
pub(crate) const MISSIZED: Outcome = Outcome::Differs(
    &Outcome::Connection(Code::FrameSize),
    &Outcome::Connection(Code::Protocol),
    ONE_CODE,
);

/// Defines a test for each case, in a module named by the section that its rule is in.
macro_rules! cases {
    ($($section:ident { $($(#[$note:meta])* $name:ident: $sent:expr => $outcome:expr;)* })*) => {
        $(mod $section {
            use super::*;
            $($(#[$note])* #[tokio::test]
            async fn $name() {
                crate::exchange::check($sent.concat(), $outcome).await;
            })*
        })*
    };
}
pub(crate) use cases;

/// The stream by which it is seen whether the connection goes on.
const BEHIND: u32 = 0x7f_ffff;

/// How long what must come may take; none comes near it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads bodies to their ends and counts what it is asked.
#[derive(Clone, Default)]
pub(crate) struct Asked(Arc<AtomicUsize>);

impl Asked {
    pub(crate) fn app(&self) -> impl Application {
        let asked = self.clone();
        tower::service_fn(move |req: Request<Body>| {
            asked.0.fetch_add(1, Ordering::SeqCst);
            async move {
                drop(req.into_body().collect().await);
                Ok::<_, Infallible>(Response::new(Body::from("hello")))
            }
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A client that says nothing by itself.
pub(crate) struct Client(TcpStream);

impl Client {
    /// Connected to a server of its own, which ends with the test; the preface is not sent yet.
    pub(crate) async fn to(serve: Serve<impl Application>) -> Self {
        let server = serve.bind("127.0.0.1:0").listen().await.unwrap();
        let address = server.socket().unwrap();
        tokio::spawn(server.run());
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// The same with the preface and empty settings.
    pub(crate) async fn open(serve: Serve<impl Application>) -> Self {
        let mut client = Self::to(serve).await;
        client.send(PREFACE).await;
        client.send(&frame(SETTINGS, 0, 0, [])).await;
        client
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // Whoever ends a connection may not take all.
        self.0.write_all(bytes).await.ok();
    }

    /// The next frame, or the end.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let next = tokio::time::timeout(PATIENCE, next(&mut self.0)).await;
        next.unwrap_or_else(|_| panic!("nothing comes"))
    }

    /// The next frame of this kind on this stream; what has to be left out until then is told.
    pub(crate) async fn next_of(&mut self, kind: u8, stream: u32) -> Frame {
        loop {
            let Some(frame) = self.next().await else {
                panic!("the connection ends without {kind} on {stream}");
            };
            if frame.kind == kind && frame.stream == stream {
                return frame;
            }
            let bad = frame.kind == GOAWAY || frame.kind == RST_STREAM;
            assert!(!bad, "{frame:?} in place of {kind} on {stream}");
        }
    }

    /// Asks for something and is answered.
    pub(crate) async fn goes_on(&mut self) {
        self.send(&get(BEHIND)).await;
        let answer = self.next_of(HEADERS, BEHIND).await;
        assert!(status(&answer.payload).starts_with(OK), "{answer:?}");
    }

    /// Whether this is what the server says last, and why.
    pub(crate) async fn ends_with(&mut self, code: Code) {
        let mut said = None;
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                said = Some(frame.number(4));
            }
        }
        assert_eq!(said, Some(code as u32));
    }
}

/// Sends a case behind the opening, and sees what comes of it.
pub(crate) async fn check(sent: Vec<u8>, outcome: Outcome) {
    let asked = Asked::default();
    let mut client = Client::open(gopuram::serve(asked.app())).await;
    client.send(&sent).await;
    come_of(&mut client, &asked, outcome).await;
}

async fn come_of(client: &mut Client, asked: &Asked, mut outcome: Outcome) {
    if let Outcome::Differs(ought, is, why) = outcome {
        assert_ne!(format!("{ought:?}"), format!("{is:?}"), "{why}");
        outcome = *is;
    }
    match outcome {
        Outcome::Differs(..) => panic!("it differs from what differs"),
        Outcome::Ignored => client.goes_on().await,
        Outcome::Served => {
            let answer = client.next_of(HEADERS, 1).await;
            assert!(status(&answer.payload).starts_with(OK), "{answer:?}");
            assert_eq!(asked.count(), 1);
        }
        Outcome::Refused(status) => {
            let answer = client.next_of(HEADERS, 1).await;
            assert!(
                self::status(&answer.payload).starts_with(status.block()),
                "{answer:?}"
            );
            assert_eq!(asked.count(), 0);
            client.goes_on().await;
        }
        Outcome::Stream(stream, code) => {
            client.is_reset(stream, code).await;
            client.goes_on().await;
        }
        Outcome::Malformed(code) => {
            client.is_reset(1, code).await;
            assert_eq!(asked.count(), 0);
            client.goes_on().await;
        }
        Outcome::Connection(code) => client.ends_with(code).await,
        Outcome::Ended(code) => {
            client.ends_with(code).await;
            assert_eq!(asked.count(), 0);
        }
        Outcome::Cut => {
            while let Some(frame) = client.next().await {
                assert!(frame.kind != GOAWAY && frame.kind != HEADERS, "{frame:?}");
            }
            assert_eq!(asked.count(), 0);
        }
    }
}

impl Client {
    /// All bytes until the connection ends.
    pub(crate) async fn all(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let all = self.0.read_to_end(&mut bytes);
        let read = tokio::time::timeout(PATIENCE, all).await;
        // To be reset is an end.
        drop(read.unwrap_or_else(|_| panic!("the connection stays open")));
        bytes
    }

    /// Sees the stream end with this code.
    pub(crate) async fn is_reset(&mut self, stream: u32, code: Code) {
        loop {
            let frame = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the connection ends"));
            assert_ne!(frame.kind, GOAWAY, "{frame:?}");
            if frame.kind == RST_STREAM && frame.stream == stream {
                assert_eq!(frame.number(0), code as u32);
                return;
            }
        }
    }
}
