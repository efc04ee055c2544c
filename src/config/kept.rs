//! What outlives a reading of the file: logs that are open, and what was counted.

use super::counted::Counted;
use super::logs::Logs;

/// What layers have that others of the same file share, and that the next reading takes over.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) logs: Logs,
    pub(super) counted: Option<Counted>,
}
