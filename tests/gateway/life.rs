//! Signals, the service manager, and a new version that takes over.

use std::collections::HashSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gopuram::Body;
use http::{Request, Response};
use tower::util::service_fn;

/// Set for the process that serves: its directory.
const SERVER: &str = "GOPURAM_TEST_LIFE";

/// On how many cores it serves, if on runtimes of their own.
const CORES: &str = "GOPURAM_TEST_LIFE_CORES";

/// A server in a process of its own, which writes its port to a file and answers with its number.
struct Life {
    directory: PathBuf,
    first: Child,
    address: SocketAddr,
    manager: UnixDatagram,
}

impl Life {
    fn start(test: &str) -> Self {
        Self::with(test, &[])
    }

    fn on_cores(test: &str, cores: usize) -> Self {
        Self::with(test, &[(CORES, &cores.to_string())])
    }

    /// With more in its environment.
    fn with(test: &str, more: &[(&str, &str)]) -> Self {
        let name = format!("gopuram-{}-{}", std::process::id(), test.replace(':', "-"));
        let directory = std::env::temp_dir().join(name);
        fs::remove_dir_all(&directory).ok();
        fs::create_dir(&directory).unwrap();
        let manager = UnixDatagram::bind(directory.join("manager")).unwrap();
        manager
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let first = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(SERVER, &directory)
            .envs(more.iter().copied())
            .env("NOTIFY_SOCKET", directory.join("manager"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut life = Self {
            directory,
            first,
            address: ([127, 0, 0, 1], 0).into(),
            manager,
        };
        life.told("READY=1");
        let port = fs::read_to_string(life.directory.join("port")).unwrap();
        life.address.set_port(port.parse().unwrap());
        life
    }

    /// The next thing that the service manager is told, which begins so.
    fn told(&self, expected: &str) -> String {
        let told = self.any();
        assert!(told.starts_with(expected), "{told} and not {expected}");
        told
    }

    /// The next thing that it is told.
    fn any(&self) -> String {
        let mut told = [0; 256];
        let len = self.manager.recv(&mut told).unwrap();
        String::from_utf8_lossy(&told[..len]).into_owned()
    }

    /// The number of the process that serves.
    fn ask(&self) -> u32 {
        ask(&mut connect(self.address)).unwrap().0
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.directory.join(name)).unwrap_or_default()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Whoever serves last is ended, and the first is ours to wait for.
        if let Ok(mut client) = TcpStream::connect(self.address)
            && let Ok((process, _)) = ask(&mut client)
        {
            kill("TERM", process);
        }
        self.first.wait().ok();
        fs::remove_dir_all(&self.directory).ok();
    }
}

fn kill(signal: &str, process: u32) {
    let kill = Command::new("kill")
        .args(["-s", signal, &process.to_string()])
        .status();
    assert!(kill.unwrap().success());
}

fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    client
}

/// The number of the process that answers, and whether the connection may be used again.
fn ask(client: &mut TcpStream) -> std::io::Result<(u32, bool)> {
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut bytes = [0; 1024];
    while !answer.ends_with(b"\n\n") {
        let len = client.read(&mut bytes)?;
        if len == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend(&bytes[..len]);
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Ok((
        body.trim().parse().unwrap(),
        !head.contains("connection: close"),
    ))
}

/// Serves in this process if it was started for that.
async fn serve() -> bool {
    let Some(directory) = std::env::var_os(SERVER).map(PathBuf::from) else {
        return false;
    };
    if directory.join("slow").exists() {
        fs::write(directory.join("tried"), std::process::id().to_string()).unwrap();
        std::future::pending::<()>().await;
    }
    if directory.join("broken").exists() {
        fs::write(directory.join("tried"), "").unwrap();
        panic!("a version that is broken");
    }
    let app = service_fn(async |_: Request<Body>| {
        let body = Body::from(format!("{}\n\n", std::process::id()));
        Ok::<_, std::convert::Infallible>(Response::new(body))
    });
    let note = |directory: &Path, name: &str| {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(directory.join(name));
        file.unwrap().write_all(b"x").unwrap();
    };
    let (reload, reopen) = (directory.clone(), directory.clone());
    let mut serve = gopuram::serve(app);
    // Of a version that comes after the file may say it.
    let cores = fs::read_to_string(directory.join("cores")).or_else(|_| std::env::var(CORES));
    if let Ok(cores) = cores {
        serve = serve.cores(cores.parse().unwrap());
    }
    let server = serve
        .bind("127.0.0.1:0")
        .bind("127.0.0.1:0")
        .bind(format!(
            "unix:{}?mode=600",
            directory.join("socket").display()
        ))
        .on_reload(move || {
            let reload = reload.clone();
            async move { note(&reload, "reloaded") }
        })
        .on_reopen(move || note(&reopen, "reopened"))
        .hand_over()
        .listen()
        .await
        .unwrap();
    let port = server.socket().unwrap().port();
    fs::write(directory.join("port"), port.to_string()).unwrap();
    let all: Vec<_> = server.addresses().iter().map(ToString::to_string).collect();
    fs::write(directory.join("addresses"), all.join(" ")).unwrap();
    server.run().await.unwrap();
    true
}

#[tokio::test]
async fn signals_do_what_they_are_for_and_the_manager_is_told() {
    if serve().await {
        return;
    }
    let mut life = Life::start("life::signals_do_what_they_are_for_and_the_manager_is_told");
    let process = life.first.id();
    assert_eq!(life.ask(), process);
    kill("HUP", process);
    let told = life.told("RELOADING=1\nMONOTONIC_USEC=");
    let (_, micros) = told.rsplit_once('=').unwrap();
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    // The clock that stands still while the machine sleeps is behind the other; both begin with it.
    assert!(
        (1..=uptime_micros(uptime)).contains(&micros.parse().unwrap()),
        "{told}"
    );
    life.told("READY=1");
    assert_eq!(life.file("reloaded"), "x");
    kill("USR1", process);
    // What comes next is heard in turn.
    let until = Instant::now() + Duration::from_secs(30);
    while life.file("reopened").is_empty() {
        assert_eq!(life.ask(), process);
        assert!(Instant::now() < until);
    }
    kill("TERM", process);
    life.told("STOPPING=1");
    assert!(life.first.wait().unwrap().success());
    assert!(!life.directory.join("socket").exists());
}

/// With what its two digits leave open.
fn uptime_micros(seconds: f64) -> u128 {
    Duration::from_secs_f64(seconds + 0.02).as_micros()
}

#[tokio::test]
async fn the_watchdog_hears_of_it_twice_in_its_time() {
    if serve().await {
        return;
    }
    let test = "life::the_watchdog_hears_of_it_twice_in_its_time";
    let mut life = Life::with(test, &[("WATCHDOG_USEC", "40000")]);
    let begun = Instant::now();
    for _ in 0..6 {
        life.told("WATCHDOG=1");
    }
    // The first comes at once, and none before its time.
    assert!(begun.elapsed() > Duration::from_millis(4 * 20));
    kill("TERM", life.first.id());
    while !life.any().starts_with("STOPPING=1") {}
    assert!(life.first.wait().unwrap().success());
}

#[tokio::test]
async fn the_watchdog_of_another_process_is_left_alone() {
    if serve().await {
        return;
    }
    let test = "life::the_watchdog_of_another_process_is_left_alone";
    let mut life = Life::with(test, &[("WATCHDOG_USEC", "1"), ("WATCHDOG_PID", "1")]);
    life.ask();
    kill("TERM", life.first.id());
    life.told("STOPPING=1");
    assert!(life.first.wait().unwrap().success());
}

#[tokio::test]
async fn a_version_that_is_broken_does_not_take_over() {
    if serve().await {
        return;
    }
    let life = Life::start("life::a_version_that_is_broken_does_not_take_over");
    let process = life.first.id();
    fs::write(life.directory.join("broken"), "").unwrap();
    kill("USR2", process);
    let begun = Instant::now();
    while !life.directory.join("tried").exists() {
        assert_eq!(life.ask(), process);
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    fs::remove_file(life.directory.join("broken")).unwrap();
    assert_eq!(life.ask(), process);
    assert!(life.directory.join("socket").exists());
    // A better one is heard of when the attempt before is over.
    kill("USR2", process);
    life.told("READY=1");
    let told = life.told("MAINPID=");
    while life.ask() == process {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(told, format!("MAINPID={}", life.ask()));
}

#[tokio::test]
async fn who_ends_before_its_successor_is_ready_takes_it_along() {
    if serve().await {
        return;
    }
    let mut life = Life::start("life::who_ends_before_its_successor_is_ready_takes_it_along");
    fs::write(life.directory.join("slow"), "").unwrap();
    kill("USR2", life.first.id());
    let begun = Instant::now();
    while life.file("tried").is_empty() {
        assert_eq!(life.ask(), life.first.id());
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    kill("TERM", life.first.id());
    assert!(life.first.wait().unwrap().success());
    // It was told, and nobody may have waited for it.
    let successor = Path::new("/proc").join(life.file("tried")).join("stat");
    while fs::read_to_string(&successor).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it serves on");
    }
}

/// What asks all the time, and must always be answered.
fn load(
    address: SocketAddr,
    kept: bool,
    stop: &AtomicBool,
    answered: &AtomicUsize,
) -> HashSet<u32> {
    let mut processes = HashSet::new();
    let mut open = None;
    while !stop.load(Ordering::Relaxed) {
        let mut client = open.take().unwrap_or_else(|| connect(address));
        let (process, again) = ask(&mut client).unwrap();
        processes.insert(process);
        answered.fetch_add(1, Ordering::Relaxed);
        if kept && again {
            open = Some(client);
        }
    }
    processes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_versions_take_over_under_load_and_no_request_fails() {
    if serve().await {
        return;
    }
    let test = "life::twenty_versions_take_over_under_load_and_no_request_fails";
    take_over(&Life::start(test), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_take_over_on_all_cores() {
    if serve().await {
        return;
    }
    let life = Life::on_cores("life::versions_take_over_on_all_cores", 3);
    take_over(&life, 5);
}

/// How many sockets listen at a port of `127.0.0.1` (`proc(5)`).
fn listening(port: u16) -> usize {
    let here = format!(" 0100007F:{port:04X} 00000000:0000 0A ");
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().filter(|line| line.contains(&here)).count()
}

/// Else who waits in the queue of one that nobody takes over is reset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_on_fewer_cores_takes_all_sockets_over() {
    if serve().await {
        return;
    }
    let life = Life::on_cores("life::a_version_on_fewer_cores_takes_all_sockets_over", 3);
    assert_eq!(listening(life.address.port()), 3);
    // The same address is bound twice, with a port each.
    let addresses = life.file("addresses");
    fs::write(life.directory.join("cores"), "1").unwrap();
    take_over(&life, 1);
    assert_eq!(life.file("addresses"), addresses);
    assert_eq!(listening(life.address.port()), 3);
    for _ in 0..30 {
        life.ask();
    }
}

/// So many new versions, while clients ask all the time.
fn take_over(life: &Life, versions: usize) {
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = [true, true, false, false]
        .into_iter()
        .map(|kept| {
            let (address, stop) = (life.address, Arc::clone(&stop));
            let answered = Arc::clone(&answered);
            std::thread::spawn(move || load(address, kept, &stop, &answered))
        })
        .collect();
    let mut process = life.first.id();
    for _ in 0..versions {
        let before = answered.load(Ordering::Relaxed);
        kill("USR2", process);
        let begun = Instant::now();
        life.told("READY=1");
        let told = life.told("MAINPID=");
        process = told.strip_prefix("MAINPID=").unwrap().parse().unwrap();
        // The old one answers what it had accepted.
        while life.ask() != process {
            assert!(begun.elapsed() < Duration::from_secs(30));
        }
        // The others go on too, when it is their turn on a busy machine.
        while answered.load(Ordering::Relaxed) == before {
            assert!(begun.elapsed() < Duration::from_secs(30));
            std::thread::yield_now();
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut processes = HashSet::new();
    for client in clients {
        processes.extend(client.join().unwrap());
    }
    assert!(processes.len() > versions.min(2), "{processes:?}");
    assert!(
        life.directory.join("socket").exists(),
        "an old version removed it"
    );
}
