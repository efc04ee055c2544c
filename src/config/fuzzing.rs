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
            // A hundred are told, and how many more there are.
            let lines = error.count().min(101);
            assert!(lines > 0 && told.lines().count() >= lines);
            assert!(told.starts_with("configuration:"), "{told}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// What could stand in a file, right or wrong.
    fn line() -> impl Strategy<Value = String> {
        let key = prop::sample::select(vec![
            "name",
            "listen",
            "tls",
            "address",
            "when",
            "path",
            "host",
            "format",
            "root",
            "at",
            "head",
            "codings",
            "levels",
            "gzip",
            "files",
            "wsgi",
            "count",
            "skip",
            "status",
            "out_of_place",
        ]);
        let value = prop::sample::select(vec![
            "1",
            "-1",
            "1.5",
            "true",
            "\"\"",
            "\"compress\"",
            "\"access_log\"",
            "\"static_files\"",
            "\"off\"",
            "\"1KiB\"",
            "[]",
            "{}",
            "[[1]]",
            "\"/a/**\"",
            "\"cores\"",
            "\"é\"",
            "{ path = \"/*\" }",
            "{ gzip = 99 }",
            "\"fd:999\"",
            "99999999999999999999999999",
            "1979-05-27",
            "[\"br\"]",
        ]);
        let table = prop::sample::select(vec![
            "[limits]",
            "[deadlines]",
            "[tls]",
            "[app]",
            "[workers]",
            "[environ]",
            "[[layer]]",
            "[layer]",
            "[[tls.host]]",
        ]);
        prop_oneof![
            (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
            table.prop_map(str::to_owned),
            "\\PC{0,20}",
        ]
    }

    proptest! {
        #[test]
        fn any_text_says_something_or_what_is_wrong(lines in prop::collection::vec(line(), 0..12)) {
            super::config(lines.join("\n").as_bytes());
        }

        #[test]
        fn any_bytes_say_something_or_what_is_wrong(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            super::config(&bytes);
        }
    }
}
