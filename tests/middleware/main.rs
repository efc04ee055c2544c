//! Every layer of the catalogue on the wire, a file each.

mod access_log;
mod body_limit;
mod boxed_errors;
mod catch_panic;
mod compress;
mod conditional;
mod content_length;
mod content_rules;
mod content_type;
mod cors;
mod decompress;
mod digest;
mod etag;
mod head;
mod header_rules;
mod lint;
mod normalize_path;
mod range;
mod representation;
mod request_id;
mod router;
mod security_headers;
mod set_header;
mod static_files;
mod timeout;
