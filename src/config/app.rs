//! What is served and by whom: `[app]` and `[workers]`.

use std::path::PathBuf;
use std::time::Duration;

use super::keys::settings;
use super::measure::{Count, Size};

settings! {
    /// What the layers are around, `[app]`; what is not said is `None`.
    #[non_exhaustive]
    pub struct AppTable {
        /// An application of Python's, as `"module:name"`; for the wheel alone, as all below but `files` is.
        wsgi: String = "none",
        /// A directory of files.
        files: PathBuf = "none: 404 for all that no layer answers",
        /// The directory to go to before anything is imported.
        chdir: PathBuf = "none",
        /// Where else modules are found.
        pythonpath: Vec<PathBuf> = "none",
        /// How many threads call the application.
        threads: Count = "4",
        /// Whether it is called on the thread of the connections, one request at a time.
        inline: bool = "false",
        /// How many requests may wait for a thread; then 503.
        queue: Count = "1024",
        /// For how long; then 503.
        queue_timeout: Duration = "\"30s\"",
        /// How long the application may take to answer; then 504, and another thread takes the place of that one. 0 is for ever.
        request_timeout: Duration = "0",
        /// The longest body of unknown length; then 413.
        max_spool: Size = "\"1GiB\"",
    }
}

settings! {
    /// By whom it is served, `[workers]`; what is not said is `None`.
    #[non_exhaustive]
    pub struct Workers {
        /// How many there are: processes of the wheel, and else runtimes with a thread of their own.
        count: Count = "one process, and one runtime for all cores",
        /// How long one may give no sign of life; 0 is for ever. For the wheel alone, as all below is.
        timeout: Duration = "\"30s\"",
        /// How long one may take to be ready.
        start_timeout: Duration = "\"60s\"",
        /// After how many requests another takes its place; 0 is never.
        max_requests: u64 = "0",
        /// Up to how many more, by chance.
        max_requests_jitter: u64 = "0",
        /// After how long another takes its place; 0 is never.
        max_age: Duration = "0",
        /// With how much of the memory another takes its place; 0 is never.
        max_memory: Size = "0",
    }
}
