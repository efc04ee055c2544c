//! What rustls is told.

use std::io;
use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ServerConfig;
use rustls::version::{TLS12, TLS13};

use super::certificate::Certificate;
use super::clients::Clients;
use super::names::{Names, Pattern};
use crate::Error;

/// What was asked for, and read from files.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) default: Certificate,
    pub(super) hosts: Vec<(Pattern, Certificate)>,
    pub(super) clients: Clients,
    pub(super) protocols: Vec<Vec<u8>>,
    pub(super) only_tls13: bool,
    pub(super) refuses_unknown: bool,
    pub(super) strict_authority: bool,
}

impl Plan {
    pub(super) fn new(default: Certificate) -> Self {
        Self {
            default,
            hosts: Vec::new(),
            clients: Clients::Unasked,
            protocols: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            only_tls13: false,
            refuses_unknown: false,
            strict_authority: false,
        }
    }

    /// The same with its files as they are now.
    pub(super) fn read_again(&self) -> Result<Self, Error> {
        let mut hosts = Vec::with_capacity(self.hosts.len());
        for (pattern, certificate) in &self.hosts {
            hosts.push((pattern.clone(), certificate.read_again()?));
        }
        Ok(Self {
            default: self.default.read_again()?,
            hosts,
            clients: self.clients.read_again()?,
            ..self.clone()
        })
    }
}

/// What connections are secured with until the next reload.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    pub(super) names: Arc<Names>,
    pub(super) strict_authority: bool,
}

impl Loaded {
    pub(super) fn new(plan: &Plan) -> Result<Self, Error> {
        let failed = |error| Error::tls("cannot set TLS up", io::Error::other(error));
        let both = [&TLS13, &TLS12];
        let versions: &[_] = if plan.only_tls13 { &[&TLS13] } else { &both };
        let names = Arc::new(Names::new(&plan.default, &plan.hosts, plan.refuses_unknown));
        let resolver = Arc::clone(&names);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(failed)?
            .with_client_cert_verifier(plan.clients.verifier()?)
            .with_cert_resolver(resolver);
        config.alpn_protocols.clone_from(&plan.protocols);
        // New keys each time: a session that goes on is not verified again, and authorities may have gone.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(failed)?;
        Ok(Self {
            config: Arc::new(config),
            names,
            strict_authority: plan.strict_authority,
        })
    }
}

/// The cryptography, whatever else the process has chosen for itself.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}
