//! What asks the fronts: bytes out, an answer in, so that nothing is made better on the way.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Another address of this machine, so that a client can be told from its front.
pub(crate) const US: &str = "127.0.0.9";

/// Longer than anything here takes; what never comes has to end some time.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a front.
pub(crate) struct Client(TcpStream);

/// An answer, and whether its framing says that it is whole.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) whole: bool,
}

impl Answer {
    /// All values of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(n, _)| n == name);
        named.map(|(_, value)| &**value).collect()
    }

    /// What the body says in a line of that name.
    pub(crate) fn line(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body);
        let start = format!("{name}: ");
        let found = text.lines().find_map(|line| line.strip_prefix(&start));
        found.map(str::to_owned)
    }
}

impl Client {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{US}:0").parse().unwrap()).unwrap();
        Self(socket.connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // Who is refused early closes before all is sent.
        self.0.write_all(bytes).await.ok();
    }

    /// Reads until this was said.
    pub(crate) async fn hears(&mut self, text: &str) {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(text) {
            let mut piece = [0; 4096];
            let read = timeout(PATIENCE, self.0.read(&mut piece)).await;
            let seen_text = String::from_utf8_lossy(&seen).into_owned();
            let read = read.unwrap_or_else(|_| panic!("no `{text}` in time, but: {seen_text}"));
            let read = read.unwrap();
            assert_ne!(read, 0, "no `{text}`, but: {seen_text}");
            seen.extend_from_slice(&piece[..read]);
        }
    }

    /// Reads to the end.
    pub(crate) async fn ends(&mut self) {
        let mut rest = Vec::new();
        let end = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        end.expect("an end").unwrap();
    }

    /// The next answer, to a request of this method.
    pub(crate) async fn answer(&mut self, method: &str) -> Answer {
        timeout(PATIENCE, self.read(method)).await.unwrap()
    }

    async fn read(&mut self, method: &str) -> Answer {
        let mut answer = Answer::default();
        loop {
            let Some(head) = self.until(b"\r\n\r\n").await else {
                return answer;
            };
            let head: String = head.iter().map(|&byte| char::from(byte)).collect();
            let mut lines = head.lines();
            let status = lines.next().unwrap_or_default();
            answer.status = status.split(' ').nth(1).unwrap().parse().unwrap();
            let fields = lines.filter_map(|line| line.split_once(':'));
            let fields = fields.map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()));
            answer.fields = fields.collect();
            if answer.status >= 200 {
                break;
            }
        }
        if method == "HEAD" || matches!(answer.status, 204 | 304) {
            answer.whole = true;
            return answer;
        }
        if let Some(length) = answer.all("content-length").first() {
            let length: usize = length.parse().unwrap();
            answer.body = self.exactly(length).await;
            answer.whole = answer.body.len() == length;
        } else if answer.all("transfer-encoding") == ["chunked"] {
            answer.whole = self.chunks(&mut answer.body).await;
        } else {
            // To the end of the connection, and whole unless it is reset.
            answer.whole = self.0.read_to_end(&mut answer.body).await.is_ok();
        }
        answer
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let Some(line) = self.until(b"\r\n").await else {
                return false;
            };
            let line = String::from_utf8_lossy(&line).into_owned();
            let Ok(length) = usize::from_str_radix(line.trim(), 16) else {
                return false;
            };
            let chunk = self.exactly(length).await;
            let cut = chunk.len() < length;
            body.extend(chunk);
            if cut || self.until(b"\r\n").await.is_none() {
                return false;
            }
            if length == 0 {
                return true;
            }
        }
    }

    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let mut seen = Vec::new();
        while !seen.ends_with(end) {
            seen.push(self.0.read_u8().await.ok()?);
        }
        Some(seen)
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(length).unwrap();
        (&mut self.0).take(limit).read_to_end(&mut bytes).await.ok();
        bytes
    }
}
