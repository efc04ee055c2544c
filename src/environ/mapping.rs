//! How requests and variables are made of each other.

use http::HeaderName;

/// How requests and variables are made of each other.
///
/// ```
/// use gopuram::environ::Mapping;
/// use http::HeaderName;
///
/// let mapping = Mapping::default()
///     .allow(HeaderName::from_static("x_legacy_id"))
///     .script_name("/app");
/// # let _ = mapping;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    pub(super) allowed: Vec<HeaderName>,
    pub(super) plain_paths: bool,
    pub(super) script_name: Option<Script>,
    pub(super) server_name: Option<Box<str>>,
    pub(super) remote_user: bool,
    pub(super) cgi: bool,
}

/// What `SCRIPT_NAME` is, if not what it seems.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Script {
    /// The mount, though there be no `PATH_INFO`.
    Mount,
    /// A part of a path that is under this prefix.
    Under(Box<str>),
}

impl Mapping {
    /// Lets a field pass though its name has other characters than letters, digits and hyphens.
    ///
    /// Its variable is then its own: a field that would have the same one, such as `x-user` beside `x_user`, is dropped, and so
    /// is this one if it is there twice, because clients could add theirs to that of a proxy. Not the field
    /// `Proxy` in any spelling.
    #[must_use]
    pub fn allow(mut self, name: HeaderName) -> Self {
        self.allowed.push(name);
        self
    }

    /// Refuses paths with an encoded slash, a backslash or a NUL (400).
    ///
    /// `PATH_INFO` does not tell `%2F` from a slash, so that a rule about paths in front may have been evaded. By default
    /// they pass, as `REQUEST_URI` has them as they were.
    #[must_use]
    pub const fn plain_paths(mut self) -> Self {
        self.plain_paths = true;
        self
    }

    /// Where the application is mounted, for front servers that do not say so: a path that is not under it is answered 404.
    ///
    /// By default `SCRIPT_NAME` says it if there is a `PATH_INFO` beside it. `/` is the root.
    #[must_use]
    pub fn script_name(mut self, prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() {
            String::new()
        } else {
            ["/", prefix].concat()
        };
        self.script_name = Some(Script::Under(prefix.into()));
        self
    }

    /// What `SERVER_NAME` is; by default the address of our end of the connection.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<Box<str>>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Believes `REMOTE_USER`: who the client is, as the front server says.
    ///
    /// Only where nobody else can connect: whoever can may be anybody. By default it is not looked at.
    #[must_use]
    pub const fn remote_user(mut self) -> Self {
        self.remote_user = true;
        self
    }

    /// Keeps to RFC 3875 by the letter: `SCRIPT_NAME` is the mount though `PATH_INFO` be empty, and
    /// `GATEWAY_INTERFACE` and `SERVER_SOFTWARE` are told.
    #[must_use]
    pub fn cgi(mut self) -> Self {
        self.cgi = true;
        self.script_name.get_or_insert(Script::Mount);
        self
    }
}
