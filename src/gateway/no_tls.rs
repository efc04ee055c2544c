//! What stands for TLS where the feature `tls` is off: there is none.

use std::convert::Infallible;
use std::future::Ready;
use std::sync::Arc;

use super::settings::Settings;
use super::slots::Slot;
use crate::Error;
use crate::middleware::attributes::Connection;

/// What no listener has.
#[derive(Clone, Debug)]
pub(super) struct Tls(Infallible);

impl Tls {
    pub(super) fn prepare(&self) -> Result<(), Error> {
        match self.0 {}
    }

    pub(super) fn serve<T, S>(
        self,
        _: T,
        _: S,
        _: Connection,
        _: Arc<Settings>,
        _: Option<Slot>,
    ) -> Ready<()> {
        match self.0 {}
    }
}
