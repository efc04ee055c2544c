//! All access logs of a process.

use gopuram::config::Config;
use gopuram::middleware::access_log::Log;

/// The log that the command was told of, and those of layers.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    pub(crate) own: Option<Log>,
    pub(crate) config: Config,
}

impl Logs {
    /// Whether there is any.
    pub(crate) fn are_there(&self) -> bool {
        self.own.is_some() || self.config.has_logs()
    }

    /// Opens files anew, which were moved away.
    pub(crate) fn reopen(&self) {
        if let Some(log) = &self.own {
            log.reopen();
        }
        self.config.reopen();
    }

    /// Waits until all is written.
    pub(crate) fn flush(&self) {
        let own = self.own.as_ref().map_or(Ok(()), Log::flush);
        if let Err(error) = own.and(self.config.flush()) {
            tracing::error!(%error, "the access log could not be written to its end");
        }
    }
}
