//! What is held to any text, by the fuzzer and by property tests: nothing here is part of a build for use.

use super::Config;

/// A text says something that prints itself, or what is wrong with it, a line for each.
#[doc(hidden)]
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Config::parse(text, "/nowhere") {
        Ok(config) => {
            let tower = config.stack().to_string();
            assert!(tower.lines().count() >= config.stack().len(), "{tower}");
        }
        Err(error) => {
            let told = error.to_string();
            assert!(error.count() > 0 && told.lines().count() >= error.count());
            assert!(told.starts_with("configuration:"), "{told}");
        }
    }
}
