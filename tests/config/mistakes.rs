//! What is wrong with a file is said with its place, and with what to write instead.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

use gopuram::config::Config;

use crate::support::Directory;

fn mistakes(text: &str) -> Vec<String> {
    Directory::new().mistakes(text)
}

#[test]
fn an_unknown_key_is_told_with_those_that_there_are() {
    let text = "[[layer]]\nname = \"compress\"\n  levl = 6\n";
    assert_eq!(
        mistakes(text),
        [
            "site.toml:3:3: layer \"compress\": unknown key `levl`, did you mean `levels`? \
             there are `name`, `out_of_place`, `when`, `codings`, `levels`, `min_size`, `media_types`, `keep`"
        ]
    );
    let text = "[limits]\nhaed = \"1KiB\"\n[lismits]\n";
    let mistakes = mistakes(text);
    assert!(
        mistakes[0].starts_with("site.toml:2:1: limits: unknown key `haed`, did you mean `head`?"),
        "{mistakes:?}"
    );
    assert!(
        mistakes[1].starts_with("site.toml:3:2: unknown key `lismits`, did you mean `limits`?"),
        "{mistakes:?}"
    );
}

#[test]
fn an_unknown_layer_is_told_with_what_was_meant() {
    let mistakes = mistakes("[[layer]]\nname = \"compres\"\n");
    let expected = "site.toml:2:8: no layer is called `compres`; did you mean `compress`? there are access_log, ";
    assert!(mistakes[0].starts_with(expected), "{mistakes:?}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let mistakes = mistakes(
        r#"listen = ["8000", { address = "[::1]:1", tls = 1 }]

[deadlines]
head = "soon"

[[layer]]
name = "access_log"
format = "%Z"

[[layer]]
name = "static_files"
listing = "yes"
"#,
    );
    assert_eq!(
        mistakes,
        [
            "site.toml:1:11: `listen`: \"8000\" is no address: there is no port",
            "site.toml:1:48: `tls` takes true or false, and not a whole number",
            "site.toml:4:8: deadlines: `head` takes a time, as \"30s\", or \"off\"; \"soon\" is none: units are ms, s, m, h and d",
            "site.toml:8:10: layer \"access_log\": `format`: `%Z` at byte 0 is no directive",
            "site.toml:12:11: layer \"static_files\": `listing` takes true or false, and not the text \"yes\"",
        ]
    );
}

#[test]
fn what_is_no_toml_is_told_so() {
    let mistakes = mistakes("listen = \n[limits\n");
    assert!(mistakes[0].starts_with("site.toml:1:"), "{mistakes:?}");
    assert!(mistakes[0].contains("this is not TOML"), "{mistakes:?}");
}

#[test]
fn a_file_that_is_not_there_is_told_so() {
    let directory = Directory::new();
    let error = Config::read(directory.path().join("none.toml")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("none.toml: cannot be read: No such file"),
        "{error}"
    );
}

#[test]
fn a_file_that_does_not_end_is_not_read_to_its_end() {
    let error = Config::read("/dev/zero").unwrap_err().to_string();
    assert_eq!(
        error,
        "/dev/zero: cannot be read: it is a device, and no file"
    );
    let directory = Directory::new();
    let mistakes = directory.mistakes(&"#".repeat((1 << 20) + 1));
    assert_eq!(
        mistakes,
        ["site.toml: cannot be read: it is longer than 1 MiB"]
    );
    directory.write("a.key", "");
    let long = directory.write("a.pem", "");
    fs::File::options()
        .write(true)
        .open(long)
        .unwrap()
        .set_len((64 << 20) + 1)
        .unwrap();
    assert_eq!(
        directory.mistakes(TLS),
        ["site.toml:3:15: tls: `certificate`: cannot read `a.pem`: it is longer than 64 MiB"]
    );
}

const TLS: &str = "listen = { address = \"127.0.0.1:0\", tls = true }\n[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n";

/// What is wrong with a file that nobody writes to, or that names such: it is told, and not waited for.
fn told_at_once(file: PathBuf) -> String {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(Config::read(file).unwrap_err().to_string()));
    told.recv_timeout(Duration::from_secs(20)).unwrap()
}

fn fifo(directory: &Directory, name: &str) {
    let path = directory.path().join(name);
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn a_fifo_is_not_waited_for() {
    let directory = Directory::new();
    fifo(&directory, "a.pem");
    let told = told_at_once(directory.write("site.toml", TLS));
    assert!(
        told.ends_with("a.pem`: it is a FIFO, and no file: write what comes from it to one"),
        "{told}"
    );
    let log = "[[layer]]\nname = \"access_log\"\nfile = \"a.pem\"\n";
    let told = told_at_once(directory.write("site.toml", log));
    assert!(told.ends_with("a.pem: nobody reads from it"), "{told}");
    // One that is read is as good as any other file, and so is a device.
    let path = directory.path().join("a.pem");
    let reader = thread::spawn(move || fs::read(path).unwrap());
    let file = directory.write("site.toml", log);
    while Config::read(&file).is_err() {
        thread::yield_now();
    }
    assert_eq!(reader.join().unwrap(), b"");
    directory.config(&log.replace("a.pem", "/dev/null"));
    let directory = Directory::new();
    fifo(&directory, "site.toml");
    let told = told_at_once(directory.path().join("site.toml"));
    assert!(
        told.ends_with(
            "site.toml: cannot be read: it is a FIFO, and no file: write what comes from it to one"
        ),
        "{told}"
    );
}

#[test]
fn where_no_log_can_be_is_told_in_the_same_words_without_opening_it() {
    let directory = Directory::new();
    let _socket = UnixListener::bind(directory.path().join("socket")).unwrap();
    fs::create_dir(directory.path().join("public")).unwrap();
    directory.write("plain", "");
    let wrong = [
        ("socket", "it is a socket, which cannot be opened"),
        ("socket/", "Is a directory"),
        ("logs/", "Is a directory"),
        ("plain/", "Is a directory"),
        ("public", "Is a directory"),
        ("public/", "Is a directory"),
        ("logs/.", "No such file"),
        ("plain/a.log", "Not a directory"),
        ("none/logs/", "No such file"),
    ];
    for (file, expected) in wrong {
        let log = format!("[[layer]]\nname = \"access_log\"\nfile = \"{file}\"\n");
        let site = directory.write("site.toml", log);
        let told = Config::check(&site).unwrap_err().to_string();
        assert!(told.contains(&format!("{file}: {expected}")), "{told}");
        assert_eq!(told, Config::read(&site).unwrap_err().to_string());
    }
}

#[test]
fn of_very_many_mistakes_the_first_hundred_are_told() {
    let directory = Directory::new();
    let keys: Vec<_> = (0..80_000).map(|n| format!("k{n} = 1\n")).collect();
    let keys = keys.concat();
    let text = format!("listen = 1\n{keys}[limits]\nhead = \"much\"\n");
    let told = directory.mistakes(&text);
    assert_eq!(told.len(), 101);
    assert!(told[0].starts_with("site.toml:1:10: `listen`"), "{told:?}");
    assert!(told[99].starts_with("site.toml:100:1: unknown key `k98`"));
    assert_eq!(told[100], "site.toml: and 79902 more");
    let error = Config::read(directory.path().join("site.toml")).unwrap_err();
    assert_eq!(error.count(), 80_002);
    // Addresses are compared by their text, each once.
    let listen = format!("listen = [{}0]", "\"[::]:1\",".repeat(100_000));
    assert_eq!(directory.mistakes(&listen).len(), 1);
}

#[test]
fn a_directory_that_is_not_there_is_told_with_its_place() {
    let mistakes = mistakes("[[layer]]\nname = \"static_files\"\nroot = \"public\"\n");
    assert_eq!(mistakes.len(), 1);
    assert!(
        mistakes[0].starts_with("site.toml:3:8: layer \"static_files\": `root`: "),
        "{mistakes:?}"
    );
    assert!(mistakes[0].contains("public"), "{mistakes:?}");
}

#[test]
fn one_layer_is_no_table() {
    let mistakes = mistakes("[layer]\nname = \"compress\"\n");
    assert!(mistakes[0].contains("write `[[layer]]`"), "{mistakes:?}");
}

#[test]
fn tls_needs_a_certificate_that_can_be_used() {
    let mistakes = mistakes("listen = { address = \"127.0.0.1:0\", tls = true }\n");
    assert!(
        mistakes[0].contains("needs a table `[tls]`"),
        "{mistakes:?}"
    );
    let text = "listen = { address = \"127.0.0.1:0\", tls = true }\n[tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"\n";
    let mistakes = self::mistakes(text);
    assert_eq!(
        mistakes,
        ["site.toml:3:15: tls: `certificate`: cannot read `a.pem`: there is no such file"]
    );
    let mistakes = self::mistakes("[tls]\ncertificate = \"a.pem\"\n");
    assert_eq!(mistakes, ["site.toml:1:1: tls: there is no `key`"]);
    let both = text
        .replace("listen = {", "listen = [\"127.0.0.1:0\", {")
        .replace("true }", "true }]");
    let told = self::mistakes(&both).join("\n");
    assert!(
        told.contains("127.0.0.1:0 is there with TLS and without"),
        "{told}"
    );
    let text = text.replace("\"127.0.0.1:0\"", "\"fastcgi:127.0.0.1:0\"");
    let mistakes = self::mistakes(&text);
    assert!(
        mistakes[0].contains("spoken with front servers"),
        "{mistakes:?}"
    );
}

#[tokio::test]
async fn more_layers_than_can_call_each_other_are_refused() {
    let layer = "[[layer]]\nname = \"compress\"\n";
    let directory = Directory::new();
    let config = directory.config(&layer.repeat(100));
    let client = gopuram::testing::Client::new(config.stack().app(crate::support::app()));
    client.get("/hello").await.assert_body("hello");
    let mistakes = directory.mistakes(&layer.repeat(101));
    assert!(mistakes[0].contains("more than 100 layers"), "{mistakes:?}");
}

#[test]
fn what_the_readme_writes_can_be_read() {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```toml\n").skip(1);
    let mut files = blocks.filter_map(|block| block.split("```").next());
    let file = files.find(|block| block.contains("[[layer]]")).unwrap();
    let directory = Directory::new();
    directory.write("public/index.html", "");
    assert_eq!(directory.config(file).stack().len(), 2);
}
