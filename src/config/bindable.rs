//! Whether the addresses of a file could be listened on, without doing so.

use super::Config;

impl Config {
    /// Whether all addresses could be listened on, as far as that shows without doing so; see
    /// [`Address::bindable`](crate::gateway::Address::bindable). It blocks.
    ///
    /// # Errors
    ///
    /// What serving would say, a line for each that could not.
    pub fn bindable(&self) -> Result<(), String> {
        let wrong = self
            .addresses()
            .filter_map(|(address, _)| address.bindable().err());
        let wrong: Vec<_> = wrong.map(|error| format!("{error:?}")).collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n"))
        }
    }
}
