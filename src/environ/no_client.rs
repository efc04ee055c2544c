//! Without TLS of our own no client has a certificate.

use super::Environ;
use crate::middleware::attributes::Tls;

pub(super) const fn tell(_: &Tls, _: &mut Environ) {}
