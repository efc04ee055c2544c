//! The standard input and output of the process, as a connection.
//!
//! Neither can be waited for by the runtime whatever it is: a file cannot, and a pipe that is made to wait for nobody is so for the
//! server as well. Each has a thread, which ends with the process and keeps nobody waiting.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, join};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::super::behind::Framing;

/// How much waits between a thread and the application.
const ROOM: usize = 64 * 1024;

/// The connection, and what is ready when all of an answer was written, or could not be in this time.
pub(super) fn open(
    body: Framing,
    patience: Duration,
) -> (
    impl AsyncRead + AsyncWrite + Unpin + Send,
    impl Future<Output = ()>,
) {
    let handle = Handle::current();
    let (input, fed) = tokio::io::duplex(ROOM);
    let (output, drained) = tokio::io::duplex(ROOM);
    if body != Framing::Nothing {
        let handle = handle.clone();
        // As a thread that cannot be started, an input that cannot be read is one that ends.
        let fed = move || drop(feed(fed, body, &handle));
        drop(std::thread::Builder::new().spawn(fed));
    }
    let (tell, written) = oneshot::channel::<()>();
    let drain = move || {
        drop(drain(drained, &handle));
        drop(tell);
    };
    drop(std::thread::Builder::new().spawn(drain));
    let written = async move {
        drop(tokio::time::timeout(patience, written).await);
    };
    (join(input, output), written)
}

/// Reads no more than there is to read: the end need not come.
fn feed(mut fed: DuplexStream, body: Framing, handle: &Handle) -> io::Result<()> {
    let length = match body {
        Framing::Exactly(length) => length,
        Framing::Nothing => 0,
        Framing::Open => u64::MAX,
    };
    let mut input = io::stdin().lock().take(length);
    let mut bytes = [0; 16 * 1024];
    loop {
        let count = match input.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        handle.block_on(fed.write_all(bytes.get(..count).unwrap_or_default()))?;
    }
}

/// Writes what comes as it comes.
fn drain(mut drained: DuplexStream, handle: &Handle) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let mut bytes = [0; 16 * 1024];
    loop {
        let count = handle.block_on(drained.read(&mut bytes))?;
        if count == 0 {
            return output.flush();
        }
        output.write_all(bytes.get(..count).unwrap_or_default())?;
        output.flush()?;
    }
}
