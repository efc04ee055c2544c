//! Programs that others have written: `openssl`, `curl`, `sslscan`.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;

use gopuram::gateway::{Handle, Tls};
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::support::{Ca, Dir, teller};

/// Whether a program is there. Without it the test is skipped, loudly, but under `CI=true` it fails.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub(crate) fn part(program: &str) -> bool {
    let version = if program == "openssl" {
        "version"
    } else {
        "--version"
    };
    match std::process::Command::new(program).arg(version).output() {
        Ok(version) => {
            assert!(version.status.success(), "`{program}`: {version:?}");
            true
        }
        Err(error) => {
            let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
            let missing = format!("`{program}` is missing ({error}): `cargo xtask test` gets it");
            assert!(!strict, "{missing}");
            eprintln!("SKIPPED: {missing}");
            false
        }
    }
}

/// A server on a port of its own, and the file of who signed its certificate.
struct Server {
    dir: Dir,
    address: SocketAddr,
    tls: Tls,
    handle: Handle,
    running: JoinHandle<Result<(), gopuram::Error>>,
}

impl Server {
    async fn new(tls: impl FnOnce(&Ca, &Dir) -> Tls) -> Self {
        let (ca, dir) = (Ca::new("ca"), Dir::new());
        fs::write(dir.path("ca.pem"), ca.pem()).unwrap();
        let tls = tls(&ca, &dir);
        let server = gopuram::serve(teller())
            .tls("127.0.0.1:0", tls.clone())
            .listen()
            .await
            .unwrap();
        Self {
            dir,
            address: server.socket().unwrap(),
            tls,
            handle: server.handle(),
            running: tokio::spawn(server.run()),
        }
    }

    /// All that a program says in the directory, and whether it was content. `PORT` stands for the port.
    async fn run(&self, program: &str, args: &str) -> (bool, String) {
        let args = args.replace("PORT", &self.address.port().to_string());
        let done = Command::new(program)
            .args(args.split_whitespace())
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let said = [done.stdout, done.stderr].concat();
        (
            done.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    async fn end(self) {
        self.handle.stop();
        self.running.await.unwrap().unwrap();
    }
}

fn plain(ca: &Ca, _: &Dir) -> Tls {
    ca.server(&["a.example", "localhost"]).tls()
}

#[tokio::test]
async fn curl_speaks_both_versions_of_http() {
    if !part("curl") {
        return;
    }
    let server = Server::new(plain).await;
    for (flags, told) in [
        ("--http2", "https TLSv1.3 localhost h2 0"),
        ("--http1.1", "https TLSv1.3 localhost http/1.1 0"),
        ("--no-alpn --tls-max 1.2", "https TLSv1.2 localhost - 0"),
    ] {
        let args = format!("-sS {flags} --cacert ca.pem https://localhost:PORT/");
        let (fine, said) = server.run("curl", &args).await;
        assert!(fine && said == told, "{flags}: {said}");
    }
    let (_, said) = server.run("curl", "-sS http://localhost:PORT/").await;
    assert!(said.starts_with("This port speaks HTTPS"), "{said}");
    let (fine, said) = server.run("curl", "-sS --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 --tlsv1.0 --cacert ca.pem https://localhost:PORT/").await;
    assert!(!fine, "{said}");
    server.end().await;
}

#[tokio::test]
async fn curl_shows_its_certificate() {
    if !part("curl") {
        return;
    }
    let server = Server::new(|ca, dir| {
        ca.client("curl").write(dir);
        plain(ca, dir).client_required(ca.authorities())
    });
    let server = server.await;
    let own = "--cert cert.pem --key key.pem";
    let args = format!("-sS {own} --cacert ca.pem https://localhost:PORT/");
    let (fine, said) = server.run("curl", &args).await;
    // It sends along who signed it.
    assert!(fine && said.ends_with(" h2 2"), "{said}");
    let args = "-sS --cacert ca.pem https://localhost:PORT/";
    let (fine, said) = server.run("curl", args).await;
    assert!(!fine && said.contains("certificate required"), "{said}");
    server.end().await;
}

#[tokio::test]
async fn openssl_resumes_its_sessions() {
    if !part("openssl") {
        return;
    }
    let server = Server::new(plain).await;
    fs::write(server.dir.path("get"), super::support::get("localhost")).unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        for (session, expected) in [("-sess_out", "New, TLSv1."), ("-sess_in", "Reused, TLSv1.")] {
            let script = format!(
                "openssl s_client -connect localhost:PORT {version} -CAfile ca.pem \
                 -verify_return_error -servername localhost {session} {version}.session -ign_eof < get"
            );
            let script = script.replace("PORT", &server.address.port().to_string());
            let done = Command::new("sh")
                .args(["-c", &script])
                .current_dir(&server.dir)
                .output()
                .await
                .unwrap();
            let said = String::from_utf8_lossy(&done.stdout);
            assert!(done.status.success(), "{done:?}");
            assert!(said.contains(expected), "{version} {session}: {said}");
            assert!(said.contains("https TLSv1."), "{said}");
        }
    }
    assert_eq!(server.tls.stats().resumed, 2);
    server.end().await;
}

#[tokio::test]
async fn openssl_is_told_which_names_are_unknown() {
    if !part("openssl") {
        return;
    }
    let server = Server::new(|ca, dir| plain(ca, dir).refuse_unknown()).await;
    for version in ["-tls1_2", "-tls1_3"] {
        for name in ["-servername b.example", "-noservername"] {
            let args = format!("s_client -connect localhost:PORT {version} {name}");
            let (fine, said) = server.run("openssl", &args).await;
            assert!(!fine && said.contains("unrecognized name"), "{said}");
        }
    }
    assert_eq!(server.tls.stats().unknown_name, 4);
    server.end().await;
}

/// An answer as authorities give it, and a client that looks at it.
#[tokio::test]
async fn openssl_is_shown_an_answer_of_openssl() {
    if !part("openssl") {
        return;
    }
    let server = Server::new(|ca, dir| {
        fs::write(dir.path("ca-key.pem"), ca.key()).unwrap();
        let issued = "V\t991231235959Z\t\t07\tunknown\t/CN=localhost\n";
        fs::write(dir.path("index"), issued).unwrap();
        for args in [
            "-issuer ca.pem -serial 7 -reqout asks -no_nonce",
            "-index index -CA ca.pem -rsigner ca.pem -rkey ca-key.pem -ndays 7 -reqin asks -respout ocsp",
        ] {
            let done = std::process::Command::new("openssl")
                .arg("ocsp")
                .args(args.split_whitespace())
                .current_dir(dir)
                .output()
                .unwrap();
            assert!(done.status.success(), "{done:?}");
        }
        let certificate = ca.server_numbered("localhost", 7).certificate();
        Tls::new(certificate.stapled(dir.path("ocsp")).unwrap())
    });
    let server = server.await;
    let args = "s_client -connect localhost:PORT -servername localhost -CAfile ca.pem -status";
    let (fine, said) = server.run("openssl", args).await;
    assert!(fine && said.contains("Cert Status: good"), "{said}");
    server.end().await;
}

#[tokio::test]
async fn sslscan_finds_nothing_weak() {
    if !part("sslscan") {
        return;
    }
    let server = Server::new(plain).await;
    let args = "--no-colour --no-compression --no-fallback --no-groups --sni-name=localhost 127.0.0.1:PORT";
    let (fine, said) = server.run("sslscan", args).await;
    assert!(fine, "{said}");
    for (protocol, state) in [
        ("SSLv2", "disabled"),
        ("SSLv3", "disabled"),
        ("TLSv1.0", "disabled"),
        ("TLSv1.1", "disabled"),
        ("TLSv1.2", "enabled"),
        ("TLSv1.3", "enabled"),
    ] {
        let line = said
            .lines()
            .find(|line| line.split_whitespace().collect::<Vec<_>>() == [protocol, state]);
        assert!(line.is_some(), "{protocol} is not {state}: {said}");
    }
    let suites: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("Preferred ") || line.starts_with("Accepted "))
        .collect();
    assert!(suites.len() > 4, "{said}");
    for suite in suites {
        let forward = suite.contains("TLSv1.3") || suite.contains(" ECDHE-");
        let sealed = suite.contains("GCM") || suite.contains("CHACHA20");
        let strong = suite.contains(" 128 bits") || suite.contains(" 256 bits");
        assert!(forward && sealed && strong, "{suite}");
    }
    for fact in [
        "Session renegotiation not supported",
        "TLSv1.3 not vulnerable to heartbleed",
        "TLSv1.2 not vulnerable to heartbleed",
    ] {
        assert!(said.contains(fact), "{fact}: {said}");
    }
    server.end().await;
}
