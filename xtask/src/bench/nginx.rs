//! nginx beside which files are measured: one worker, and no log, as ours has none.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::load;
use crate::run::{Background, Failed, command};

/// Starts nginx with the files in `dir/root`; `more` is for its `http` block.
pub(super) fn serve(dir: &Path, port: u16, more: &str) -> Result<Background, Failed> {
    let server = format!("listen 127.0.0.1:{port}; root {}/root;", dir.display());
    serve_by(dir, port, more, &server)
}

/// Starts nginx with one server, which says all about itself.
pub(super) fn serve_by(
    dir: &Path,
    port: u16,
    more: &str,
    server: &str,
) -> Result<Background, Failed> {
    let path = dir.join("nginx.conf");
    let config = config(dir, more, server);
    fs::write(&path, config).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut nginx = command("taskset", &["-c", "0", "nginx", "-c"]);
    nginx.arg(&path).stderr(Stdio::null());
    load::serve(nginx, port)
}

fn config(dir: &Path, more: &str, server: &str) -> String {
    let dir = dir.display();
    format!(
        "daemon off; master_process off; worker_processes 1;
pid {dir}/nginx.pid; error_log {dir}/nginx.err;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_requests 1000000000; default_type application/octet-stream;
  types {{ text/plain txt; }}
  {more}
  server {{ {server} }}
}}
"
    )
}
