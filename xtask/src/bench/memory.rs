//! `bench memory`: what a connection costs that waits, and one that reads slowly.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use super::load;
use super::{build, count};
use crate::run::{Background, Failed, target};

const IDLE_PORT: u16 = 18_400;
const HYPER_PORT: u16 = 18_401;
const SLOW_PORT: u16 = 18_402;
const IDLE: u32 = 5000;
const SLOW: u32 = 1000;
const FILE: u64 = 100 << 20;

/// Measures how much more memory a server holds with many connections open.
pub(crate) fn bench() -> Result<(), Failed> {
    build()?;
    let idle = idle("gopuram", IDLE_PORT)?;
    let hyper = self::idle("hyper", HYPER_PORT)?;

    let root = target().join("bench-memory");
    large_file(&root).map_err(|e| format!("{}: {e}", root.display()))?;
    let files = [
        "gopuram-static",
        &SLOW_PORT.to_string(),
        &root.to_string_lossy(),
    ];
    let server = load::serve(load::program("bench-server", &files), SLOW_PORT)?;
    // Each reads the first KiB and leaves the rest to the server to hold back.
    let slow = per_connection(&server, SLOW_PORT, "/100m.bin", SLOW, 1024)?;
    drop(server);

    println!("{IDLE} idle connections: {idle} bytes each, {hyper} with bare hyper");
    println!("{SLOW} slow readers of 100 MiB: {slow} bytes each");
    println!();
    count("idle_connection_bytes", idle);
    count("hyper_idle_connection_bytes", hyper);
    count("slow_reader_bytes", slow);
    Ok(())
}

/// Connections that have been answered once and are kept alive.
fn idle(kind: &str, port: u16) -> Result<f64, Failed> {
    let server = load::program("bench-server", &[kind, &port.to_string()]);
    let server = load::serve(server, port)?;
    per_connection(&server, port, "/hello", IDLE, 13)
}

/// Opens connections, reads `bytes` of content over each, and compares the server's memory.
fn per_connection(
    server: &Background,
    port: u16,
    path: &str,
    connections: u32,
    bytes: usize,
) -> Result<f64, Failed> {
    let open = || open(port, path, bytes).map_err(|e| format!("port {port}{path}: {e}"));
    // What is made at first use is not counted.
    drop(open()?);
    let before = resident(server)?;
    let open: Vec<_> = (0..connections).map(|_| open()).collect::<Result<_, _>>()?;
    let after = resident(server)?;
    drop(open);
    let each = after.saturating_sub(before) / u64::from(connections);
    u32::try_from(each)
        .map(f64::from)
        .map_err(|e| e.to_string())
}

fn open(port: u16, path: &str, bytes: usize) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut seen = Vec::new();
    let mut chunk = [0; 1024];
    let head = |seen: &[u8]| seen.windows(4).position(|four| four == b"\r\n\r\n");
    while head(&seen).is_none_or(|at| seen.len() < at + 4 + bytes) {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        seen.extend(chunk.iter().take(read));
    }
    Ok(stream)
}

/// The resident memory of a server, in bytes.
fn resident(server: &Background) -> Result<u64, Failed> {
    let path = format!("/proc/{}/status", server.id());
    let status = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.trim().parse::<u64>().ok())
        .map(|kib| kib * 1024)
        .ok_or_else(|| format!("no VmRSS in {path}"))
}

/// A file that is all holes: it takes no disk and reads as zeros.
fn large_file(root: &std::path::Path) -> std::io::Result<()> {
    fs::create_dir_all(root)?;
    fs::File::create(root.join("100m.bin"))?.set_len(FILE)
}
