//! For whom a connection is secured, and for whom not.

use std::sync::Arc;

use http::StatusCode;
use rustls::sign::CertifiedKey;

use super::names::{Names, covers};
use crate::gateway::gate::{Gate, Refusal};

/// Sends requests away that came over another host's connection (RFC 9110, section 7.4).
pub(super) struct Authority {
    names: Arc<Names>,
    presented: Arc<CertifiedKey>,
    server_name: Option<Box<str>>,
    /// Whether the certificate is valid for that name, if that is asked for.
    valid: Option<bool>,
}

impl Authority {
    /// `None` if there is nothing to look at.
    pub(super) fn gate(
        names: &Arc<Names>,
        presented: Arc<CertifiedKey>,
        server_name: Option<&str>,
        strict: bool,
    ) -> Option<Arc<dyn Gate>> {
        if names.is_one() && !strict {
            return None;
        }
        let valid = || server_name.is_some_and(|name| covers(&presented, name));
        Some(Arc::new(Self {
            valid: strict.then(valid),
            names: Arc::clone(names),
            presented,
            server_name: server_name.map(Into::into),
        }))
    }
}

impl Gate for Authority {
    fn check(&self, host: Option<&str>) -> Result<(), Refusal> {
        let Some(host) = host else {
            return Ok(());
        };
        let named = self.server_name.as_deref();
        let allowed = if named.is_some_and(|name| name.eq_ignore_ascii_case(host)) {
            self.valid != Some(false)
        } else {
            let other = self.names.own(host);
            let other = other.is_some_and(|other| !Arc::ptr_eq(other, &self.presented));
            !other && self.valid.is_none() || covers(&self.presented, host)
        };
        if allowed {
            Ok(())
        } else {
            Err(Refusal {
                status: StatusCode::MISDIRECTED_REQUEST,
                says: "This connection is another host's: ask again on one of its own.\n",
            })
        }
    }
}

/// Tells whoever speaks HTTP to a port of HTTPS so.
pub(super) struct PlainHttp;

impl Gate for PlainHttp {
    fn check(&self, _: Option<&str>) -> Result<(), Refusal> {
        Err(Refusal {
            status: StatusCode::BAD_REQUEST,
            says: "This port speaks HTTPS: begin the address with https://.\n",
        })
    }
}
