//! `bench tls`: small answers over TLS 1.3, beside nginx.

use std::fs;
use std::path::Path;

use super::load::{self, Contender, contest_by_cpu, wrk_tls};
use super::{Effort, build, nginx, ratio};
use crate::parts::{self, NGINX, OPENSSL, WRK};
use crate::run::{Failed, command, output, target};

const NGINX_SERVER: usize = 0;
const OURS: usize = 1;

/// Measures both with the same certificate, over connections that are kept alive.
pub(crate) fn bench(effort: Effort) -> Result<(), Failed> {
    parts::need(&[NGINX, OPENSSL, WRK])?;
    build()?;
    let dir = target().join("bench-tls");
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    certificate(&dir)?;
    let contenders = [
        Contender {
            name: "nginx",
            port: 18_500,
        },
        Contender {
            name: "gopuram",
            port: 18_501,
        },
    ];
    let [theirs, ours] = contenders.each_ref().map(|contender| contender.port);
    let server = format!(
        "listen 127.0.0.1:{theirs} ssl; ssl_protocols TLSv1.3;
    ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
    location = /hello {{ default_type text/plain; return 200 \"Hello, World!\"; }}",
        dir = dir.display(),
    );
    let nginx = nginx::serve_by(&dir, theirs, "", &server)?;
    let args = ["gopuram-tls", &ours.to_string(), &dir.to_string_lossy()];
    let gopuram = load::serve(load::program("bench-server", &args), ours)?;
    let servers = [&nginx, &gopuram];
    let both: Vec<_> = contenders.iter().zip(servers).collect();
    let figures = contest_by_cpu(&both, effort, |c, s| wrk_tls(c.port, "/hello", s))?;
    for (contender, (rate, by_cpu)) in contenders.iter().zip(&figures) {
        println!(
            "{:<14} {rate:>12.0} /s over TLS 1.3, {by_cpu:>9.0} in a second of its processor",
            contender.name
        );
    }
    println!();
    let at = |i: usize| figures.get(i).copied().unwrap_or((f64::NAN, f64::NAN));
    let (ours, theirs) = (at(OURS), at(NGINX_SERVER));
    ratio("tls_hello_vs_nginx", ours.0 / theirs.0);
    ratio("tls_hello_by_processor_vs_nginx", ours.1 / theirs.1);
    Ok(())
}

/// A certificate that nobody needs to trust, with the kind of key that most have.
fn certificate(dir: &Path) -> Result<(), Failed> {
    let mut openssl = command(
        "openssl",
        &[
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ],
    );
    openssl.arg("-keyout").arg(dir.join("key.pem"));
    openssl.arg("-out").arg(dir.join("cert.pem"));
    output(openssl).map(drop)
}
