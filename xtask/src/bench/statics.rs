//! `bench static`: files beside nginx, sendfile on, one worker.

use std::fs;
use std::path::Path;

use super::load::{self, Contender, contest, wrk};
use super::{Effort, build, nginx, ratio};
use crate::parts::{self, AB, CURL, NGINX, WRK};
use crate::run::{self, Failed, command, target};

const NGINX_PORT: u16 = 18_200;
const OURS_PORT: u16 = 18_201;

const SIZES: [(&str, usize); 4] = [
    ("1k", 1 << 10),
    ("16k", 16 << 10),
    ("1m", 1 << 20),
    ("100m", 100 << 20),
];

/// Measures every size, and 304.
pub(crate) fn bench(effort: Effort) -> Result<(), Failed> {
    parts::need(&[AB, NGINX, WRK, CURL])?;
    build()?;
    let dir = target().join("bench-static");
    let root = dir.join("root");
    make_files(&root).map_err(|e| format!("{}: {e}", root.display()))?;
    let _nginx = nginx::serve(&dir, NGINX_PORT, "")?;
    let root = root.to_string_lossy();
    let ours = load::program(
        "bench-server",
        &["gopuram-static", &OURS_PORT.to_string(), &root],
    );
    let _ours = load::serve(ours, OURS_PORT)?;

    let contenders = [
        Contender {
            name: "nginx",
            port: NGINX_PORT,
        },
        Contender {
            name: "gopuram",
            port: OURS_PORT,
        },
    ];
    println!("{:<6} {:>12} {:>12}", "", "nginx /s", "gopuram /s");
    println!("(requests; of 100m bytes)");
    let mut ratios = Vec::new();
    let mut row = |name: &'static str, figures: &[f64]| {
        if let [nginx, ours] = figures {
            println!("{name:<6} {nginx:>12.1} {ours:>12.1}");
            ratios.push((name, ours / nginx));
        }
    };
    for (name, _) in SIZES {
        let path = format!("/{name}.bin");
        // Of 64 large ones at a time none is over within a second.
        let figures = contest(&contenders, effort, |c, s| match name {
            "100m" => load::wrk_bytes(c.port, &path, s),
            _ => wrk(c.port, &path, &[], s),
        })?;
        row(name, &figures);
    }
    let figures = contest(&contenders, effort, |c, s| {
        let field = format!("If-None-Match: {}", etag(c.port, "/1k.bin")?);
        wrk(c.port, "/1k.bin", &[&field], s)
    })?;
    row("304", &figures);
    let figures = contest(&contenders, effort, |c, s| {
        load::ab_head(c.port, "/16k.bin", s)
    })?;
    row("head", &figures);
    println!();
    for (name, value) in ratios {
        ratio(&format!("static_{name}_vs_nginx"), value);
    }
    Ok(())
}

/// Files of each size, made once; text, so that nothing shines by compressing.
fn make_files(root: &Path) -> std::io::Result<()> {
    fs::create_dir_all(root)?;
    for (name, size) in SIZES {
        let path = root.join(format!("{name}.bin"));
        if fs::metadata(&path).is_ok_and(|m| m.len() == size as u64) {
            continue;
        }
        let bytes: Vec<u8> = (b'a'..=b'z').cycle().take(size).collect();
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// The entity tag that a server gives a file.
fn etag(port: u16, path: &str) -> Result<String, Failed> {
    let url = format!("http://127.0.0.1:{port}{path}");
    let head = run::output(command("curl", &["--silent", "--head", &url]))?;
    head.lines()
        .find_map(|line| {
            line.split_once(": ")
                .filter(|(name, _)| name.eq_ignore_ascii_case("etag"))
        })
        .map(|(_, tag)| tag.trim().to_owned())
        .ok_or_else(|| format!("no ETag from {url}"))
}
