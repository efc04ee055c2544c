//! The application, and the environ that it is called with.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use gopuram::environ::{Environ, Mapping, Template};
use gopuram::middleware::attributes::{Attributes, Connection, RequestId, Scheme, Tls};
use http::request::Parts;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::text;

/// A WSGI application.
#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) callable: Py<PyAny>,
    /// What all environs have in common; no application ever sees it.
    base: Py<PyDict>,
}

impl Application {
    pub(crate) const fn new(callable: Py<PyAny>, base: Py<PyDict>) -> Self {
        Self { callable, base }
    }
}

/// What the requests of a connection have in common.
pub(crate) struct Prepared {
    template: Template,
    seen: Seen,
    base: PyOnceLock<Py<PyDict>>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.seen).finish()
    }
}

/// By what connections are told apart.
#[derive(Clone, Debug)]
struct Seen {
    local: Option<SocketAddr>,
    port: Option<u16>,
    peer: Option<SocketAddr>,
    scheme: Scheme,
    tls: Option<Arc<Tls>>,
}

impl Seen {
    fn of(connection: &Connection) -> Self {
        Self {
            tls: connection.tls.clone(),
            local: connection.local,
            port: connection.port,
            peer: connection.peer,
            scheme: connection.scheme,
        }
    }

    fn is_of(&self, connection: &Connection) -> bool {
        // Two clients may have sockets without addresses, and never the same certificate for the other's.
        let same = match (&self.tls, &connection.tls) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        same && self.local == connection.local
            && self.port == connection.port
            && self.peer == connection.peer
            && self.scheme == connection.scheme
    }
}

impl Prepared {
    /// The one that is there if it is of this request's connection, else another.
    pub(crate) fn of(there: &mut Option<Arc<Self>>, head: &Parts) -> Arc<Self> {
        let none = Connection::default();
        let connection = Attributes::of_head(head).and_then(Attributes::connection);
        let connection = connection.unwrap_or(&none);
        match there {
            Some(prepared) if prepared.seen.is_of(connection) => Arc::clone(prepared),
            _ => {
                let prepared = Arc::new(Self {
                    template: Template::new(Mapping::default(), connection),
                    seen: Seen::of(connection),
                    base: PyOnceLock::new(),
                });
                *there = Some(Arc::clone(&prepared));
                prepared
            }
        }
    }
}

/// The variables of one request.
#[derive(Clone, Debug)]
pub(crate) struct Variables {
    prepared: Arc<Prepared>,
    /// In place of the connection's, where a trusted layer knows better.
    instead: Option<Environ>,
    own: Environ,
    id: Option<RequestId>,
}

impl Variables {
    pub(crate) fn of(
        prepared: Arc<Prepared>,
        head: &Parts,
    ) -> Result<Self, gopuram::environ::Refused> {
        let mut own = Environ::with_capacity(24, 1024);
        prepared.template.request(head, &mut own)?;
        let instead = match prepared.template.connection(head) {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(instead) => Some(instead),
        };
        Ok(Self {
            prepared,
            instead,
            own,
            id: Attributes::of_head(head)
                .and_then(Attributes::request_id)
                .cloned(),
        })
    }

    /// What was asked for, for a log.
    pub(crate) fn what(&self) -> String {
        let of = |wanted: &[u8]| {
            let found = self.own.iter().find(|(name, _)| *name == wanted);
            found.map_or(String::new(), |(_, value)| value.escape_ascii().to_string())
        };
        format!("{} {}", of(b"REQUEST_METHOD"), of(b"REQUEST_URI"))
    }

    /// By what a layer has made it known, if one has.
    pub(crate) const fn id(&self) -> Option<&RequestId> {
        self.id.as_ref()
    }

    /// A new environ: a dictionary that is the application's to change.
    pub(crate) fn environ<'py>(
        &self,
        py: Python<'py>,
        app: &Application,
    ) -> PyResult<Bound<'py, PyDict>> {
        let environ = if let Some(instead) = &self.instead {
            with(app.base.bind(py), instead)?
        } else {
            let base = self.prepared.base.get_or_try_init(py, || {
                // Of a request that says nothing there is what the connection says.
                let (nothing, ()) = http::Request::new(()).into_parts();
                let variables = self.prepared.template.connection(&nothing);
                with(app.base.bind(py), &variables).map(Bound::unbind)
            })?;
            base.bind(py).copy()?
        };
        for (name, value) in self.own.iter() {
            environ.set_item(text::name(py, name)?, text::latin1(py, value)?)?;
        }
        Ok(environ)
    }
}

/// A copy with more variables.
fn with<'py>(base: &Bound<'py, PyDict>, variables: &Environ) -> PyResult<Bound<'py, PyDict>> {
    let py = base.py();
    let environ = base.copy()?;
    for (name, value) in variables.iter() {
        let value = text::latin1(py, value)?;
        if name == b"REQUEST_SCHEME" {
            environ.set_item(intern!(py, "wsgi.url_scheme"), &value)?;
        }
        environ.set_item(text::name(py, name)?, value)?;
    }
    Ok(environ)
}
