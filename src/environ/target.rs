//! The target of a request by what a front server says of its path.

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri};

use super::Refused;
use super::known::Known;
use super::mapping::{Mapping, Script};
use super::path;

/// The target of a request, and where the application is mounted.
#[derive(Debug)]
pub(super) struct Target {
    /// Scheme and authority, if the target came with them.
    pub(super) origin: String,
    /// Where the application is mounted, encoded.
    pub(super) prefix: String,
    /// What is behind it, with the query.
    pub(super) rest: String,
    /// As it was received, if it is not what these are together.
    pub(super) original: Option<Uri>,
}

/// A target as it was received.
#[derive(Clone, Copy)]
struct Raw<'a> {
    origin: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl Target {
    pub(super) fn of(
        known: &Known<'_>,
        mapping: &Mapping,
        method: &Method,
    ) -> Result<Self, Refused> {
        let raw = known.uri.map(Raw::of).transpose()?;
        if *method == Method::OPTIONS && (known.uri == Some(b"*") || known.path_info == Some(b"*"))
        {
            return Ok(Self {
                origin: String::new(),
                prefix: String::new(),
                rest: "*".to_owned(),
                original: None,
            });
        }
        let path = Path::of(known, mapping, raw)?;
        let query = match (known.has_query, raw) {
            (true, _) | (_, None) => known.query.unwrap_or_default(),
            (false, Some(raw)) => raw.query.unwrap_or_default().as_bytes(),
        };
        let query = std::str::from_utf8(query)
            .ok()
            // As in the target a fragment is none of it, and would be cut off.
            .filter(|query| !query.contains('#'))
            .ok_or_else(|| Refused::malformed("QUERY_STRING"))?;
        let is_devious = |raw: Raw<'_>| path::is_devious(raw.path.as_bytes());
        if mapping.plain_paths
            && (path::is_devious(&path.prefix)
                || path::is_devious(&path.rest)
                || raw.is_some_and(is_devious))
        {
            return Err(Refused::PATH);
        }
        let end = raw.and_then(|raw| raw.end_of(&path));
        let target = if let (Some(raw), Some(end)) = (raw, end) {
            let (prefix, rest) = raw.path.split_at_checked(end).unwrap_or(("", raw.path));
            Self {
                origin: raw.origin.to_owned(),
                prefix: prefix.to_owned(),
                // A question mark with nothing behind it is seen here alone.
                rest: with_query(rest.to_owned(), query, raw.query == Some("")),
                original: None,
            }
        } else {
            Self {
                origin: raw.map_or("", |raw| raw.origin).to_owned(),
                prefix: path::encode(&path.prefix),
                rest: with_query(path::encode(&path.rest), query, false),
                original: known.uri.and_then(|raw| Uri::try_from(raw).ok()),
            }
        };
        if path.rest.is_empty() {
            return Err(target.slash());
        }
        Ok(target)
    }

    /// The slash behind the prefix, where the path ends without one.
    fn slash(self) -> Refused {
        let slash = [&self.prefix, "/", &self.rest].concat();
        match HeaderValue::from_maybe_shared(bytes::Bytes::from(slash)) {
            Ok(slash) => Refused::no_rest(slash),
            Err(_) => Refused::malformed("SCRIPT_NAME"),
        }
    }
}

/// A path with a query, if there is one.
fn with_query(mut path: String, query: &str, mark: bool) -> String {
    if mark || !query.is_empty() {
        path.push('?');
        path.push_str(query);
    }
    path
}

impl<'a> Raw<'a> {
    /// The parts of a target in origin form or absolute form (RFC 9112, section 3.2).
    fn of(target: &'a [u8]) -> Result<Self, Refused> {
        let malformed = || Refused::malformed("REQUEST_URI");
        let target = std::str::from_utf8(target).map_err(|_| malformed())?;
        // A fragment is no part of a target, and a parser would cut it off.
        if target.contains('#') {
            return Err(malformed());
        }
        let (origin, rest) = match target.find("://") {
            Some(scheme) if !target.starts_with('/') => {
                let authority = target.get(scheme + 3..).unwrap_or_default();
                let end = authority.find(['/', '?']).unwrap_or(authority.len());
                target
                    .split_at_checked(scheme + 3 + end)
                    .ok_or_else(malformed)?
            }
            _ => ("", target),
        };
        if !rest.is_empty() {
            PathAndQuery::try_from(rest).map_err(|_| malformed())?;
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let path = match (origin, path) {
            ("", _) => path,
            // RFC 9112, section 3.2.2.
            (_, "") => "/",
            _ => path,
        };
        Ok(Self {
            origin,
            path,
            query,
        })
    }

    /// Where the prefix ends in it, if it means that path.
    fn end_of(&self, path: &Path) -> Option<usize> {
        let raw = self.path.as_bytes();
        let full = [&*path.prefix, &*path.rest].concat();
        let is_full = |decoded: &[u8]| *decoded == *full || path::cleans_to(decoded, &full);
        let means = is_full(&path::decode(raw)) || is_full(&path::decode_but_slashes(raw));
        if !means {
            return None;
        }
        let end = path::end_of(&path.prefix, raw)?;
        // Dot segments may leave the mount and come back: what is behind it then means another path there.
        let rest = raw.get(end..)?;
        let is_rest =
            |decoded: &[u8]| *decoded == *path.rest || path::cleans_to(decoded, &path.rest);
        let means = is_rest(&path::decode(rest)) || is_rest(&path::decode_but_slashes(rest));
        means.then_some(end)
    }
}

/// The two parts of a path, decoded.
struct Path {
    prefix: Vec<u8>,
    rest: Vec<u8>,
}

impl Path {
    fn of(known: &Known<'_>, mapping: &Mapping, raw: Option<Raw<'_>>) -> Result<Self, Refused> {
        let script = known.script_name.unwrap_or_default();
        let info = known.path_info.unwrap_or_default();
        // A mount does not end with a slash.
        let trimmed = script
            .iter()
            .rposition(|&byte| byte != b'/')
            .and_then(|last| script.get(..=last))
            .unwrap_or_default();
        let mut full = match info {
            [b'/', ..] => [trimmed, info].concat(),
            _ => [script, info].concat(),
        };
        if full.is_empty() {
            full = match (known.document_uri, raw) {
                (Some(document), _) => document.to_vec(),
                (None, Some(raw)) => path::decode(raw.path.as_bytes()).into_owned(),
                (None, None) => return Err(Refused::NO_PATH),
            };
        }
        if full.first() != Some(&b'/') {
            return Err(Refused::NO_PATH);
        }
        let prefix = match &mapping.script_name {
            Some(Script::Under(prefix)) => path::decode(prefix.as_bytes()).into_owned(),
            None if info.is_empty() => Vec::new(),
            Some(Script::Mount) | None => trimmed.to_vec(),
        };
        let rest = path::behind(&prefix, &full).ok_or(Refused::ELSEWHERE)?;
        Ok(Self {
            rest: rest.to_vec(),
            prefix,
        })
    }
}
