//! From a connection to one that is secured, or to the reason why not.

use std::io;
use std::sync::Arc;

use rustls::server::Acceptor;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error as TlsError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::config::Loaded;
use super::stats::Cause;
use crate::gateway::drain::{Drain, GRACE};

/// As many bytes as the head of a record: with them alone no handshake begins.
const FIRST: usize = 5;

/// A connection that is secured.
pub(super) struct Secured<T> {
    pub(super) stream: TlsStream<T>,
    /// The certificate that the client was shown, or was when its session began.
    pub(super) presented: Arc<CertifiedKey>,
}

/// A connection that is not secured.
pub(super) enum Unsecured<T> {
    /// The server ends, and the client has not begun.
    Ended,
    /// The handshake failed.
    Failed {
        cause: Cause,
        error: Option<io::Error>,
        /// To say goodbye with, where there is still somebody.
        io: Option<T>,
    },
    /// It is HTTP as it is; its first bytes, and how many.
    PlainHttp {
        io: T,
        first: [u8; FIRST],
        len: usize,
    },
}

impl<T> Unsecured<T> {
    fn failed(cause: Cause, error: io::Error, io: Option<T>) -> Self {
        Self::Failed {
            cause,
            error: Some(error),
            io,
        }
    }
}

/// Secures a connection.
pub(super) async fn shake<T>(
    mut io: T,
    loaded: &Loaded,
    drain: &Drain,
) -> Result<Secured<T>, Unsecured<T>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut first = [0; FIRST];
    let len = match begin(&mut io, &mut first, drain).await {
        Some(Ok(len)) => len,
        Some(Err(error)) => return Err(Unsecured::failed(Cause::Gone, error, None)),
        None => return Err(Unsecured::Ended),
    };
    let mut begun = match first.get(..len) {
        Some([byte, ..]) if byte.is_ascii_alphabetic() => {
            return Err(Unsecured::PlainHttp { io, first, len });
        }
        Some(begun) if len > 0 => begun,
        _ => {
            let gone = io::ErrorKind::UnexpectedEof.into();
            return Err(Unsecured::failed(Cause::Gone, gone, None));
        }
    };
    let mut acceptor = Acceptor::default();
    if let Err(error) = acceptor.read_tls(&mut begun) {
        return Err(Unsecured::failed(Cause::Broken, error, Some(io)));
    }
    let mut accepting = LazyConfigAcceptor::new(acceptor, io);
    let mut hello = match (&mut accepting).await {
        Ok(hello) => hello,
        Err(error) => {
            let cause = cause(&error, true);
            return Err(Unsecured::failed(cause, error, accepting.take_io()));
        }
    };
    let name = hello.client_hello().server_name().map(str::to_owned);
    let Some(presented) = loaded.names.find(name.as_deref()).cloned() else {
        hello.io.write_all(UNRECOGNIZED_NAME).await.ok();
        return Err(Unsecured::Failed {
            cause: Cause::UnknownName,
            error: None,
            io: Some(hello.io),
        });
    };
    match hello
        .into_stream(Arc::clone(&loaded.config))
        .into_fallible()
        .await
    {
        Ok(stream) => Ok(Secured { stream, presented }),
        Err((error, io)) => Err(Unsecured::failed(cause(&error, false), error, Some(io))),
    }
}

/// Reads the first bytes; `None` if there are none and the server has been to end for some time.
async fn begin<T: AsyncRead + Unpin>(
    io: &mut T,
    first: &mut [u8],
    drain: &Drain,
) -> Option<io::Result<usize>> {
    tokio::select! {
        biased;
        read = io.read(first) => return Some(read),
        () = drain.hurried() => {}
    }
    timeout(GRACE, io.read(first)).await.ok()
}

/// A fatal alert in a record of its own (RFC 6066, section 3; RFC 8446, sections 5.1 and 6). rustls would
/// say `access_denied`.
const UNRECOGNIZED_NAME: &[u8] = &[21, 3, 3, 0, 2, 2, 112];

/// Why a handshake failed; in its first message other things may be meant by what cannot be read.
fn cause(error: &io::Error, first: bool) -> Cause {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(TlsError::InvalidMessage(_)) if first => Cause::NotTls,
        Some(TlsError::PeerIncompatible(_) | TlsError::NoApplicationProtocol) => {
            Cause::Incompatible
        }
        Some(TlsError::InvalidCertificate(_) | TlsError::NoCertificatesPresented) => {
            Cause::ClientCertificate
        }
        Some(TlsError::AlertReceived(_)) => Cause::Refused,
        Some(_) => Cause::Broken,
        None => match error.kind() {
            io::ErrorKind::InvalidData => Cause::Broken,
            _ => Cause::Gone,
        },
    }
}

/// Whether nothing was wrong but that the list of those revoked is too old.
pub(super) fn is_by_stale_list(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(
        inner,
        Some(TlsError::InvalidCertificate(
            CertificateError::ExpiredRevocationList
                | CertificateError::ExpiredRevocationListContext { .. }
        ))
    )
}

/// Ends a connection on which an alert was sent, so that the client may read it: with bytes unread it would
/// be reset.
pub(super) async fn part<T: AsyncRead + AsyncWrite + Unpin>(mut io: T) {
    if io.shutdown().await.is_err() {
        return;
    }
    let mut bytes = [0; 1024];
    while let Ok(1..) = io.read(&mut bytes).await {}
}
