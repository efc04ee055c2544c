//! A real front server, with the very file that its documentation shows.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// Whose front it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Nginx,
    Apache,
    Lighttpd,
    Haproxy,
}

/// How it speaks to the application.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wire {
    Http,
    FastCgi,
    Scgi,
    Uwsgi,
    Cgi,
}

impl Kind {
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2",
            Self::Lighttpd => "lighttpd",
            Self::Haproxy => "haproxy",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Apache => "apache",
            other => other.program(),
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Haproxy => "cfg",
            _ => "conf",
        }
    }

    /// What a whole configuration has around the file.
    fn around(self, dir: &Path, file: &str) -> String {
        let dir = dir.display();
        match self {
            Self::Nginx => format!(
                "daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;
                events {{ }}
                http {{
                    access_log off;
                    client_body_temp_path {dir}/temp; proxy_temp_path {dir}/temp;
                    fastcgi_temp_path {dir}/temp; uwsgi_temp_path {dir}/temp; scgi_temp_path {dir}/temp;
                    {file}
                }}"
            ),
            Self::Apache => {
                let names = [
                    "mpm_event",
                    "authz_core",
                    "alias",
                    "proxy",
                    "proxy_http",
                    "proxy_fcgi",
                    "proxy_scgi",
                    "proxy_uwsgi",
                    "cgid",
                ];
                let mut modules = String::new();
                for name in names {
                    let file = format!("/usr/lib/apache2/modules/mod_{name}.so");
                    writeln!(modules, "LoadModule {name}_module {file}").unwrap();
                }
                format!(
                    "ServerRoot {dir}\nServerName localhost\nPidFile pid\nErrorLog error.log\n\
                     {modules}User www-data\nGroup www-data\nScriptSock {dir}/cgid\n\
                     Listen 127.0.0.1:8080\nKeepAliveTimeout 1\n{file}"
                )
            }
            Self::Lighttpd => format!(
                "server.document-root = \"{dir}\"\nserver.errorlog = \"{dir}/error.log\"\n{file}"
            ),
            Self::Haproxy => file.to_owned(),
        }
    }
}

impl Wire {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::FastCgi => "fastcgi",
            Self::Scgi => "scgi",
            Self::Uwsgi => "uwsgi",
            Self::Cgi => "cgi",
        }
    }

    /// What the files say the application is at.
    const fn place(self) -> &'static str {
        match self {
            Self::Http => "127.0.0.1:9000",
            Self::FastCgi => "127.0.0.1:9001",
            Self::Scgi => "127.0.0.1:9002",
            Self::Uwsgi => "127.0.0.1:9003",
            Self::Cgi => CGI_BIN,
        }
    }
}

/// Where Debian has CGI programs.
const CGI_BIN: &str = "/usr/lib/cgi-bin";

/// Whether there is such a front. Without it the test is skipped, loudly, but under `CI=true` it fails: there nothing
/// may be skipped.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub(crate) fn is_there(kind: Kind) -> bool {
    let Err(error) = Command::new(kind.program()).arg("-v").output() else {
        return true;
    };
    let missing = format!(
        "`{}` is missing ({error}): `cargo xtask test` gets it",
        kind.program()
    );
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!strict, "{missing}");
    eprintln!("SKIPPED: {missing}");
    false
}

/// A front on a port of its own; it ends with the test.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    process: Child,
    dir: PathBuf,
}

impl Drop for Front {
    fn drop(&mut self) {
        // Apache leaves its children behind if it is killed.
        let id = self.process.id().to_string();
        Command::new("kill").arg(&id).status().ok();
        self.process.wait().ok();
        fs::remove_dir_all(&self.dir).ok();
    }
}

impl Front {
    /// Starts it before the application at `place`: an address, or the path of a program.
    pub(crate) async fn start(kind: Kind, wire: Wire, place: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gopuram-{}-{}-{number}", kind.name(), std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let address = free();
        let shown = shown(kind, wire);
        for params in ["fastcgi_params", "scgi_params", "uwsgi_params"] {
            let stock = Path::new("/etc/nginx").join(params);
            if kind == Kind::Nginx {
                fs::copy(stock, dir.join(params)).unwrap();
            }
        }
        let conf = kind
            .around(&dir, &shown)
            .replace("8080", &address.port().to_string());
        let conf = match wire {
            Wire::Cgi => conf.replace(CGI_BIN, &dir.to_string_lossy()),
            // lighttpd has address and port apart.
            wire if kind == Kind::Lighttpd => {
                let [shown, ours] = [wire.place(), place].map(|place| place.rsplit(':').next());
                conf.replace(shown.unwrap(), ours.unwrap())
            }
            wire => conf.replace(wire.place(), place),
        };
        if wire == Wire::Cgi {
            // Where a server that is not root may run it.
            fs::copy(place, dir.join("application")).unwrap();
        }
        let file = dir.join("conf");
        fs::write(&file, conf).unwrap();
        let mut command = Command::new(kind.program());
        match kind {
            Kind::Nginx => command.args(["-e", "stderr", "-c"]).arg(&file),
            Kind::Apache => command.args(["-D", "FOREGROUND", "-f"]).arg(&file),
            Kind::Lighttpd => command.args(["-D", "-f"]).arg(&file),
            Kind::Haproxy => command.args(["-db", "-f"]).arg(&file),
        };
        let process = command.stdin(Stdio::null()).spawn().unwrap();
        let mut front = Self {
            address,
            process,
            dir,
        };
        front.listens(kind).await;
        front
    }

    async fn listens(&mut self, kind: Kind) {
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(self.address).await.is_err() {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("{kind:?} ended ({status}): {}", self.errors());
            }
            assert!(Instant::now() < until, "{kind:?} does not listen");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the front has logged, for who wonders why a test failed.
    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(self.dir.join("error.log")).unwrap_or_default()
    }
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// The file that the documentation shows.
fn shown(kind: Kind, wire: Wire) -> String {
    let name = format!("{}_{}.{}", kind.name(), wire.name(), kind.suffix());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/fronts");
    let path = path.join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
