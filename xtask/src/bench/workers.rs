//! `bench workers`: reloads, killed workers and upgrades of the wheel's supervisor, under a load that may not notice.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::count;
use crate::python::{Build, Environment};
use crate::run::{self, Background, Failed, command, output};

const PORT: u16 = 18_790;
const WORKERS: usize = 4;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a client does something else between two requests.
const PAUSE: Duration = Duration::from_millis(3);

/// Does it to four workers, and prints what the load has seen; counts and no times, so that it is built as tests are.
///
/// # Errors
///
/// If a request failed that had not reached a worker which was killed.
pub(crate) fn bench(quick: bool) -> Result<(), Failed> {
    let environment = Environment::new()?;
    environment.install(&["maturin>=1.9,<2"])?;
    environment.install_wheel(Build::Quick)?;
    let mut fleet = Fleet::start(&environment)?;
    let (often, seldom) = if quick { (3, 2) } else { (20, 5) };

    measure("reload", often, || {
        let before = fleet.count("reload: reloaded")?;
        fleet.signal("HUP")?;
        fleet.wait_for("reload: reloaded", before + 1)
    })?;
    measure("kill", often, || {
        let ready = fleet.count("a worker is ready")?;
        let oldest = fleet.oldest()?;
        kill("KILL", oldest)?;
        fleet.wait_for("a worker is ready", ready + 1)
    })?;
    measure("upgrade", seldom, || fleet.upgrade())?;
    fleet.stop()
}

/// Does something so often under load, and prints what became of that.
fn measure(
    what: &str,
    times: usize,
    mut once: impl FnMut() -> Result<(), Failed>,
) -> Result<(), Failed> {
    let load = Load::start();
    let begun = Instant::now();
    let done = (0..times).try_for_each(|_| once());
    let elapsed = begun.elapsed();
    // What is left of the last is seen as well.
    sleep(Duration::from_secs(1));
    let seen = load.end();
    done?;
    let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let figures = [
        ("requests", of(&seen.answered)),
        ("failed_requests", of(&seen.failed)),
        ("lost_answers", of(&seen.cut)),
        ("retried_on_kept_connections", of(&seen.retried)),
        ("retried_on_new_connections", of(&seen.retried_new)),
    ];
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let count = |name: &str, value: usize| count(name, value as f64);
    count(&format!("{what}s"), times);
    for (name, value) in figures {
        count(&format!("{what}_{name}"), value);
    }
    println!("SECONDS {what}s {:.1}", elapsed.as_secs_f64());
    // A worker that is killed takes along what had reached it.
    let most = if what == "kill" { times * CLIENTS } else { 0 };
    let lost = of(&seen.cut) + of(&seen.retried_new);
    if of(&seen.failed) > 0 || lost > most {
        return Err(format!("requests were lost during {what}s"));
    }
    Ok(())
}

/// A supervisor with its workers.
struct Fleet {
    log: PathBuf,
    process: u32,
    first: Background,
}

impl Fleet {
    fn start(environment: &Environment) -> Result<Self, Failed> {
        let log = run::target().join("python/workers.log");
        let file = File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let mut serve = command(environment.program("gopuram"), &["serve", "wsgi_app:app"]);
        serve
            .args(["--bind", &format!("127.0.0.1:{PORT}")])
            .args(["--workers", &WORKERS.to_string()])
            .env("WSGI_APP", "bare")
            .current_dir(run::root().join("benches"))
            .stdout(Stdio::null())
            .stderr(file);
        let first = Background::start(serve)?;
        let fleet = Self {
            log,
            process: first.id(),
            first,
        };
        fleet.wait_for("serving address", 1)?;
        Ok(fleet)
    }

    fn said(&self) -> Result<String, Failed> {
        fs::read_to_string(&self.log).map_err(|e| format!("{}: {e}", self.log.display()))
    }

    fn count(&self, what: &str) -> Result<usize, Failed> {
        Ok(self.said()?.matches(what).count())
    }

    /// Waits until the log has it so often.
    fn wait_for(&self, what: &str, times: usize) -> Result<(), Failed> {
        let end = Instant::now() + PATIENCE;
        while self.count(what)? < times {
            if Instant::now() > end {
                return Err(format!("no `{what}` in {}", self.log.display()));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn signal(&self, signal: &str) -> Result<(), Failed> {
        kill(signal, self.process)
    }

    /// The worker that has been there for longest.
    fn oldest(&self) -> Result<u32, Failed> {
        let said = self.said()?;
        let ready = said
            .lines()
            .filter(|line| line.contains("a worker is ready"));
        let pids = ready.filter_map(number);
        // Those that are leaving are of no interest; of them the log says so.
        let gone: Vec<u32> = said
            .lines()
            .filter(|line| line.contains("replacing a worker") || line.contains("takes its place"))
            .filter_map(number)
            .collect();
        pids.filter(|pid| !gone.contains(pid))
            .find(|pid| Path::new(&format!("/proc/{pid}")).exists())
            .ok_or_else(|| "there is no worker".to_owned())
    }

    fn upgrade(&mut self) -> Result<(), Failed> {
        let before = self.count("the successor is ready")?;
        self.signal("USR2")?;
        self.wait_for("the successor is ready", before + 1)?;
        let said = self.said()?;
        let mut successors = said
            .lines()
            .filter(|l| l.contains("the successor is ready"));
        let successor = successors.next_back().and_then(number);
        self.process = successor.ok_or("the successor has no number")?;
        Ok(())
    }

    /// Ends it, and waits for that.
    fn stop(self) -> Result<(), Failed> {
        self.signal("TERM")?;
        let process = PathBuf::from(format!("/proc/{}", self.process));
        let end = Instant::now() + PATIENCE;
        while process.exists() && self.process != self.first.id() {
            if Instant::now() > end {
                return Err("the supervisor does not end".to_owned());
            }
            sleep(Duration::from_millis(5));
        }
        self.first.terminate();
        Ok(())
    }
}

/// The `pid` of a line of the log.
fn number(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once("pid=")?;
    rest.split_whitespace().next()?.parse().ok()
}

fn kill(signal: &str, process: u32) -> Result<(), Failed> {
    output(command("kill", &["-s", signal, &process.to_string()])).map(drop)
}

/// Half of them keep their connections.
const CLIENTS: usize = 8;

/// Clients at work.
struct Load {
    seen: Arc<Seen>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    ended: AtomicBool,
    answered: AtomicUsize,
    /// There was no connection, or another answer.
    failed: AtomicUsize,
    /// The connection ended within the answer.
    cut: AtomicUsize,
    /// The connection ended before any of the answer was there.
    retried: AtomicUsize,
    retried_new: AtomicUsize,
}

/// What went wrong.
enum Lost {
    Failed,
    Cut,
    Unanswered,
}

impl Load {
    fn start() -> Self {
        let seen = Arc::<Seen>::default();
        let clients = (0..CLIENTS).map(|number| {
            let seen = Arc::clone(&seen);
            thread::spawn(move || ask(&seen, number % 2 == 0))
        });
        Self {
            clients: clients.collect(),
            seen,
        }
    }

    fn end(self) -> Arc<Seen> {
        self.seen.ended.store(true, Ordering::Relaxed);
        for client in self.clients {
            if client.join().is_err() {
                self.seen.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.seen
    }
}

fn ask(seen: &Seen, keeps: bool) {
    let mut kept: Option<BufReader<TcpStream>> = None;
    while !seen.ended.load(Ordering::Relaxed) {
        let used = kept.is_some();
        let count = match once(&mut kept, keeps) {
            Ok(()) => &seen.answered,
            Err(Lost::Failed) => &seen.failed,
            Err(Lost::Cut) => &seen.cut,
            // Of a method that may be sent twice (RFC 9110, section 9.2.2).
            Err(Lost::Unanswered) if used => &seen.retried,
            Err(Lost::Unanswered) => &seen.retried_new,
        };
        count.fetch_add(1, Ordering::Relaxed);
        sleep(PAUSE);
    }
}

fn once(kept: &mut Option<BufReader<TcpStream>>, keeps: bool) -> Result<(), Lost> {
    let mut io = match kept.take() {
        Some(io) => io,
        None => connect().map_err(|_| Lost::Failed)?,
    };
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let sent = io.get_mut().write_all(request);
    sent.map_err(|_| Lost::Unanswered)?;
    let mut line = String::new();
    if !matches!(io.read_line(&mut line), Ok(1..)) {
        return Err(Lost::Unanswered);
    }
    if !line.starts_with("HTTP/1.1 200 ") {
        return Err(Lost::Failed);
    }
    let mut closes = false;
    loop {
        line.clear();
        if !matches!(io.read_line(&mut line), Ok(1..)) {
            return Err(Lost::Cut);
        }
        closes |= line.eq_ignore_ascii_case("connection: close\r\n");
        if line == "\r\n" {
            break;
        }
    }
    let mut body = [0; 13];
    io.read_exact(&mut body).map_err(|_| Lost::Cut)?;
    if &body != b"Hello, World!" {
        return Err(Lost::Failed);
    }
    if keeps && !closes {
        *kept = Some(io);
    }
    Ok(())
}

fn connect() -> io::Result<BufReader<TcpStream>> {
    let io = TcpStream::connect(("127.0.0.1", PORT))?;
    io.set_nodelay(true)?;
    io.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(io))
}
