//! What stands in `[tls]`, whether TLS is in this build or not.

use std::path::PathBuf;

use super::keys::settings;

settings! {
    /// What connections are secured with, where an address says `tls = true`.
    pub(in crate::config) struct TlsTable {
        /// The certificate and those between it and an authority, in PEM: a regular file, no pipe.
        certificate: PathBuf = "required",
        /// Its private key, in PEM: a regular file, no pipe.
        key: PathBuf = "required",
        /// An answer of OCSP to staple, in DER.
        ocsp: PathBuf = "none",
        /// Certificates for clients that ask for other names.
        host: Vec<Host> = "none",
        /// Whether clients that ask for no name that is known are sent away.
        refuse_unknown: bool = "false",
        /// Whether requests for a host that the certificate is not for are answered 421.
        strict_authority: bool = "false",
        /// Whether TLS 1.2 is not spoken.
        only_tls13: bool = "false",
        /// The protocols to agree on, the best first.
        alpn: Vec<String> = "[\"h2\", \"http/1.1\"]",
        /// What certificates clients have to show.
        clients: ClientsTable = "none",
    }
}

settings! {
    /// A certificate for some names.
    pub(in crate::config) struct Host {
        /// `example.org`, or `*.example.org` for any name one label longer.
        name: String = "required",
        /// As above.
        certificate: PathBuf = "required",
        /// As above.
        key: PathBuf = "required",
        /// As above.
        ocsp: PathBuf = "none",
    }
}

settings! {
    /// What certificates clients have to show.
    pub(in crate::config) struct ClientsTable {
        /// The authorities that vouch for clients, in PEM.
        authorities: PathBuf = "required",
        /// Lists of those that were revoked, in PEM.
        revoked: PathBuf = "none",
        /// Whether clients without one are not served.
        required: bool = "true",
    }
}
