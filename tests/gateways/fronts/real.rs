//! Front servers in processes of their own.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gopuram::gateway::{Address, Handle, Protocol};
use tokio::net::TcpStream;

use crate::conformance;

/// A front server before the application.
pub(super) struct Front {
    pub(super) address: SocketAddr,
    /// Under which path the application is.
    pub(super) prefix: &'static str,
    /// Whether each request is a process of its own.
    pub(super) cgi: bool,
    process: Child,
    directory: PathBuf,
    server: Option<Server>,
}

/// The application, served till this is dropped.
struct Server(Handle);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Nobody is waited for, and its workers end with it.
        self.server = None;
        let pid = self.process.id().to_string();
        drop(Command::new("kill").args(["-s", "TERM", &pid]).status());
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

impl Front {
    /// By its name and the protocol; `None` if it is not installed.
    pub(super) async fn start(name: &str) -> Option<Self> {
        let (program, protocol) = name.split_once('_').unwrap();
        let (binary, version) = match program {
            "apache" => ("apache2", "-v"),
            program => (program, "-v"),
        };
        if !is_there(binary, version) {
            return None;
        }
        let directory = std::env::temp_dir().join(format!("gopuram-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let open = PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&directory, open).unwrap();
        let socket = directory.join("app.sock");
        let (server, app) = match protocol {
            "cgi" => {
                let copy = directory.join("app");
                std::fs::copy(env!("CARGO_BIN_EXE_gopuram-test-program"), copy).unwrap();
                (None, None)
            }
            protocol => {
                let spoken = match protocol {
                    "fastcgi" => Protocol::FastCgi,
                    "scgi" => Protocol::Scgi,
                    "uwsgi" => Protocol::Uwsgi,
                    _ => Protocol::Http,
                };
                let unix = Address::unix(&socket).mode(0o666).protocol(spoken);
                let tcp = Address::from("127.0.0.1:0").protocol(spoken);
                let serve = gopuram::serve(conformance::app()).bind(unix).bind(tcp);
                let server = serve.listen().await.unwrap();
                let app = server.socket().unwrap();
                let handle = server.handle();
                tokio::spawn(server.run());
                (Some(Server(handle)), Some(app))
            }
        };
        let address = free();
        let example = |file: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/fronts");
            let mut text = std::fs::read_to_string(path.join(file)).unwrap();
            let app = app.map_or("127.0.0.1:1".to_owned(), |app| app.to_string());
            for port in [8000, 9000, 9001, 9002] {
                text = text.replace(&format!("127.0.0.1:{port}"), &app);
                let port = format!("\"port\" => {port}");
                let other = app.rsplit(':').next().unwrap_or_default();
                text = text.replace(&port, &format!("\"port\" => {other}"));
            }
            text.replace("/run/app.sock", socket.to_str().unwrap())
                .replace(
                    "/usr/lib/cgi-bin/app",
                    directory.join("app").to_str().unwrap(),
                )
        };
        let dir = directory.display();
        let (text, args, prefix): (_, &[&str], _) = match program {
            "nginx" => {
                let location = example(&format!("nginx_{protocol}.conf"))
                    .replace("include ", "include /etc/nginx/");
                let text = format!(
                    "daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;
                    events {{ }}
                    http {{
                        access_log off;
                        client_body_temp_path {dir}/temp; proxy_temp_path {dir}/temp;
                        fastcgi_temp_path {dir}/temp; uwsgi_temp_path {dir}/temp;
                        scgi_temp_path {dir}/temp; client_max_body_size 10m;
                        server {{ listen {address}; {location} }}
                    }}"
                );
                (text, &["-e", "/dev/null", "-c"], "")
            }
            "apache" => {
                let virtual_host = example("apache.conf");
                let modules = [
                    "mpm_event",
                    "authz_core",
                    "env",
                    "alias",
                    "cgid",
                    "proxy",
                    "proxy_fcgi",
                    "proxy_scgi",
                    "proxy_uwsgi",
                    "proxy_http",
                ];
                let modules: String = modules
                    .iter()
                    .map(|name| {
                        format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
                    })
                    .collect();
                let text = format!(
                    "Define {protocol}\nServerRoot {dir}\nPidFile {dir}/pid\nErrorLog {dir}/error.log\n\
                    {modules}ScriptSock {dir}/cgisock\nListen {address}\nServerName localhost\n\
                    User www-data\nGroup www-data\nDocumentRoot {dir}\n\
                    <VirtualHost *>\n{virtual_host}\n</VirtualHost>\n"
                );
                (text, &["-DFOREGROUND", "-f"], "")
            }
            "lighttpd" => {
                let example = example("lighttpd.conf");
                let (host, port) = (address.ip(), address.port());
                let text = format!(
                    "server.document-root = \"{dir}\"\nserver.bind = \"{host}\"\nserver.port = {port}\n\
                    server.errorlog = \"{dir}/error.log\"\nserver.upload-dirs = ( \"{dir}\" )\n\
                    server.modules = ( \"mod_alias\", \"mod_cgi\", \"mod_fastcgi\", \"mod_scgi\", \"mod_proxy\" )\n\
                    {example}"
                );
                let prefix = match protocol {
                    "cgi" => "/cgi/app",
                    "fastcgi" => "/fastcgi",
                    "scgi" => "/scgi",
                    "uwsgi" => "/uwsgi",
                    _ => "/http",
                };
                (text, &["-D", "-f"], prefix)
            }
            _ => {
                let text = example("haproxy.cfg").replace("127.0.0.1:8080", &address.to_string());
                (text, &["-db", "-f"], "")
            }
        };
        let file = directory.join("configuration");
        std::fs::write(&file, text).unwrap();
        let process = Command::new(binary)
            .args(args)
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let front = Self {
            address,
            prefix,
            cgi: protocol == "cgi",
            process,
            directory,
            server,
        };
        for _ in 0..500 {
            if TcpStream::connect(address).await.is_ok() {
                return Some(front);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{name} does not listen");
    }
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Whether a program that a test needs is there. Without it the test is skipped, loudly, but under
/// `CI=true` it fails: there nothing may be skipped.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn is_there(program: &str, version: &str) -> bool {
    if Command::new(program).arg(version).output().is_ok() {
        return true;
    }
    let missing = format!("`{program}` is missing: `cargo xtask test` gets it");
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!strict, "{missing}");
    eprintln!("SKIPPED: {missing}");
    false
}
