//! `bench gzip`: 64 KiB of text coded beside nginx at the same level, anew each time and kept.
//!
//! The text that is timed is prose and code, as pages are; of a log, which repeats itself much more, the
//! length is compared as well.

use std::fs;
use std::io;
use std::path::Path;

use super::load::{self, Contender, contest, wrk};
use super::{Effort, build, count, nginx, ratio};
use crate::parts::{self, CURL, NGINX, WRK};
use crate::run::{self, Failed, command, root, target};

const ACCEPT: &str = "Accept-Encoding: gzip";
const LEN: usize = 64 << 10;

/// Measures how many a second, and how long they are.
pub(crate) fn bench(effort: Effort) -> Result<(), Failed> {
    parts::need(&[NGINX, WRK, CURL])?;
    build()?;
    let dir = target().join("bench-gzip");
    let files = dir.join("root");
    write_texts(&files).map_err(|e| format!("{}: {e}", files.display()))?;
    let contenders: Vec<_> = ["nginx", "gopuram-gzip", "gopuram-gzip-kept"]
        .into_iter()
        .zip(18_300..)
        .map(|(name, port)| Contender { name, port })
        .collect();
    let mut running = Vec::new();
    for contender in &contenders {
        let port = contender.port;
        running.push(if contender.name == "nginx" {
            let gzip = "gzip on; gzip_comp_level 6; gzip_types text/plain;";
            nginx::serve(&dir, port, gzip)?
        } else {
            let files = files.to_string_lossy();
            let args = [contender.name, &port.to_string(), &files];
            load::serve(load::program("bench-server", &args), port)?
        });
    }
    let figures = contest(&contenders, effort, |c, s| {
        wrk(c.port, "/text.txt", &[ACCEPT], s)
    })?;
    println!("{:<20} {:>10} {:>8}", "", "/s", "bytes");
    let mut lengths = Vec::new();
    for (contender, figure) in contenders.iter().zip(&figures) {
        let length = coded_length(contender.port, "text")?;
        println!("{:<20} {figure:>10.0} {length:>8.0}", contender.name);
        lengths.push(length);
    }
    println!();
    if let ([nginx, ours, kept], [theirs, length, _]) = (&*figures, &*lengths) {
        ratio("gzip_64k_vs_nginx", ours / nginx);
        ratio("gzip_kept_vs_nginx", kept / nginx);
        let over = |ours: f64, theirs: f64| (ours / theirs * 1000.0).round() / 1000.0;
        count("gzip_bytes_over_nginx", over(*length, *theirs));
        if let [nginx, ours, _] = &*contenders {
            let theirs = coded_length(nginx.port, "log")?;
            let ours = coded_length(ours.port, "log")?;
            count("gzip_log_bytes_over_nginx", over(ours, theirs));
        }
    }
    Ok(())
}

/// Writes the project's own documentation, and the quickstart's large text.
fn write_texts(files: &Path) -> io::Result<()> {
    fs::create_dir_all(files)?;
    let documents = [
        "README.md",
        "CONTRIBUTING.md",
        "SPEC.md",
        "CHANGELOG.md",
        "LICENSE-APACHE",
        "middleware/static_files/mod.rs",
        "middleware/access_log/mod.rs",
        "middleware/router/mod.rs",
        "middleware/compress/mod.rs",
    ];
    for (name, parts) in [
        ("text", &documents[..]),
        ("log", &["examples/site/visitors.txt"]),
    ] {
        let mut text = Vec::new();
        for part in parts {
            text.extend(fs::read(root().join(part))?);
        }
        let text = text.get(..LEN).ok_or(io::ErrorKind::UnexpectedEof)?;
        fs::write(files.join(format!("{name}.txt")), text)?;
    }
    Ok(())
}

/// How many bytes come for a text, which must be coded.
fn coded_length(port: u16, name: &str) -> Result<f64, Failed> {
    let url = format!("http://127.0.0.1:{port}/{name}.txt");
    let said = run::output(command(
        "curl",
        &[
            "--silent",
            "--header",
            ACCEPT,
            "--output",
            "/dev/null",
            "--write-out",
            "%header{content-encoding} %{size_download}",
            &url,
        ],
    ))?;
    said.strip_prefix("gzip ")
        .and_then(|length| length.trim().parse().ok())
        .ok_or_else(|| format!("{url} is not coded: {said}"))
}
