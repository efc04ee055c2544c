//! The names of fields as those of variables (RFC 3875, section 4.1.18), and back.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::mapping::Mapping;
use super::{Environ, Refused};

/// How the variable of a field begins.
pub(super) const PREFIX: &[u8] = b"HTTP_";

/// Whether no other name has the same variable.
fn is_plain(name: &[u8]) -> bool {
    name.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// The character of a variable that stands for one of a field.
fn upper(byte: u8) -> u8 {
    if byte == b'-' {
        b'_'
    } else {
        byte.to_ascii_uppercase()
    }
}

/// Fields that are there once or not at all: joined they would be something else.
const SINGLE: [HeaderName; 16] = [
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::DATE,
    header::FROM,
    header::HOST,
    header::IF_MODIFIED_SINCE,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::MAX_FORWARDS,
    header::ORIGIN,
    header::PROXY_AUTHORIZATION,
    header::RANGE,
    header::REFERER,
    header::USER_AGENT,
];

fn is_single(name: &HeaderName) -> bool {
    SINGLE.contains(name)
}

impl Mapping {
    /// Whether the variable of a field is that field's alone.
    fn lets_pass(&self, name: &HeaderName) -> bool {
        let bytes = name.as_str().as_bytes();
        // CVE-2016-5388.
        if bytes.eq_ignore_ascii_case(b"proxy") {
            return false;
        }
        if self.allowed.is_empty() {
            return is_plain(bytes);
        }
        match self.allowed_as(&bytes.iter().copied().map(upper)) {
            Some(allowed) => allowed == name,
            None => is_plain(bytes),
        }
    }

    /// The name that was allowed for a variable.
    fn allowed_as(&self, variable: &(impl Iterator<Item = u8> + Clone)) -> Option<&HeaderName> {
        self.allowed
            .iter()
            .find(|name| name.as_str().bytes().map(upper).eq(variable.clone()))
    }

    fn is_allowed(&self, name: &HeaderName) -> bool {
        self.allowed.contains(name)
    }
}

/// Adds the variables of fields.
pub(super) fn to_variables(
    mapping: &Mapping,
    headers: &HeaderMap,
    environ: &mut Environ,
) -> Result<(), Refused> {
    let mut before: Option<&HeaderName> = None;
    // The lines of a name come one behind the other.
    for (name, value) in headers {
        if before == Some(name) {
            if mapping.lets_pass(name) && !mapping.is_allowed(name) {
                repeat(name, value, environ)?;
            }
            continue;
        }
        before = Some(name);
        if !mapping.lets_pass(name) {
            continue;
        }
        if mapping.is_allowed(name) && headers.get_all(name).iter().nth(1).is_some() {
            continue;
        }
        // They have no twins.
        if *name == header::CONTENT_TYPE || *name == header::CONTENT_LENGTH {
            // `CONTENT_LENGTH` tells of a body (RFC 3875, section 4.1.2), and is a number.
            if *name == header::CONTENT_LENGTH && !is_number(value.as_bytes()) {
                return Err(Refused::malformed(name));
            }
        } else {
            environ.text.extend_from_slice(PREFIX);
        }
        environ.text.extend(name.as_str().bytes().map(upper));
        environ.end_name(value.as_bytes());
    }
    Ok(())
}

/// Another line of the field that was just added.
fn repeat(name: &HeaderName, value: &HeaderValue, environ: &mut Environ) -> Result<(), Refused> {
    if *name == header::COOKIE {
        // RFC 9113, section 8.2.3.
        environ.join(b"; ", value.as_bytes());
    } else if !is_single(name) {
        environ.join(b", ", value.as_bytes());
    } else if *name != header::CONTENT_LENGTH
        || environ.iter().last().map(|(_, told)| told) != Some(value.as_bytes())
    {
        return Err(Refused::repeated(name));
    }
    Ok(())
}

pub(super) fn is_number(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

/// Fields about the connection between the client and the front server, which has seen to them (RFC 9110, section 7.6.1), and of
/// framing, which is the gateway's; and `Proxy`.
const NOT_OURS: [&[u8]; 12] = [
    b"CONNECTION",
    b"CONTENT_LENGTH",
    b"CONTENT_TYPE",
    b"EXPECT",
    b"HTTP2_SETTINGS",
    b"KEEP_ALIVE",
    b"PROXY",
    b"PROXY_CONNECTION",
    b"TE",
    b"TRAILER",
    b"TRANSFER_ENCODING",
    b"UPGRADE",
];

/// Adds the field of a variable, given without its prefix; `buf` is memory for the name.
pub(super) fn from_variable(
    mapping: &Mapping,
    variable: &[u8],
    value: &[u8],
    buf: &mut Vec<u8>,
    headers: &mut HeaderMap,
) -> Result<(), Refused> {
    if NOT_OURS.contains(&variable) {
        return Ok(());
    }
    let value = HeaderValue::from_bytes(value).map_err(|_| Refused::malformed(variable))?;
    if let Some(allowed) = mapping.allowed_as(&variable.iter().copied()) {
        headers.append(allowed, value);
        return Ok(());
    }
    buf.clear();
    buf.extend(variable.iter().map(|byte| match byte {
        b'_' => b'-',
        byte => byte.to_ascii_lowercase(),
    }));
    let name = HeaderName::from_bytes(buf).map_err(|_| Refused::malformed(variable))?;
    let is_own = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    if !variable.iter().all(is_own) {
        return Ok(());
    }
    let Some(told) = headers.get(&name) else {
        headers.append(name, value);
        return Ok(());
    };
    if name == header::COOKIE {
        let joined = [told.as_bytes(), value.as_bytes()].join(b"; ".as_slice());
        let joined = HeaderValue::from_bytes(&joined).map_err(|_| Refused::malformed(variable))?;
        headers.insert(name, joined);
    } else if !is_single(&name) {
        headers.append(name, value);
    } else if *told != value {
        return Err(Refused::repeated(&name));
    }
    Ok(())
}
