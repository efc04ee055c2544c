//! The rest of a piece that fills no segment: it is written with the next piece if that is there, and waits for nothing else.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Poll, ready};

use bytes::Bytes;
use futures_util::stream::poll_fn;
use gopuram::Body;
use gopuram::gateway::Handle;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tower::util::service_fn;

const PIECE: &[u8] = &[b'x'; 64 * 1024];
/// With the lines before and after it.
const CHUNK: u64 = 64 * 1024 + 9;

/// What a segment takes, but for the time that it is stamped with: of three for each chunk a little is left.
const MSS: u32 = 21_000;

/// A connection whose answer comes in pieces.
struct Answer {
    client: TcpStream,
    /// How many more pieces are there, or why there are none.
    more: mpsc::UnboundedSender<Result<usize, io::Error>>,
    /// How much had been written when the body was asked for each piece that it gave.
    written: Arc<Mutex<Vec<u64>>>,
    /// The most pieces that were kept then.
    kept: Arc<AtomicUsize>,
}

/// A piece, kept as long as this.
struct Piece {
    _token: Arc<()>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        PIECE
    }
}

impl Answer {
    async fn ask() -> Self {
        let (more, coming) = mpsc::unbounded_channel();
        let coming = Arc::new(Mutex::new((0, coming)));
        let written = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::new(AtomicUsize::new(0));
        let counting = Arc::new(OnceLock::<Handle>::new());
        let app = {
            let (written, counting) = (Arc::clone(&written), Arc::clone(&counting));
            let (kept, token) = (Arc::clone(&kept), Arc::new(()));
            move |_: Request<Body>| {
                let (coming, written) = (Arc::clone(&coming), Arc::clone(&written));
                let counting = Arc::clone(&counting);
                let (kept, token) = (Arc::clone(&kept), Arc::clone(&token));
                // That of the application, and this.
                let own = Arc::strong_count(&token);
                let pieces = poll_fn(move |cx| {
                    let (there, coming) = &mut *coming.lock().unwrap();
                    while *there == 0 {
                        match ready!(coming.poll_recv(cx)) {
                            Some(Ok(more)) => *there = more,
                            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                            None => return Poll::Ready(None),
                        }
                    }
                    *there -= 1;
                    let stats = counting.get().unwrap().stats();
                    written.lock().unwrap().push(stats.bytes_out);
                    kept.fetch_max(Arc::strong_count(&token) - own, Ordering::Relaxed);
                    let frame = Frame::data(Bytes::from_owner(Piece {
                        _token: Arc::clone(&token),
                    }));
                    Poll::Ready(Some(Ok(frame)))
                });
                let body = Body::new(StreamBody::new(pieces));
                std::future::ready(Ok::<_, Infallible>(Response::new(body)))
            }
        };
        let server = gopuram::serve(service_fn(app)).bind("127.0.0.1:0");
        let server = server.listen().await.unwrap();
        let address = server.socket().unwrap();
        counting.set(server.handle()).ok().unwrap();
        tokio::spawn(server.run());
        let client = TcpSocket::new_v4().unwrap();
        SockRef::from(&client).set_tcp_mss(MSS).unwrap();
        let mut client = client.connect(address).await.unwrap();
        let req = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        client.write_all(req).await.unwrap();
        Self {
            client,
            more,
            written,
            kept,
        }
    }

    /// The next so many pieces, in their chunks.
    async fn read(&mut self, pieces: usize) {
        let mut bytes = vec![0; 64 * 1024];
        let (mut read, mut end) = (0, [0; 2]);
        while read < pieces * PIECE.len() || end != *b"\r\n" {
            let len = self.client.read(&mut bytes).await.unwrap();
            assert_ne!(len, 0);
            for byte in &bytes[..len] {
                read += usize::from(*byte == b'x');
                end = [end[1], *byte];
            }
        }
    }

    /// How much was written from one piece to the next.
    fn steps(&self) -> Vec<u64> {
        let written = std::mem::take(&mut *self.written.lock().unwrap());
        written.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

// As many as the kernel takes at once whether the client reads or not.
const ROW: usize = 4;

#[tokio::test]
async fn pieces_that_are_there_fill_their_segments() {
    let mut answer = Answer::ask().await;
    answer.more.send(Ok(ROW)).unwrap();
    // Nobody else would send what is held back.
    answer.read(ROW).await;
    let steps = answer.steps();
    assert!(steps[1] == CHUNK && steps[2] < CHUNK, "{steps:?}");
    answer.more.send(Ok(ROW)).unwrap();
    answer.read(ROW).await;
    let steps = answer.steps();
    assert!(steps[..2] == [CHUNK; 2] && steps[2] < CHUNK, "{steps:?}");
    // The rest of a piece does not keep the piece.
    assert_eq!(answer.kept.load(Ordering::Relaxed), 0);
    drop(answer.more);
    let mut end = [0; 5];
    answer.client.read_exact(&mut end).await.unwrap();
    assert_eq!(end, *b"0\r\n\r\n");
}

#[tokio::test]
async fn pieces_that_come_one_by_one_go_as_they_are() {
    let mut answer = Answer::ask().await;
    for _ in 0..6 {
        answer.more.send(Ok(1)).unwrap();
        answer.read(1).await;
    }
    assert_eq!(answer.steps()[1..], [CHUNK; 4]);
}

#[tokio::test]
async fn a_body_that_fails_has_given_all_that_came_before() {
    let mut answer = Answer::ask().await;
    // The rest of the third is held back.
    answer.more.send(Ok(3)).unwrap();
    answer
        .more
        .send(Err(io::Error::other("on purpose")))
        .unwrap();
    answer.read(3).await;
    let mut bytes = Vec::new();
    // Reset or closed: the answer has no end.
    answer.client.read_to_end(&mut bytes).await.ok();
    assert_eq!(bytes, b"");
}
