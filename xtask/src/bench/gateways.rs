//! `bench gateways`: nginx in front, and behind it the same hello over FastCGI, uwsgi and HTTP, beside uWSGI and php-fpm.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::load::{self, Contender, contest, wrk};
use super::{Effort, build, nginx, ratio};
use crate::parts::{self, NGINX, PHP_FPM, UWSGI, UWSGI_PYTHON, WRK};
use crate::run::{Background, Failed, command, target};

const FRONT: u16 = 18_600;
const OURS_HTTP: u16 = 18_601;
const OURS_FASTCGI: u16 = 18_602;
const OURS_UWSGI: u16 = 18_603;
const UWSGI_PORT: u16 = 18_604;
const PHP_PORT: u16 = 18_605;

/// By the name of the path that leads there.
const NAMES: [&str; 5] = [
    "uwsgi",
    "php-fpm",
    "ours-fastcgi",
    "ours-uwsgi",
    "ours-http",
];

/// Measures all of them behind one nginx; all but the load share a core.
pub(crate) fn bench(effort: Effort) -> Result<(), Failed> {
    parts::need(&[NGINX, PHP_FPM, UWSGI, UWSGI_PYTHON, WRK])?;
    build()?;
    let dir = target().join("bench-gateways");
    let prepared = fs::create_dir_all(&dir).and_then(|()| files(&dir));
    prepared.map_err(|e| format!("{}: {e}", dir.display()))?;
    let ports = [OURS_HTTP, OURS_FASTCGI, OURS_UWSGI].map(|port| port.to_string());
    let args = ["gopuram-gateways", &ports[0], &ports[1], &ports[2]];
    let _ours = load::serve(load::program("bench-server", &args), OURS_HTTP)?;
    let _uwsgi = uwsgi(&dir)?;
    let _php = php(&dir)?;
    let (http, server) = front(&dir);
    let _front = nginx::serve_by(&dir, FRONT, &http, &server)?;

    let contenders = NAMES.map(|name| Contender { name, port: FRONT });
    let figures = contest(&contenders, effort, |c, s| {
        wrk(c.port, &format!("/{}", c.name), &[], s)
    })?;
    for (name, figure) in NAMES.iter().zip(&figures) {
        println!("nginx to {name:<14} {figure:>12.0} /s");
    }
    println!();
    let of = |name: &str| {
        let at = NAMES.iter().position(|known| *known == name);
        at.and_then(|at| figures.get(at))
            .copied()
            .unwrap_or(f64::NAN)
    };
    ratio("fastcgi_vs_uwsgi", of("ours-fastcgi") / of("uwsgi"));
    ratio("uwsgi_protocol_vs_uwsgi", of("ours-uwsgi") / of("uwsgi"));
    ratio("fastcgi_vs_php_fpm", of("ours-fastcgi") / of("php-fpm"));
    ratio("fastcgi_vs_http", of("ours-fastcgi") / of("ours-http"));
    Ok(())
}

/// The same answer, in Python and in PHP.
fn files(dir: &Path) -> std::io::Result<()> {
    fs::write(
        dir.join("hello.py"),
        "def application(environ, start_response):\n    \
         start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '13')])\n    \
         return [b'Hello, World!']\n",
    )?;
    fs::write(
        dir.join("hello.php"),
        "<?php header('Content-Type: text/plain'); header('Content-Length: 13'); echo 'Hello, World!';",
    )
}

/// One process without threads or a log, as fast as it gets.
fn uwsgi(dir: &Path) -> Result<Background, Failed> {
    let socket = format!("127.0.0.1:{UWSGI_PORT}");
    let args = [
        "-c",
        "0",
        "uwsgi",
        "--plugin",
        "python311",
        "--socket",
        &socket,
        "--processes",
        "1",
        "--disable-logging",
        "--die-on-term",
        "--listen",
        "128",
        "--wsgi-file",
    ];
    let mut uwsgi = command("taskset", &args);
    uwsgi.arg(dir.join("hello.py")).stderr(Stdio::null());
    load::serve(uwsgi, UWSGI_PORT)
}

/// One worker.
fn php(dir: &Path) -> Result<Background, Failed> {
    let conf = format!(
        "[global]\nerror_log = {dir}/php.err\ndaemonize = no\n\
         [www]\nlisten = 127.0.0.1:{PHP_PORT}\nuser = www-data\n\
         pm = static\npm.max_children = 1\npm.max_requests = 0\n",
        dir = dir.display(),
    );
    let file = dir.join("php-fpm.conf");
    fs::write(&file, conf).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut php = command(
        "taskset",
        &["-c", "0", "php-fpm8.2", "--nodaemonize", "--fpm-config"],
    );
    php.arg(&file).stderr(Stdio::null());
    load::serve(php, PHP_PORT)
}

/// What nginx has within `http`, and within its server.
fn front(dir: &Path) -> (String, String) {
    let upstream = |name: &str, port: u16| {
        format!("upstream {name} {{ server 127.0.0.1:{port}; keepalive 64; }}\n")
    };
    let http = [
        upstream("ours_fastcgi", OURS_FASTCGI),
        upstream("ours_http", OURS_HTTP),
        upstream("php", PHP_PORT),
    ];
    let server = format!(
        "listen 127.0.0.1:{FRONT};
    fastcgi_keep_conn on; proxy_http_version 1.1; proxy_set_header Connection \"\";
    location = /ours-fastcgi {{ include /etc/nginx/fastcgi_params; fastcgi_pass ours_fastcgi; }}
    location = /ours-uwsgi {{ include /etc/nginx/uwsgi_params; uwsgi_pass 127.0.0.1:{OURS_UWSGI}; }}
    location = /ours-http {{ proxy_pass http://ours_http; }}
    location = /uwsgi {{ include /etc/nginx/uwsgi_params; uwsgi_pass 127.0.0.1:{UWSGI_PORT}; }}
    location = /php-fpm {{
      include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME {}/hello.php; fastcgi_pass php;
    }}",
        dir.display()
    );
    (http.concat(), server)
}
