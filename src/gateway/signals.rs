//! Signals that are heard before there is a server.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Error;

/// `SIGHUP`, `SIGUSR1` and `SIGUSR2`, which are heard from now on and end the process no more: for who has to do with
/// configuration before there is a server to hear them.
///
/// What comes meanwhile is done when it [serves](super::Serve::heard), if there is something to be done: where nothing is said of one,
/// by [`on_reload`](super::Serve::on_reload), [`on_reopen`](super::Serve::on_reopen) or [`hand_over`](super::Serve::hand_over), it is
/// heard and nothing comes of it, as long as the process lives.
///
/// ```no_run
/// use gopuram::gateway::Signals;
///
/// # async fn read_configuration() {}
/// # fn open_logs_anew() {}
/// # #[tokio::main]
/// # async fn main() -> Result<(), gopuram::Error> {
/// # let app = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(
/// #     http::Response::new(gopuram::Body::empty())));
/// let heard = Signals::hear()?;
/// read_configuration().await;
/// let serve = gopuram::serve(app).bind("127.0.0.1:8000");
/// let serve = serve.on_reload(read_configuration).on_reopen(open_logs_anew);
/// serve.hand_over().heard(heard).await
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Signals {
    pub(super) hangup: Option<Signal>,
    pub(super) user1: Option<Signal>,
    pub(super) user2: Option<Signal>,
}

impl Signals {
    /// Hears them from now on.
    ///
    /// # Errors
    ///
    /// If signals cannot be waited for.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as its signals do: within `async` or after [`enter`](tokio::runtime::Runtime::enter).
    pub fn hear() -> Result<Self, Error> {
        let hear = |kind| signal(kind).map(Some).map_err(Error::signals);
        Ok(Self {
            hangup: hear(SignalKind::hangup())?,
            user1: hear(SignalKind::user_defined1())?,
            user2: hear(SignalKind::user_defined2())?,
        })
    }
}
