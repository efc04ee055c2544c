//! The variables that mean something, found in one pass.

use http::{HeaderMap, Method};

use super::fields::{self, PREFIX};
use super::mapping::Mapping;
use super::{Environ, Refused};

/// The variables that mean something; what is empty is not there, as RFC 3875, section 4.1 has it.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    pub(super) content_length: Option<&'a [u8]>,
    pub(super) content_type: Option<&'a [u8]>,
    pub(super) document_uri: Option<&'a [u8]>,
    pub(super) https: Option<&'a [u8]>,
    pub(super) method: Option<&'a [u8]>,
    pub(super) path_info: Option<&'a [u8]>,
    pub(super) protocol: Option<&'a [u8]>,
    pub(super) query: Option<&'a [u8]>,
    pub(super) remote_addr: Option<&'a [u8]>,
    pub(super) remote_port: Option<&'a [u8]>,
    pub(super) remote_user: Option<&'a [u8]>,
    pub(super) scheme: Option<&'a [u8]>,
    pub(super) script_name: Option<&'a [u8]>,
    pub(super) server_addr: Option<&'a [u8]>,
    pub(super) server_name: Option<&'a [u8]>,
    pub(super) server_port: Option<&'a [u8]>,
    pub(super) uri: Option<&'a [u8]>,
    pub(super) headers: HeaderMap,
    /// Whether `QUERY_STRING` is there, though it be empty.
    pub(super) has_query: bool,
}

impl<'a> Known<'a> {
    pub(super) fn of(environ: &'a Environ, mapping: &Mapping) -> Result<Self, Refused> {
        let mut known = Self::default();
        let mut raw_uri = None;
        let mut buf = Vec::new();
        for (name, value) in environ.iter() {
            let place = match name {
                b"CONTENT_LENGTH" => &mut known.content_length,
                b"CONTENT_TYPE" => &mut known.content_type,
                b"DOCUMENT_URI" => &mut known.document_uri,
                b"HTTPS" => &mut known.https,
                b"PATH_INFO" => &mut known.path_info,
                b"QUERY_STRING" => {
                    known.has_query = true;
                    &mut known.query
                }
                b"RAW_URI" => &mut raw_uri,
                b"REMOTE_ADDR" => &mut known.remote_addr,
                b"REMOTE_PORT" => &mut known.remote_port,
                b"REMOTE_USER" => &mut known.remote_user,
                b"REQUEST_METHOD" => &mut known.method,
                b"REQUEST_SCHEME" => &mut known.scheme,
                b"REQUEST_URI" => &mut known.uri,
                b"SCRIPT_NAME" => &mut known.script_name,
                b"SERVER_ADDR" => &mut known.server_addr,
                b"SERVER_NAME" => &mut known.server_name,
                b"SERVER_PORT" => &mut known.server_port,
                b"SERVER_PROTOCOL" => &mut known.protocol,
                _ => {
                    if let Some(field) = name.strip_prefix(PREFIX) {
                        fields::from_variable(mapping, field, value, &mut buf, &mut known.headers)?;
                    }
                    continue;
                }
            };
            if value.is_empty() {
                continue;
            }
            if place.replace(value).is_some_and(|before| before != value) {
                return Err(Refused::repeated(name));
            }
        }
        known.uri = known.uri.or(raw_uri);
        // An allowed field that is there twice may be a client's beside the proxy's.
        for name in &mapping.allowed {
            if known.headers.get_all(name).iter().nth(1).is_some() {
                known.headers.remove(name);
            }
        }
        Ok(known)
    }

    /// Case-sensitive, and a token (RFC 9110, section 9.1).
    pub(super) fn method(&self) -> Result<Method, Refused> {
        let method = self.method.and_then(|name| Method::from_bytes(name).ok());
        let method = method.ok_or_else(|| Refused::malformed("REQUEST_METHOD"))?;
        if method == Method::CONNECT {
            return Err(Refused::TUNNEL);
        }
        Ok(method)
    }
}
