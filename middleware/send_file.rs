//! Has the front server send files: `X-Accel-Redirect` for nginx, `X-Sendfile` for Apache and lighttpd.
//!
//! ```
//! use gopuram_middleware::SendFile;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! // location /sent/ { internal; alias /srv/files/; }
//! let app = SendFile::x_accel_redirect("/srv/files", "/sent")?.layer(app);
//! # let _ = app;
//! # Ok::<(), gopuram_middleware::send_file::BadMapping>(())
//! ```
//!
//! A 200 whose body is a whole file goes out without its body, but with the file's name in the one
//! field; the front server, which has the client's connection, opens the file and sends it. The body is
//! never read here. `Content-Length` is the front's to say and is taken off; all other fields stay.
//!
//! # What is left alone
//!
//! | answer | why |
//! |---|---|
//! | a body in memory or a stream | it is no file; `static_files` keeps small ones in memory |
//! | a region that is not the whole file | a front sends whole files |
//! | another status: 206, 404, 416 | fronts make a 200 of it, or cut ranges from it themselves |
//! | `Content-Encoding` | nginx and Apache forget it, and the client would take coded bytes for plain |
//! | a file beneath no directory that is mapped | the front has no name for it |
//! | a path with `..` in it behind the directory | it may lead out of it |
//! | `X-Sendfile` of a path with `%`, or with what is not printable ASCII | some fronts decode it, some do not |
//!
//! They are sent from here, as if the layer were not there; so is what a layer further in has wrapped in a body of
//! its own, which is why `compress` stands outside: what the front sends the front codes. In `X-Accel-Redirect` everything but
//! unreserved characters (RFC 3986, section 2.3) is percent-encoded, which nginx decodes since 1.5.9.
//!
//! Ranges are the front's to cut, of what it sends: have it keep `Range` and `If-Range` to itself, else they
//! are answered with 206 here. nginx keeps `Content-Type`, `Content-Disposition`, `Set-Cookie`, `Cache-Control`,
//! `Expires` and `Accept-Ranges` of the answer and forgets the others: what every answer must
//! carry is added there, and its `ETag` is its own, so that conditions are compared there too.
//!
//! ```text
//! location / {
//!     proxy_pass http://127.0.0.1:8000;
//!     proxy_set_header Range "";
//!     proxy_set_header If-Range "";
//! }
//! location /sent/ { internal; alias /srv/files/; disable_symlinks on from=/srv/files; }
//! ```
//!
//! # Security
//!
//! Which files the front sends is decided by configuration and by nobody else. No field of a request is looked
//! at: `X-Sendfile-Type` and `X-Accel-Mapping`, by which clients of other frameworks could choose the field and
//! the mapping (CVE-2025-61780), mean nothing here. Fields of the same kind that the application answers with
//! are taken off: one that passes on what another server said, or writes what a client
//! said into a field, would have the front send any file that it may. An application that must name files
//! itself does so without this layer; nothing here obeys such a field and sends the file in its place.
//!
//! The front opens the file by its name, once more: a link that was safe here may be followed there, and a file that was
//! replaced meanwhile is sent as it is then. Nobody but the front may reach this server, since
//! whoever does is shown the name of the file in its place.
//!
//! # Cost
//!
//! Six look-ups in the fields of each answer; for a file one call of the system for its length, and an
//! allocation or two for the name.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;

use crate::body::{Body, FileRegion};
use crate::header::send_file::{FIELDS, X_ACCEL_REDIRECT, X_SENDFILE};
use crate::place::{self, Placed};
use crate::target::encoding::{is_unreserved, push_encoded};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

/// Has the front server send files.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Debug)]
pub struct SendFile {
    front: Front,
    mappings: Arc<[Mapping]>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Front {
    /// The name is a URI of the front.
    Accel,
    /// The name is a path of the front's file system.
    Sendfile,
}

/// A directory here, and the front's name for it.
#[derive(Clone, Debug)]
struct Mapping {
    directory: PathBuf,
    /// Without a slash at its end.
    name: Box<str>,
}

impl SendFile {
    /// Has nginx send what is beneath `directory`, which is `uri` there: an `internal` location.
    ///
    /// # Errors
    ///
    /// If the URI does not start with a slash, or one of the two has `..` in it.
    pub fn x_accel_redirect(directory: impl AsRef<Path>, uri: &str) -> Result<Self, BadMapping> {
        Self::new(Front::Accel).and(directory, uri)
    }

    /// Has Apache's `mod_xsendfile`, or lighttpd, send what is beneath `directory`, which is `path` in
    /// the front's file system: the same, unless one of the two is in a container.
    ///
    /// # Errors
    ///
    /// If the path does not start with a slash, or one of the two has `..` in it.
    pub fn x_sendfile(directory: impl AsRef<Path>, path: &str) -> Result<Self, BadMapping> {
        Self::new(Front::Sendfile).and(directory, path)
    }

    /// Maps another directory; of two that hold a file the longer counts.
    ///
    /// A path that is not absolute is meant from where the process is now. Paths are compared as
    /// they are written, component by component, without following links.
    ///
    /// # Errors
    ///
    /// As the constructors.
    pub fn and(self, directory: impl AsRef<Path>, name: &str) -> Result<Self, BadMapping> {
        let bad = |value: &str, why| BadMapping {
            value: value.to_owned(),
            why,
        };
        let directory = directory.as_ref();
        let is_up = |path: &Path| path.components().any(|c| c == Component::ParentDir);
        if is_up(directory) {
            let directory = directory.display().to_string();
            return Err(bad(&directory, "a directory is written without `..`"));
        }
        let Ok(directory) = std::path::absolute(directory) else {
            return Err(bad("", "a directory has a name"));
        };
        if !name.starts_with('/') {
            return Err(bad(name, "the front's name of it starts with a slash"));
        }
        if is_up(Path::new(name)) {
            return Err(bad(name, "the front's name of it is written without `..`"));
        }
        let name = name.trim_end_matches('/').into();
        let mapping = Mapping { directory, name };
        let mut mappings = self.mappings.to_vec();
        let len = |mapping: &Mapping| mapping.directory.as_os_str().len();
        let at = mappings.partition_point(|other| len(other) >= len(&mapping));
        mappings.insert(at, mapping);
        Ok(Self {
            mappings: mappings.into(),
            ..self
        })
    }

    fn new(front: Front) -> Self {
        Self {
            front,
            mappings: Arc::new([]),
        }
    }

    /// What the front calls the file that `region` is all of.
    fn name(&self, region: &FileRegion) -> Option<HeaderValue> {
        let source = region.source();
        let path = std::path::absolute(source.path()?).ok()?;
        let (mapping, rest) = self.mappings.iter().find_map(|mapping| {
            let rest = path.strip_prefix(&mapping.directory).ok()?;
            Some((mapping, rest))
        })?;
        let len = source.file()?.metadata().ok()?.len();
        if region.offset() != 0 || region.len() != len {
            return None;
        }
        self.front.write(&mapping.name, rest)
    }
}

impl Front {
    const fn field(self) -> HeaderName {
        match self {
            Self::Accel => X_ACCEL_REDIRECT,
            Self::Sendfile => X_SENDFILE,
        }
    }

    /// The name of the file `rest` in the directory `name`, if it can be said.
    fn write(self, name: &str, rest: &Path) -> Option<HeaderValue> {
        let mut out = String::with_capacity(name.len() + 1 + rest.as_os_str().len());
        self.push(&mut out, name.as_bytes())?;
        for component in rest.components() {
            // Neither `..` nor what is absolute.
            let Component::Normal(component) = component else {
                return None;
            };
            out.push('/');
            self.push(&mut out, component.as_encoded_bytes())?;
        }
        // What is at the end of a field would be trimmed.
        let is_whole = !out.ends_with(' ');
        HeaderValue::try_from(out).ok().filter(|_| is_whole)
    }

    fn push(self, out: &mut String, bytes: &[u8]) -> Option<()> {
        for &byte in bytes {
            match self {
                Self::Accel if !is_unreserved(byte) && byte != b'/' => push_encoded(out, byte),
                // Some fronts decode it, some do not.
                Self::Sendfile if !matches!(byte, b' '..=b'~') || byte == b'%' => return None,
                _ => out.push(char::from(byte)),
            }
        }
        Some(())
    }
}

#[diagnostic::do_not_recommend]
impl Placed for SendFile {
    type Place = place::SendFile;
    const NAME: &'static str = "send_file";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.front.field().as_str())
    }
}

impl<S> Layer<S> for SendFile {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<B> OnRequest<B> for SendFile {
    type Then = Pending;
    type Reply = Infallible;

    #[inline]
    fn on_request(&self, _: &mut Request<B>) -> ControlFlow<Infallible, Pending> {
        ControlFlow::Continue(Pending(self.clone()))
    }
}

/// What waits for the response: what the front can send.
#[derive(Debug)]
pub struct Pending(SendFile);

impl<C: 'static> OnResponse<C> for Pending {
    type Body = C;

    fn on_response(self, mut res: Response<C>) -> Response<C> {
        let Self(send_file) = self;
        let headers = res.headers_mut();
        for field in &FIELDS {
            headers.remove(field);
        }
        if res.status() != StatusCode::OK || res.headers().contains_key(CONTENT_ENCODING) {
            return res;
        }
        let Some(body) = (res.body_mut() as &mut dyn Any).downcast_mut::<Body>() else {
            return res;
        };
        let Some(name) = body.as_file().and_then(|region| send_file.name(region)) else {
            return res;
        };
        *body = Body::empty();
        res.headers_mut().remove(CONTENT_LENGTH);
        res.headers_mut().insert(send_file.front.field(), name);
        res
    }
}

/// Why a directory cannot be mapped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadMapping {
    value: String,
    why: &'static str,
}

impl fmt::Display for BadMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.value, self.why)
    }
}

impl StdError for BadMapping {}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(front: Front, rest: &str) -> Option<String> {
        let value = front.write("/sent files", Path::new(rest))?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_uri_is_encoded() {
        for (rest, uri) in [
            ("a/b.txt", "/sent%20files/a/b.txt"),
            ("a b%20?#.txt", "/sent%20files/a%20b%2520%3F%23.txt"),
            ("é\n~", "/sent%20files/%C3%A9%0A~"),
        ] {
            assert_eq!(said(Front::Accel, rest).unwrap(), uri);
        }
        assert_eq!(said(Front::Accel, "a/../b"), None);
    }

    #[test]
    fn a_path_is_said_only_if_all_read_the_same_in_it() {
        assert_eq!(said(Front::Sendfile, "a b+c").unwrap(), "/sent files/a b+c");
        for rest in ["50%", "é", "a\nb", "a\u{7f}", "a ", "../b"] {
            assert_eq!(said(Front::Sendfile, rest), None, "{rest:?}");
        }
    }

    #[test]
    fn what_cannot_be_mapped_is_said() {
        let error = |directory, uri| {
            let error = SendFile::x_accel_redirect(directory, uri).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            error("/a/../b", "/c"),
            "`/a/../b`: a directory is written without `..`"
        );
        assert_eq!(error("", "/c"), "``: a directory has a name");
        assert_eq!(
            error("/a", "c"),
            "`c`: the front's name of it starts with a slash"
        );
        assert!(error("/a", "/c/../d").ends_with("is written without `..`"));
    }

    #[test]
    fn what_the_application_says_is_taken_off() {
        let layer = SendFile::x_sendfile("/srv", "/srv").unwrap();
        let ControlFlow::Continue(pending) = layer.on_request(&mut Request::new(()));
        let mut res = Response::new(Body::from("text"));
        for field in FIELDS {
            let secret = HeaderValue::from_static("/etc/passwd");
            res.headers_mut().append(field, secret);
        }
        res.headers_mut()
            .insert("x-accel-buffering", HeaderValue::from_static("no"));
        let res = pending.on_response(res);
        let left: Vec<_> = res.headers().keys().collect();
        assert_eq!(left, ["x-accel-buffering"]);
        assert_eq!(res.into_body().try_into_bytes().unwrap(), "text");
    }
}
