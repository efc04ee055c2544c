//! Every layer of the catalogue on the wire, a file each.

mod access_log;
mod body_limit;
mod boxed_errors;
mod cache;
mod catch_panic;
mod compress;
mod conditional;
mod cors;
mod head;
mod lint;
mod normalize_path;
mod range;
mod request_id;
mod router;
mod security_headers;
mod set_header;
mod static_files;
mod timeout;
