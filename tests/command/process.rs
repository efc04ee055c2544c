//! The command as a process, and a client of it.

use std::fs;
use std::io::{self, BufRead as _, BufReader, PipeReader, PipeWriter, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

/// The command with these arguments, in a directory.
pub(crate) fn gopuram(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gopuram"));
    command.current_dir(directory).args(args);
    command
}

/// What it says and how it ends.
pub(crate) fn run(directory: &Path, args: &[&str]) -> (bool, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = gopuram(directory, args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.success(), text(stdout), text(stderr))
}

/// A directory that is gone when this is.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gopuram-command-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// What is in it, in order.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = fs::read_dir(&self.0)
            .unwrap()
            .map(|file| file.unwrap().file_name());
        let mut names: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A server, which is killed if a test fails.
pub(crate) struct Server {
    process: Child,
    log: BufReader<Box<dyn Read>>,
    pub(crate) address: String,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(directory: &Path, args: &[&str]) -> Self {
        let mut command = gopuram(directory, args);
        command.stderr(Stdio::piped()).stdout(Stdio::null());
        let mut process = command.spawn().unwrap();
        let log = process.stderr.take().unwrap();
        Self::started(process, log)
    }

    /// Waits until it listens, by its log.
    pub(crate) fn started(process: Child, log: impl Read + 'static) -> Self {
        let mut server = Self {
            process,
            log: BufReader::new(Box::new(log)),
            address: String::new(),
        };
        let line = server.says("listening");
        let (_, address) = line.trim_end().rsplit_once("address=").unwrap();
        address.clone_into(&mut server.address);
        server
    }

    /// Waits until the log has a line with this, and returns it.
    pub(crate) fn says(&mut self, what: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let end = self.log.read_line(&mut line).unwrap() == 0;
            assert!(!end, "it ended without {what:?}:\n{all}");
            if line.contains(what) {
                return line;
            }
            all.push_str(&line);
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(&self.process, signal);
    }

    /// A file that the kernel has of it.
    pub(crate) fn proc(&self, name: &str) -> String {
        proc(&self.process, name)
    }

    /// What its descriptors stand for.
    pub(crate) fn open_files(&self) -> Vec<PathBuf> {
        let open = fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap();
        // One may be closed meanwhile.
        let files = open.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        files.collect()
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> Client {
        Client::of(&self.address)
    }

    /// The answer to a request on a connection of its own.
    pub(crate) fn get(&self, target: &str) -> String {
        self.connect().get(target)
    }

    /// Whether it ends well.
    pub(crate) fn ends(mut self) -> bool {
        self.process.wait().unwrap().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

pub(crate) fn send(process: &Child, signal: Signal) {
    kill_process(Pid::from_child(process), signal).unwrap();
}

/// A file that the kernel has of a process; empty if there is none.
pub(crate) fn proc(process: &Child, name: &str) -> String {
    let file = format!("/proc/{}/{name}", process.id());
    fs::read_to_string(file).unwrap_or_default()
}

/// Waits until something is so.
pub(crate) fn until(is: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "it does not come"
        );
        std::thread::yield_now();
    }
}

/// A pipe in which there is room for nothing more: who writes to it waits.
pub(crate) fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'\n'; 4096]).is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// A connection.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn of(address: &str) -> Self {
        let io = TcpStream::connect(address).unwrap();
        io.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(BufReader::new(io))
    }

    /// The whole answer, whose length must be said.
    pub(crate) fn get(&mut self, target: &str) -> String {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).unwrap() > 0, "{head}");
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse::<usize>().ok())?
        });
        let mut body = vec![0; length.unwrap_or_default()];
        self.0.read_exact(&mut body).unwrap();
        head + &String::from_utf8_lossy(&body)
    }
}
