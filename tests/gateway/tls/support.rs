//! Certificates made on the spot, and clients that trust who signed them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gopuram::gateway::{Authorities, Certificate, Tls};
use gopuram::middleware::attributes::Attributes;
use gopuram::{Application, Body};
use http::{Request, Response};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::util::{BoxCloneService, service_fn};

use crate::support::App;

/// Who signs.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(crate) struct Issued {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its private key, in PEM.
    pub(crate) fn key(&self) -> String {
        self.0.key().serialize_pem()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(crate) fn authorities(&self) -> Authorities {
        Authorities::pem(self.pem()).unwrap()
    }

    /// A list of what it has revoked, valid until that day.
    pub(crate) fn revokes(&self, serials: &[u64], until: i32) -> String {
        let revoked = |&serial| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap().pem().unwrap()
    }

    /// A certificate of a client, with a number.
    pub(crate) fn numbered(&self, serial: u64) -> Issued {
        self.issue(&[], |params| {
            params.serial_number = Some(SerialNumber::from(serial));
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// A certificate of a server.
    pub(crate) fn server(&self, names: &[&str]) -> Issued {
        self.issue(names, |_| {})
    }

    /// A certificate of a server, with a number.
    pub(crate) fn server_numbered(&self, name: &str, serial: u8) -> Issued {
        self.issue(&[name], |params| {
            params.serial_number = Some(SerialNumber::from(u64::from(serial)));
        })
    }

    /// A certificate of a client.
    pub(crate) fn client(&self, name: &str) -> Issued {
        self.issue(&[], |params| {
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// A certificate that was valid once.
    pub(crate) fn expired(&self, name: &str) -> Issued {
        self.issue(&[name], |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        })
    }

    fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Issued {
            chain: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Issued {
    pub(crate) fn certificate(&self) -> Certificate {
        Certificate::pem(&self.chain, &self.key).unwrap()
    }

    pub(crate) fn tls(&self) -> Tls {
        Tls::new(self.certificate())
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.chain.as_bytes()).unwrap()
    }

    /// Writes both where they are read from.
    pub(crate) fn write(&self, dir: &Dir) {
        fs::write(dir.path("cert.pem"), &self.chain).unwrap();
        fs::write(dir.path("key.pem"), &self.key).unwrap();
    }
}

/// A directory of its own, removed when it is dropped.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gopuram-tls-{}-{count}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What is in the files of [`Issued::write`].
    pub(crate) fn certificate(&self) -> Certificate {
        Certificate::pem_files(self.path("cert.pem"), self.path("key.pem")).unwrap()
    }

    /// What is served with it.
    pub(crate) fn tls(&self) -> Tls {
        Tls::new(self.certificate())
    }
}

impl AsRef<Path> for Dir {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A client that trusts an authority and speaks by ALPN what is said.
pub(crate) fn client(ca: &Ca, protocols: &[&str]) -> ClientConfig {
    speaking(ca, rustls::DEFAULT_VERSIONS, None, protocols)
}

/// A client with a certificate.
pub(crate) fn client_with(ca: &Ca, own: &Issued) -> ClientConfig {
    speaking(ca, rustls::DEFAULT_VERSIONS, Some(own), &[])
}

pub(crate) fn speaking(
    ca: &Ca,
    versions: &[&'static SupportedProtocolVersion],
    own: Option<&Issued>,
    protocols: &[&str],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        Some(own) => {
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![own.der()], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    let protocols = protocols.iter().map(|name| name.as_bytes().to_vec());
    config.alpn_protocols = protocols.collect();
    config
}

/// Serves one connection with TLS in a task; the client's end of it, not secured yet.
pub(crate) fn connect(app: impl Application, tls: &Tls) -> DuplexStream {
    let (client, io) = tokio::io::duplex(64 * 1024);
    tokio::spawn(gopuram::serve(app).over_tls(io, tls.clone()));
    client
}

/// The client's part of a handshake.
pub(crate) async fn secure<T: AsyncRead + AsyncWrite + Unpin>(
    io: T,
    config: impl Into<Arc<ClientConfig>>,
    name: &str,
) -> io::Result<TlsStream<T>> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(config.into()).connect(name, io).await
}

/// A secured connection to an application.
pub(crate) async fn dial(
    app: impl Application,
    tls: &Tls,
    config: ClientConfig,
    name: &str,
) -> io::Result<TlsStream<DuplexStream>> {
    secure(connect(app, tls), config, name).await
}

/// Sends bytes and reads to the end of the connection, which must be said.
pub(crate) async fn ask(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    bytes: &str,
) -> io::Result<String> {
    client.write_all(bytes.as_bytes()).await?;
    client.flush().await?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

/// A request after which the connection is closed.
pub(crate) fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// Tells what is known of the connection: scheme, version, name, protocol, and how many certificates.
pub(crate) fn teller() -> App {
    BoxCloneService::new(service_fn(async |req: Request<Body>| {
        let attributes = Attributes::of(&req).unwrap();
        let tls = attributes.connection().unwrap().tls.as_deref().unwrap();
        let told = format!(
            "{} {} {} {} {}",
            attributes.scheme().as_str(),
            tls.version.as_str(),
            tls.server_name.as_deref().unwrap_or("-"),
            tls.alpn
                .as_deref()
                .map_or("-".into(), String::from_utf8_lossy),
            tls.client_certificates.len(),
        );
        Ok(Response::new(Body::from(told)))
    }))
}
