//! Many reloads under a load: no request fails, and nothing is left of what was replaced.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rustix::process::Signal;

use crate::process::{Client, Directory, Server, until};

/// What is in no file twice in a row: another log, a cache that is set otherwise, another field.
fn site(number: u32) -> String {
    let (log, size) = (number % 3, 1 + number % 2);
    format!(
        r#"
listen = "127.0.0.1:0"

[app]
files = "public"

[[layer]]
name = "access_log"
file = "access-{log}.log"
capacity = "{size}MiB"

[[layer]]
name = "metrics"
at = "/metrics"

[[layer]]
name = "set_header"
header = "x-version"
value = "{number}"

[[layer]]
name = "cache"
memory = "{size}MiB"
out_of_place = true
"#
    )
}

/// How much of a kind the process has.
#[derive(Debug)]
struct Taken {
    threads: u64,
    files: usize,
    /// In KiB.
    memory: u64,
}

impl Taken {
    fn of(server: &Server) -> Self {
        let status = server.proc("status");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let word = line.unwrap().split_whitespace().next().unwrap();
            word.parse().unwrap()
        };
        Self {
            threads: number("Threads:"),
            files: server.open_files().len(),
            memory: number("VmRSS:"),
        }
    }
}

/// Says that it is over when it goes, in a panic too: else clients would be waited for that go on.
struct Until<'a>(&'a AtomicBool);

impl Drop for Until<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn hundreds_of_reloads_under_a_load_leave_nothing_behind() {
    const CLIENTS: u64 = 2;
    let directory = Directory::new();
    directory.write("public/index.html", "<h1>Hello</h1>");
    directory.write("site.toml", site(0));
    let mut server = Server::start(directory.path(), &["serve", "site.toml"]);
    let (is_over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let address = server.address.clone();
    let load = || {
        while !is_over.load(Ordering::Relaxed) {
            let mut client = Client::of(&address);
            for _ in 0..20 {
                let answer = client.get("/");
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
                assert!(answer.contains("\r\nx-version: "), "{answer}");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        let end = Until(&is_over);
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(load)).collect();
        let mut reload = |numbers: std::ops::Range<u32>| {
            for number in numbers {
                directory.write("site.toml", site(number));
                server.signal(Signal::HUP);
                server.says("the file was read again");
                let before = answered.load(Ordering::Relaxed);
                until(|| answered.load(Ordering::Relaxed) > before);
            }
            Taken::of(&server)
        };
        // By then all is there that is used again.
        let before = reload(1..60);
        let after = reload(60..260);
        // A log writes its last lines, and connections end, when they do.
        assert!(after.threads <= before.threads + 4, "{before:?} {after:?}");
        assert!(after.files <= before.files + 8, "{before:?} {after:?}");
        assert!(
            after.memory <= before.memory + 8 * 1024,
            "{before:?} {after:?}"
        );
        drop(end);
        for client in clients {
            client.join().unwrap();
        }
    });
    assert!(server.get("/").contains("x-version: 259"));
    // One that no file names any more is closed with the last connection that writes to it.
    until(|| {
        let open = server.open_files();
        let logs = open
            .iter()
            .filter(|file| file.extension().is_some_and(|ext| ext == "log"));
        logs.count() == 1
    });
    let asked = answered.load(Ordering::Relaxed) + 1;
    let counted = format!("http_response_status_code=\"200\"}} {asked}\n");
    // An answer is counted when the server lets go of it, which is after its client has it.
    let pages = AtomicU64::new(0);
    until(|| {
        pages.fetch_add(1, Ordering::Relaxed);
        server.get("/metrics").contains(&counted)
    });
    server.signal(Signal::TERM);
    assert!(server.ends());
    let lines = (0..3).map(|log| directory.text(&format!("access-{log}.log")).lines().count());
    assert_eq!(lines.sum::<usize>() as u64, asked + pages.into_inner());
}
