//! The load: requests all the time, each byte of each answer looked at.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::server::{LENGTH, answer};
use super::world::World;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// How long a client does something else between two requests.
const PAUSE: Duration = Duration::from_millis(3);

/// After how long a request has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Clients at work.
pub(super) struct Load {
    seen: Arc<Seen>,
    clients: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    ended: AtomicBool,
    answered: AtomicUsize,
    failed: AtomicUsize,
    retried: AtomicUsize,
    /// On a connection that was new.
    retried_new: AtomicUsize,
    lost: AtomicUsize,
}

/// How a client behaves.
#[derive(Clone)]
struct Client {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    /// Whether a connection is used again.
    kept: bool,
    expected: Bytes,
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What went wrong, and how much of an answer is missing.
enum Failed {
    /// There was no connection.
    Refused(io::Error),
    /// Before any of the answer was there.
    Unanswered,
    Cut(usize),
}

impl Load {
    /// Four clients that keep their connections and four that do not, half of them over TLS.
    pub(super) fn on(world: &World) -> io::Result<Self> {
        let (plain, secure) = world.addresses()?;
        let tls = Arc::new(world.client()?);
        let seen = Arc::<Seen>::default();
        let expected = answer();
        let mut clients = JoinSet::new();
        for number in 0..8 {
            let is_secure = number % 2 == 1;
            let client = Client {
                address: if is_secure { secure } else { plain },
                tls: is_secure.then(|| Arc::clone(&tls)),
                kept: number < 4,
                expected: expected.clone(),
            };
            clients.spawn(client.ask(Arc::clone(&seen)));
        }
        Ok(Self { seen, clients })
    }

    /// Ends after a while, and prints what was seen.
    pub(super) async fn end(mut self, what: &str, times: usize, after: Duration) -> io::Result<()> {
        sleep(after).await;
        self.seen.ended.store(true, Ordering::Relaxed);
        while self.clients.join_next().await.is_some() {}
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let (failed, lost) = (of(&self.seen.failed), of(&self.seen.lost));
        #[expect(clippy::print_stdout, reason = "figures are what this is for")]
        {
            println!("COUNT {what}s {times}");
            println!("COUNT {what}_requests {}", of(&self.seen.answered));
            println!("COUNT {what}_failed_requests {failed}");
            println!("COUNT {what}_retried_requests {}", of(&self.seen.retried));
            println!(
                "COUNT {what}_retried_on_new_connections {}",
                of(&self.seen.retried_new)
            );
            println!("COUNT {what}_lost_bytes {lost}");
        }
        if failed + lost == 0 {
            Ok(())
        } else {
            Err(io::Error::other(format!(
                "{failed} requests failed during {what}s"
            )))
        }
    }
}

impl Client {
    async fn ask(self, seen: Arc<Seen>) {
        let mut kept = None;
        while !seen.ended.load(Ordering::Relaxed) {
            let used = kept.is_some();
            let one = |count: &AtomicUsize| {
                count.fetch_add(1, Ordering::Relaxed);
            };
            match timeout(PATIENCE, self.once(&mut kept)).await {
                Ok(Ok(())) => one(&seen.answered),
                // Of a method that may be sent twice (RFC 9110, section 9.2.2).
                Ok(Err(Failed::Unanswered)) if used => one(&seen.retried),
                Ok(Err(Failed::Unanswered)) => one(&seen.retried_new),
                Ok(Err(Failed::Refused(error))) => {
                    say(&error);
                    one(&seen.failed);
                }
                Ok(Err(Failed::Cut(missing))) => {
                    one(&seen.failed);
                    seen.lost.fetch_add(missing, Ordering::Relaxed);
                }
                Err(_) => one(&seen.failed),
            }
            sleep(PAUSE).await;
        }
    }

    async fn once(&self, kept: &mut Option<Box<dyn Io>>) -> Result<(), Failed> {
        let mut io = match kept.take() {
            Some(io) => io,
            None => self.connect().await.map_err(Failed::Refused)?,
        };
        // As pools of connections do: one that was closed meanwhile is not asked.
        if timeout(Duration::ZERO, io.read_u8()).await.is_ok() {
            io = self.connect().await.map_err(Failed::Refused)?;
        }
        let asked = async {
            io.write_all(REQUEST).await?;
            io.flush().await
        };
        asked.await.map_err(|_| Failed::Unanswered)?;
        let mut answer = Vec::with_capacity(LENGTH + 1024);
        let begun = loop {
            match io.read_buf(&mut answer).await {
                Ok(0) | Err(_) if answer.is_empty() => return Err(Failed::Unanswered),
                Ok(0) | Err(_) => return Err(Failed::Cut(LENGTH)),
                Ok(_) => {}
            }
            if let Some(at) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        while answer.len() < begun + LENGTH {
            match io.read_buf(&mut answer).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Err(Failed::Cut(begun + LENGTH - answer.len())),
            }
        }
        let (head, body) = answer.split_at(begun);
        if !head.starts_with(b"HTTP/1.1 200 ") || body != self.expected {
            return Err(Failed::Cut(LENGTH));
        }
        let closes = head.windows(17).any(|field| field == b"connection: close");
        if self.kept && !closes {
            *kept = Some(io);
        }
        Ok(())
    }

    async fn connect(&self) -> io::Result<Box<dyn Io>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(tls))
            .connect(name, stream)
            .await?;
        Ok(Box::new(stream))
    }
}

#[expect(clippy::print_stderr, reason = "who measures wants to know")]
fn say(error: &io::Error) {
    eprintln!("a request failed: {error}");
}
