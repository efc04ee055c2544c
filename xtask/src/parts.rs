//! The real parts that tests and benchmarks need, and how to get them.

use crate::run::{self, Failed};

/// A program, the flag that makes it print its version, and Debian's package of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    program: &'static str,
    version: &'static str,
    package: &'static str,
}

pub(crate) const AB: Part = Part::new("ab", "-V", "apache2-utils");
pub(crate) const APACHE: Part = Part::new("apache2", "-v", "apache2");
pub(crate) const CHROMIUM: Part = Part::new("chromium", "--version", "chromium");
pub(crate) const CURL: Part = Part::new("curl", "--version", "curl");
pub(crate) const H2LOAD: Part = Part::new("h2load", "--version", "nghttp2-client");
pub(crate) const HAPROXY: Part = Part::new("haproxy", "-v", "haproxy");
pub(crate) const LIGHTTPD: Part = Part::new("lighttpd", "-v", "lighttpd");
/// The part of Apache that runs Python; it is loaded, not run.
pub(crate) const MOD_WSGI: Part = Part::new(
    "/usr/lib/apache2/modules/mod_wsgi.so",
    "",
    "libapache2-mod-wsgi-py3",
);
pub(crate) const NGINX: Part = Part::new("nginx", "-v", "nginx");
/// The part of nginx that passes connections on; it is loaded, not run.
pub(crate) const NGINX_STREAM: Part = Part::new(
    "/usr/lib/nginx/modules/ngx_stream_module.so",
    "",
    "libnginx-mod-stream",
);
pub(crate) const OPENSSL: Part = Part::new("openssl", "version", "openssl");
pub(crate) const PROMTOOL: Part = Part::new("promtool", "--version", "prometheus");
/// What parses in Python what is for Prometheus; it is loaded, not run.
pub(crate) const PROMETHEUS_CLIENT: Part = Part::new(
    "/usr/lib/python3/dist-packages/prometheus_client/parser.py",
    "",
    "python3-prometheus-client",
);
pub(crate) const REDIS: Part = Part::new("redis-server", "--version", "redis-server");
pub(crate) const SSLSCAN: Part = Part::new("sslscan", "--version", "sslscan");
pub(crate) const PHP_FPM: Part = Part::new("php-fpm8.2", "-v", "php8.2-fpm");
pub(crate) const UWSGI: Part = Part::new("uwsgi", "--version", "uwsgi");
/// The part of uWSGI that runs Python; it is loaded, not run.
pub(crate) const UWSGI_PYTHON: Part = Part::new(
    "/usr/lib/uwsgi/plugins/python311_plugin.so",
    "",
    "uwsgi-plugin-python3",
);
pub(crate) const VALGRIND: Part = Part::new("valgrind", "--version", "valgrind");
pub(crate) const WRK: Part = Part::new("wrk", "-v", "wrk");

impl Part {
    const fn new(program: &'static str, version: &'static str, package: &'static str) -> Self {
        Self {
            program,
            version,
            package,
        }
    }

    fn is_there(self) -> bool {
        // It prints its version and then its usage, and fails for want of a URL.
        if self.program == WRK.program {
            return run::output(run::command("sh", &["-c", "command -v wrk"])).is_ok();
        }
        // None of them is run.
        let loaded = [MOD_WSGI, NGINX_STREAM, PROMETHEUS_CLIENT, UWSGI_PYTHON];
        if loaded.iter().any(|part| part.program == self.program) {
            return std::path::Path::new(self.program).exists();
        }
        run::has(self.program, self.version)
    }
}

/// Installs what is missing where that is possible, and says what is still missing.
///
/// `apt-get` is used where it is there and may be used (as root); elsewhere nothing is installed.
///
/// # Errors
///
/// If something is missing then: its name, and the package it comes in.
pub(crate) fn need(parts: &[Part]) -> Result<(), Failed> {
    let missing = || parts.iter().copied().filter(|part| !part.is_there());
    let packages: Vec<_> = missing().map(|part| part.package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    if is_root() && run::has("apt-get", "--version") {
        println!("installing {}", packages.join(", "));
        let mut args = vec!["install", "--yes", "--no-install-recommends"];
        args.extend(&packages);
        let installed = run::output(run::command("apt-get", &["update"])).and_then(|_| {
            let mut install = run::command("apt-get", &args);
            install.env("DEBIAN_FRONTEND", "noninteractive");
            run::output(install)
        });
        if let Err(why) = installed {
            eprintln!("{why}");
        }
    }
    let still: Vec<_> = missing()
        .map(|part| format!("{} (Debian's package {})", part.program, part.package))
        .collect();
    if still.is_empty() {
        Ok(())
    } else {
        Err(format!("missing: {}", still.join(", ")))
    }
}

fn is_root() -> bool {
    run::output(run::command("id", &["-u"])).is_ok_and(|id| id.trim() == "0")
}
