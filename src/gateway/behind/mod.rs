//! What the gateways behind a front server share: FastCGI, SCGI, uwsgi and CGI.
//!
//! They differ in how bytes become variables and an answer becomes bytes, which is their [`Codec`]; all else is here and there
//! once: whom to [trust](peers), the [connection](connection) with its deadlines and bounds, the request's [body](inbox),
//! its [answer](exchange), and the [document](document) that this is in CGI.

mod codec;
mod connection;
mod document;
mod exchange;
mod inbox;
mod peers;
mod signal;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::address::Protocol;
use super::connection::Connection;
use super::fastcgi::FastCgi;
use super::scgi::Scgi;
use super::settings::Settings;
use super::uwsgi::Uwsgi;
use crate::Application;

pub(super) use codec::{Broken, Codec, Event, Framing, Heads, Most, is_chunked};
pub(super) use connection::{Arrival, serve};
pub(super) use document::{cgi, http};
pub(super) use peers::Peers;

/// Serves `app` over `io` by a protocol; `cut` makes sure that its end does not look like one.
pub(super) async fn speak<T, S>(
    protocol: Protocol,
    io: T,
    cut: fn(&T),
    app: S,
    arrival: Arrival,
    settings: Arc<Settings>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Application,
{
    let most = Most::of(&settings.limits);
    match protocol {
        Protocol::FastCgi => serve(io, cut, FastCgi::new(most), app, arrival, settings).await,
        Protocol::Scgi => serve(io, cut, Scgi::new(most), app, arrival, settings).await,
        Protocol::Uwsgi => serve(io, cut, Uwsgi::new(most), app, arrival, settings).await,
        Protocol::Http => {
            Connection::new(io, app, arrival.connection, settings, arrival.slot).await;
        }
    }
}
