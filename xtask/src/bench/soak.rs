//! `bench soak`: ten million requests of all kinds to the wheel, which may not grow by them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{count, load, ratio};
use crate::parts::{self, H2LOAD, WRK};
use crate::python::{Build, Environment};
use crate::run::{self, Failed, command};

const PORT: u16 = 18_795;

/// Each kind of request that HTTP/1.1 has for an application, the plain ones most often.
const MIX: &str = r#"
local function get(path) return "GET " .. path .. " HTTP/1.1\r\nHost: localhost\r\n\r\n" end
local function post(path, length)
  return "POST " .. path .. " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " .. length .. "\r\n\r\n" .. string.rep("x", length)
end
local chunked = "POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" ..
  "4e20\r\n" .. string.rep("x", 20000) .. "\r\n0\r\n\r\n"
local mix = {
  get("/"), get("/?a=1"), post("/read", 100), get("/"), get("/blocks"), get("/"), post("/read", 40000), get("/"), get("/raises"),
  get("/"), post("/left", 3000), get("/"), get("/late"), get("/"), chunked, get("/"), get("/written"), get("/"), get("/file"), get("/"),
}
-- A path of its own each time: whatever is kept by name would grow.
local count, turn = 0, 0
function request()
  turn = turn % #mix + 1
  if turn ~= 2 then return mix[turn] end
  count = count + 1
  return get("/" .. count .. "?q=" .. count)
end
"#;

/// How many requests are measured, and how many come before.
const ALL: usize = 10_000_000;
const FIRST: usize = 1_000_000;

/// By how many bytes a request what is allocated may have grown: a leak of anything is more, and each thread and connection that comes
/// and goes has something of its own.
const ALLOCATED: f64 = 0.1;

/// By how much what the system has given may differ between beginning and end; the allocator keeps gaps, by chance more than before.
const RESIDENT: f64 = 1.05;

/// Serves them all, each by the threads of one process, and prints its memory after each tenth.
///
/// # Errors
///
/// If memory has grown.
pub(crate) fn bench(quick: bool) -> Result<(), Failed> {
    parts::need(&[WRK, H2LOAD])?;
    let environment = Environment::new()?;
    environment.install(&["maturin>=1.9,<2"])?;
    environment.install_wheel(Build::Optimised)?;
    let script = run::target().join("python/mix.lua");
    fs::write(&script, MIX).map_err(|e| format!("{}: {e}", script.display()))?;
    let script = script.to_string_lossy();
    let (first, all) = if quick {
        (FIRST / 10, ALL / 10)
    } else {
        (FIRST, ALL)
    };

    let address = format!("127.0.0.1:{PORT}");
    let mut serve = command("taskset", &["-c", "0"]);
    serve
        .arg(environment.program("gopuram"))
        .args(["serve", "wsgi_app:app", "--bind", &address])
        .args(["--access-log", "/dev/null"])
        .env("WSGI_APP", "mixed")
        .current_dir(run::root().join("benches"))
        .stdout(Stdio::null())
        // Of each error there is a traceback.
        .stderr(Stdio::null());
    let server = load::serve(serve, PORT)?;
    let ended = AtomicBool::new(false);
    let left = AtomicUsize::new(0);
    let measured = thread::scope(|scope| {
        scope.spawn(|| leave(&ended, &left));
        let measured = measure(server.id(), &script, first, all);
        ended.store(true, Ordering::Relaxed);
        measured
    });
    server.terminate();
    let Measured { requests, memory } = measured?;
    for (
        tenth,
        Memory {
            allocated,
            resident,
        },
    ) in memory.iter().enumerate()
    {
        count(&format!("soak_allocated_{tenth}"), *allocated);
        count(&format!("soak_resident_{tenth}"), *resident);
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    {
        count("soak_requests", requests as f64);
        count("soak_clients_that_left", left.into_inner() as f64);
    }
    let (Some(first), Some(last)) = (memory.first(), memory.last()) else {
        return Err("nothing was measured".to_owned());
    };
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let allocated = (last.allocated - first.allocated) / all as f64;
    count("soak_allocated_bytes_a_request", allocated);
    let resident = last.resident / first.resident;
    ratio("soak_resident_last_over_first", resident);
    if allocated > ALLOCATED || resident > RESIDENT {
        return Err(format!(
            "memory has grown: {ALLOCATED} bytes a request and {RESIDENT} of what was resident are allowed"
        ));
    }
    Ok(())
}

struct Measured {
    requests: usize,
    /// Before the first tenth and after each.
    memory: Vec<Memory>,
}

/// In bytes.
struct Memory {
    /// By Python and Rust, as `benches/wsgi_app.py` tells it.
    allocated: f64,
    /// By `proc(5)`.
    resident: f64,
}

/// Half of the time by HTTP/1.1, half by HTTP/2.
fn measure(server: u32, script: &str, first: usize, all: usize) -> Result<Measured, Failed> {
    let mut requests = 0;
    let mut tenth = |until: usize| -> Result<Memory, Failed> {
        let begun = Instant::now();
        while requests < until {
            requests += by_http1(script)?;
            requests += by_http2()?;
        }
        let memory = Memory {
            allocated: allocated()?,
            resident: resident(server)?,
        };
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!(
            "{requests} requests, {} bytes allocated, {} resident, {seconds:.0} s",
            memory.allocated, memory.resident
        );
        Ok(memory)
    };
    let memory = (0..=10).map(|i| tenth(first + all / 10 * i));
    let memory = memory.collect::<Result<_, _>>()?;
    Ok(Measured { requests, memory })
}

/// How many were answered in five seconds.
fn by_http1(script: &str) -> Result<usize, Failed> {
    let url = format!("http://127.0.0.1:{PORT}/");
    let args = ["-c", "1", "wrk", "-t1", "-c64", "-d5s", "-s", script, &url];
    let said = run::output(command("taskset", &args))?;
    // "  123456 requests in 5.00s, 10.00MB read"
    let line = said.lines().find(|line| line.contains(" requests in "));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| format!("no count in:\n{said}"))
}

/// How many were answered; all that were asked for.
fn by_http2() -> Result<usize, Failed> {
    let count = 100_000;
    let urls = ["/", "/blocks", "/raises", "/late", "/written", "/file"];
    let urls = urls.map(|path| format!("http://127.0.0.1:{PORT}{path}"));
    let mut h2load = command(
        "taskset",
        &["-c", "1", "h2load", "-t1", "-c16", "-m8", "-n"],
    );
    h2load.arg(count.to_string()).args(urls);
    run::output(h2load)?;
    Ok(count)
}

fn allocated() -> Result<f64, Failed> {
    let request = b"GET /memory HTTP/1.0\r\n\r\n";
    let mut said = String::new();
    let asked = TcpStream::connect(("127.0.0.1", PORT)).and_then(|mut io| {
        io.write_all(request)?;
        io.read_to_string(&mut said)
    });
    asked.map_err(|e| format!("/memory: {e}"))?;
    let body = said.rsplit("\r\n").next().unwrap_or_default();
    (body.parse()).map_err(|_| format!("no number of bytes in:\n{said}"))
}

fn resident(process: u32) -> Result<f64, Failed> {
    let path = format!("/proc/{process}/status");
    let said = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let line = said.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.map(|kib| kib * 1024.0)
        .ok_or_else(|| format!("no VmRSS in {path}"))
}

/// Clients that leave in the middle of an answer, of a body and of a head.
fn leave(ended: &AtomicBool, left: &AtomicUsize) {
    let requests = [
        "GET /blocks HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nxxx",
        "POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxx",
        "GET / HTTP/1.1\r\nHos",
    ];
    for request in requests.iter().cycle() {
        if ended.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(mut io) = TcpStream::connect(("127.0.0.1", PORT)) {
            let wait = Some(Duration::from_millis(5));
            // That it comes to nothing is what it is for.
            drop(io.set_read_timeout(wait));
            drop(io.write_all(request.as_bytes()));
            drop(io.read(&mut [0; 64]));
            left.fetch_add(1, Ordering::Relaxed);
        }
    }
}
