//! `bench wsgi`: the wheel beside granian, gunicorn, waitress and uWSGI, each with one process on one core.

use std::fs;
use std::process::Stdio;

use super::load::{self, Contender, contest_by_cpu, wrk_with};
use super::{Effort, ratio};
use crate::parts::{self, WRK};
use crate::python::{Build, Environment};
use crate::run::{self, Background, Failed, command};

/// Ours come first.
const NAMES: [&str; 6] = [
    "gopuram",
    "gopuram-inline",
    "granian",
    "gunicorn",
    "waitress",
    "uwsgi",
];
const GRANIAN: usize = 2;
const GUNICORN: usize = 3;

/// What is served: `benches/wsgi_app.py` has them by these names.
const APPS: [&str; 6] = ["bare", "echo", "stream", "flask", "django", "pyramid"];

const APP: &str = "wsgi_app:app";

const FIRST_PORT: u16 = 18_700;

/// Measures each application under all of them.
pub(crate) fn bench(effort: Effort) -> Result<(), Failed> {
    parts::need(&[WRK])?;
    let environment = Environment::new()?;
    environment.install(&[
        "maturin>=1.9,<2",
        "granian",
        "gunicorn",
        "waitress",
        "uwsgi",
    ])?;
    environment.install(&["flask", "django", "pyramid"])?;
    environment.install_wheel(Build::Optimised)?;
    let script = run::target().join("python/post.lua");
    let lua = "wrk.method = 'POST'\nwrk.body = string.rep('x', 102400)\n";
    fs::write(&script, lua).map_err(|e| format!("{}: {e}", script.display()))?;
    let script = script.to_string_lossy();

    println!(
        "{:<16}{}",
        "",
        APPS.map(|app| format!("{app:>10}")).concat()
    );
    let mut columns = Vec::new();
    for app in APPS {
        let contenders: Vec<_> = NAMES
            .into_iter()
            .zip(FIRST_PORT..)
            .map(|(name, port)| Contender { name, port })
            .collect();
        let post: &[&str] = if app == "echo" { &["-s", &script] } else { &[] };
        let mut running = Vec::new();
        let started = contenders.iter().try_for_each(|contender| {
            running.push(serve(&environment, contender, app)?);
            Ok(())
        });
        let figures = started.and_then(|()| {
            let servers: Vec<_> = contenders.iter().zip(&running).collect();
            contest_by_cpu(&servers, effort, |c, s| once(c, post, s))
        });
        running.into_iter().for_each(Background::terminate);
        columns.push(figures?);
    }
    let at = |app: usize, server: usize| {
        let figure = columns
            .get(app)
            .and_then(|figures: &Vec<(f64, f64)>| figures.get(server));
        figure.copied().unwrap_or((f64::NAN, f64::NAN))
    };
    for (server, name) in NAMES.iter().enumerate() {
        let row = |of: fn((f64, f64)) -> f64| -> String {
            let figures = (0..APPS.len()).map(|app| format!("{:>10.0}", of(at(app, server))));
            figures.collect::<Vec<_>>().concat()
        };
        println!("{name:<16}{}", row(|(rate, _)| rate));
        println!("{:<16}{}", " in a cpu second", row(|(_, by_cpu)| by_cpu));
    }
    println!();
    // Each is as fast as its settings make it: granian has its best, and the first of ours is the better of the two.
    for (app, name) in APPS.iter().enumerate() {
        let (threads, inline) = (at(app, 0), at(app, 1));
        let best = (threads.0.max(inline.0), threads.1.max(inline.1));
        for (ours, manner) in [(best, ""), (threads, "_threads"), (inline, "_inline")] {
            for (theirs, whom) in [(GRANIAN, "granian"), (GUNICORN, "gunicorn")] {
                let theirs = at(app, theirs);
                ratio(&format!("{name}{manner}_vs_{whom}"), ours.0 / theirs.0);
                ratio(
                    &format!("{name}{manner}_by_processor_vs_{whom}"),
                    ours.1 / theirs.1,
                );
            }
        }
    }
    Ok(())
}

/// Loads one. uWSGI closes connections while a body is on its way, which `wrk` counts as errors: then it has no figure.
fn once(contender: &Contender, post: &[&str], seconds: u32) -> Result<f64, Failed> {
    let figure = wrk_with(contender.port, post, seconds);
    match figure {
        Err(why) if contender.name == "uwsgi" => {
            eprintln!("uwsgi: {why}");
            Ok(f64::NAN)
        }
        figure => figure,
    }
}

/// Starts one, pinned to the first core, with one thread for the application.
fn serve(
    environment: &Environment,
    contender: &Contender,
    app: &str,
) -> Result<Background, Failed> {
    let address = format!("127.0.0.1:{}", contender.port);
    let port = contender.port.to_string();
    let listen = format!("--listen={address}");
    let program = contender.name.trim_end_matches("-inline");
    let args: &[&str] = match contender.name {
        "gopuram" => &["serve", APP, "--bind", &address, "--threads", "1"],
        "gopuram-inline" => &["serve", APP, "--bind", &address, "--inline"],
        // Of its settings those that are fastest on one core.
        "granian" => &[
            "--interface",
            "wsgi",
            "--port",
            &port,
            "--workers",
            "1",
            "--runtime-mode",
            "st",
            "--blocking-threads",
            "1",
            "--http",
            "1",
            "--no-ws",
            "--no-log",
            APP,
        ],
        "gunicorn" => &[
            "--bind",
            &address,
            "--worker-class",
            "gthread",
            "--threads",
            "1",
            APP,
        ],
        "waitress" => &[&listen, "--threads=1", APP],
        _ => &[
            "--http-socket",
            &address,
            "--module",
            APP,
            "--master",
            "--processes",
            "1",
            "--disable-logging",
            "--need-app",
            "--add-header",
            "Connection: close",
            "--die-on-term",
        ],
    };
    let program = if program == "waitress" {
        "waitress-serve"
    } else {
        program
    };
    let mut pinned = command("taskset", &["-c", "0"]);
    pinned
        .arg(environment.program(program))
        .args(args)
        .env("WSGI_APP", app)
        .env("PYTHONPATH", run::root().join("benches"))
        .current_dir(run::root().join("benches"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    load::serve(pinned, contender.port)
}
