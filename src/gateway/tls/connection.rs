//! A connection over TLS, from its handshake to its end.

use std::sync::Arc;

use bytes::Bytes;
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, HandshakeKind, ProtocolVersion, ServerConnection};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tracing::error;

use super::Tls;
use super::config::Loaded;
use super::gate::{Authority, PlainHttp};
use super::handshake::{Secured, Unsecured, part, shake};
use super::stats::Cause;
use crate::Application;
use crate::gateway::connection::{Arrival, Connection};
use crate::gateway::opening::Opening;
use crate::gateway::settings::Settings;
use crate::gateway::slots::Slot;
use crate::middleware::attributes::{self, TlsVersion};

impl Tls {
    /// Secures a connection and serves `app` over it; the slot is given back when `io` is closed.
    pub(in crate::gateway) async fn serve<T, S>(
        self,
        io: T,
        app: S,
        connection: attributes::Connection,
        settings: Arc<Settings>,
        slot: Option<Slot>,
    ) where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Application,
    {
        let loaded = match self.loaded() {
            Ok(loaded) => loaded,
            Err(error) => return error!(%error, "a connection cannot be secured"),
        };
        let shaking = shake(io, &loaded, &settings.drain);
        let shaken = tokio::select! {
            shaken = timeout(settings.deadlines.handshake, shaking) => shaken,
            () = settings.drain.ended() => return,
        };
        let counters = self.counters();
        match shaken {
            Ok(Ok(Secured {
                mut stream,
                presented,
            })) => {
                let tls = described(stream.get_ref().1);
                counters.complete(tls.resumed);
                let arrival = arrival(connection, tls, presented, &loaded);
                if !settings.drain.is_running() {
                    // The request that the handshake was made for is on its way.
                    let first = timeout(settings.deadlines.linger, stream.fill_buf());
                    first.await.ok();
                }
                Connection::new(stream, app, arrival, settings, slot).await;
            }
            Ok(Err(Unsecured::PlainHttp { io, first, len })) => {
                counters.fail(Cause::PlainHttp, None);
                let arrival = Arrival {
                    connection,
                    gate: Some(Arc::new(PlainHttp)),
                    opening: begun(&first, len),
                };
                Connection::new(io, app, arrival, settings, slot).await;
            }
            Ok(Err(Unsecured::Failed { cause, error, io })) => {
                counters.fail(cause, error.as_ref());
                if let Some(io) = io {
                    timeout(settings.deadlines.linger, part(io)).await.ok();
                }
            }
            Ok(Err(Unsecured::Ended)) => {}
            Err(_) => counters.fail(Cause::TimedOut, None),
        }
    }
}

/// A connection as it arrives from its handshake.
fn arrival(
    connection: attributes::Connection,
    tls: attributes::Tls,
    presented: Arc<CertifiedKey>,
    loaded: &Loaded,
) -> Arrival {
    let name = tls.server_name.as_deref();
    Arrival {
        gate: Authority::gate(&loaded.names, presented, name, loaded.strict_authority),
        opening: Opening {
            http2: match tls.alpn.as_deref() {
                Some(b"h2") => Some(true),
                Some(b"http/1.1") => Some(false),
                // Nothing that says what follows: the preface does.
                _ => None,
            },
            ..Opening::default()
        },
        connection: connection.secured(tls),
    }
}

/// What is read again of a connection on which there was no handshake.
fn begun(first: &[u8], len: usize) -> Opening {
    let mut opening = Opening {
        len,
        ..Opening::default()
    };
    for (place, &byte) in opening.bytes.iter_mut().zip(first) {
        *place = byte;
    }
    opening
}

/// What there is to know of a handshake that is done.
fn described(session: &ServerConnection) -> attributes::Tls {
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => TlsVersion::V1_2,
        _ => TlsVersion::V1_3,
    };
    let suite = session.negotiated_cipher_suite();
    let mut tls = attributes::Tls::new(version, suite.map_or("", |suite| name(suite.suite())));
    tls.server_name = session.server_name().map(Into::into);
    tls.alpn = session.alpn_protocol().map(Bytes::copy_from_slice);
    let certificates = session.peer_certificates().unwrap_or_default();
    tls.client_certificates = certificates
        .iter()
        .map(|certificate| Bytes::copy_from_slice(certificate))
        .collect();
    tls.resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    tls
}

/// What IANA calls a suite; rustls has names of its own for those of TLS 1.3.
fn name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        suite => suite.as_str().unwrap_or_default(),
    }
}
