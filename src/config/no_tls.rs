//! What stands for `[tls]` where the feature `tls` is off.

use std::path::Path;

use super::gateway::Listen;
use super::keys::Section;
use super::tls_table::TlsTable;
use crate::gateway::{Serve, Sockets};

/// What nobody has.
#[derive(Clone, Debug)]
pub(super) enum Tls {}

/// An address.
pub(super) fn bind<S>(serve: Serve<S>, listen: &Listen, _: Option<&Tls>) -> Serve<S> {
    serve.bind(listen.address.clone())
}

/// Sockets that were taken over.
#[expect(clippy::unnecessary_wraps, reason = "with the feature it may fail")]
pub(super) fn secure(
    sockets: Sockets,
    _: &Listen,
    _: Option<&Tls>,
) -> Result<Sockets, crate::Error> {
    Ok(sockets)
}

/// Nothing to be read.
pub(super) const fn reload(tls: &Tls) -> Result<(), crate::Error> {
    match *tls {}
}

/// Nothing to be read.
pub(super) fn begin_reload(tls: &Tls, _: Option<&Tls>) -> Result<fn(), crate::Error> {
    match *tls {}
}

/// Says what it needs.
pub(super) fn load(_: &TlsTable, _: &Path, section: &mut Section<'_, '_>) -> Option<Tls> {
    let at = section.place(None);
    let text = "TLS is not in this build; it needs the feature `tls`";
    section.mistakes().add(at, text);
    None
}
