//! Who starts the server, signals to it and hears what it says, and holds its sockets.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::UnixDatagram;
use tokio::time::timeout;

/// How long a server may take to say anything.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server and what is around it.
pub(super) struct World {
    dir: PathBuf,
    ca: CertifiedIssuer<'static, KeyPair>,
    manager: UnixDatagram,
    plain: TcpListener,
    secure: TcpListener,
    child: Option<Child>,
    /// The process that serves; not always our child.
    process: u32,
}

impl World {
    pub(super) fn new() -> io::Result<Self> {
        let dir = std::env::temp_dir().join(format!("gopuram-upgrades-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        fs::create_dir(&dir)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let world = Self {
            manager: UnixDatagram::bind(dir.join("manager"))?,
            ca: CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?,
            plain: TcpListener::bind("127.0.0.1:0")?,
            secure: TcpListener::bind("127.0.0.1:0")?,
            child: None,
            process: 0,
            dir,
        };
        world.certify()?;
        Ok(world)
    }

    /// A new certificate where the server reads it.
    fn certify(&self) -> io::Result<()> {
        let params = CertificateParams::new(vec!["localhost".to_owned()]);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let signed = params.and_then(|params| params.signed_by(&key, &self.ca));
        fs::write(self.dir.join("key.pem"), key.serialize_pem())?;
        fs::write(
            self.dir.join("cert.pem"),
            signed.map_err(io::Error::other)?.pem(),
        )
    }

    /// Where the server listens, without TLS and with it.
    pub(super) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.plain.local_addr()?, self.secure.local_addr()?))
    }

    /// A client that trusts who signs.
    pub(super) fn client(&self) -> io::Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let pem = self.ca.pem();
        let ca = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(io::Error::other)?;
        roots.add(ca).map_err(io::Error::other)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }

    /// Starts a server on the sockets that are held here, as systemd does.
    pub(super) async fn start(&mut self) -> io::Result<()> {
        let script = "export LISTEN_FDS=2 LISTEN_FDNAMES=plain:secure LISTEN_PID=$$; \
                      exec \"$0\" serve \"$@\" 3<&0 4<&1 0</dev/null 1>/dev/null";
        let child = Command::new("sh")
            .args(["-c", script])
            .arg(std::env::current_exe()?)
            .arg(&self.dir)
            .args(["systemd:plain", "systemd:secure"])
            .env("NOTIFY_SOCKET", self.dir.join("manager"))
            .stdin(OwnedFd::from(self.plain.try_clone()?))
            .stdout(OwnedFd::from(self.secure.try_clone()?))
            .spawn()?;
        self.process = child.id();
        self.child = Some(child);
        self.told("READY=1").await.map(drop)
    }

    /// Gives the server a new certificate.
    pub(super) async fn reload(&mut self) -> io::Result<()> {
        self.certify()?;
        self.signal("HUP")?;
        self.told("RELOADING=1").await?;
        self.told("READY=1").await.map(drop)
    }

    /// Has a new process take over.
    pub(super) async fn upgrade(&mut self) -> io::Result<()> {
        self.signal("USR2")?;
        self.told("READY=1").await?;
        let said = self.told("MAINPID=").await?;
        let process = said
            .strip_prefix("MAINPID=")
            .and_then(|p| p.trim().parse().ok());
        self.process = process.ok_or_else(|| io::Error::other(said))?;
        Ok(())
    }

    /// Drains the server and waits for its end.
    pub(super) async fn stop(&mut self) -> io::Result<()> {
        self.signal("TERM")?;
        let path = PathBuf::from(format!("/proc/{}", self.process));
        let ended = async {
            while path.exists() {
                if let Some(child) = &mut self.child {
                    child.try_wait()?;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            io::Result::Ok(())
        };
        timeout(PATIENCE, ended).await??;
        self.process = 0;
        Ok(())
    }

    fn signal(&self, signal: &str) -> io::Result<()> {
        let process = self.process.to_string();
        let status = Command::new("kill")
            .args(["-s", signal, &process])
            .status()?;
        status
            .success()
            .then_some(())
            .ok_or_else(|| io::Error::other("the server is gone"))
    }

    /// The next that the server tells its manager which begins so.
    async fn told(&self, expected: &str) -> io::Result<String> {
        let mut told = [0; 256];
        loop {
            let len = timeout(PATIENCE, self.manager.recv(&mut told)).await??;
            let said = String::from_utf8_lossy(told.get(..len).unwrap_or_default());
            if said.starts_with(expected) {
                return Ok(said.into_owned());
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.process != 0 {
            drop(self.signal("KILL"));
        }
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
        drop(fs::remove_dir_all(&self.dir));
    }
}
