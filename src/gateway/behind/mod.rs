//! What the gateways behind a front server share: FastCGI, SCGI, uwsgi and CGI.
//!
//! They differ in how bytes become variables and an answer becomes bytes, which is their [`Codec`]; all else is here and there
//! once: whom to [trust](peers), the [connection](connection) with its deadlines and bounds, the request's [body](inbox),
//! its [answer](exchange), and the [document](document) that this is in CGI.

mod answers;
mod codec;
mod connection;
mod document;
mod exchange;
#[cfg(any(fuzzing, test))]
pub(super) mod fuzzing;
#[cfg(target_os = "linux")]
mod held;
mod inbox;
mod out;
mod peers;
mod requests;
#[cfg(any(fuzzing, test))]
pub(super) mod sent;
mod signal;
mod wire;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::address::Protocol;
use super::fastcgi::FastCgi;
use super::scgi::Scgi;
use super::settings::Settings;
use super::uwsgi::Uwsgi;
use crate::Application;

pub(super) use codec::{Broken, Codec, Event, Framing, Heads, Most, is_chunked};
pub(super) use connection::{Arrival, serve};
pub(super) use document::{cgi, http};
pub(super) use peers::Peers;
pub(super) use wire::{Ends, Wire};

/// Serves `app` over `io` by a protocol of front servers.
pub(super) async fn speak<T, S>(
    protocol: Protocol,
    io: T,
    ends: Ends<T>,
    app: S,
    arrival: Arrival,
    settings: Arc<Settings>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Application,
{
    let most = Most::of(&settings.limits);
    match protocol {
        Protocol::FastCgi => serve(io, ends, FastCgi::new(most), app, arrival, settings).await,
        Protocol::Scgi => serve(io, ends, Scgi::new(most), app, arrival, settings).await,
        Protocol::Uwsgi => serve(io, ends, Uwsgi::new(most), app, arrival, settings).await,
        // Which is spoken elsewhere.
        Protocol::Http => {}
    }
}
