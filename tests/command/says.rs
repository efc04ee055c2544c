//! What the command says, and with which status it ends.

use std::os::unix::net::UnixListener;

use crate::process::{Directory, run};

const SITE: &str = r#"
listen = ["127.0.0.1:0", "unix:a.sock"]

[[layer]]
name = "access_log"
file = "access.log"

[[layer]]
name = "compress"
codings = ["br", "gzip"]
"#;

#[test]
fn a_file_that_is_right_is_printed_as_a_tower() {
    let directory = Directory::new();
    directory.write("site.toml", SITE);
    let (well, out, err) = run(directory.path(), &["check", "site.toml"]);
    assert!(well, "{err}");
    assert_eq!(
        out,
        "site.toml: nothing is wrong\n\n\
         listens on 127.0.0.1:0\nlistens on unix:DIRECTORY/a.sock\n\n  \
         observe │ access_log  combined\nrepresent │ compress    br gzip\n      app │ NotFound\n"
            .replace("DIRECTORY", directory.path().to_str().unwrap())
    );
    let (_, tower, _) = run(directory.path(), &["explain", "site.toml"]);
    assert!(out.ends_with(&tower));
}

#[test]
fn nothing_is_made_where_a_file_is_only_looked_at() {
    let directory = Directory::new();
    directory.write("site.toml", SITE);
    let log = directory.path().join("access.log");
    for what in [["check", "site.toml"], ["explain", "site.toml"]] {
        let (well, _, err) = run(directory.path(), &what);
        assert!(well && !log.exists(), "{what:?}: {err}");
    }
    for wrong in [".", "none/access.log", "site.toml/access.log"] {
        directory.write("wrong.toml", SITE.replace("access.log", wrong));
        let (well, _, err) = run(directory.path(), &["check", "wrong.toml"]);
        assert!(!well && err.contains("`file`: "), "{wrong}: {err}");
        let (_, _, served) = run(directory.path(), &["serve", "wrong.toml"]);
        assert_eq!(served, err);
    }
    // Where a link leads to that leads nowhere yet, it would be made.
    std::os::unix::fs::symlink("none/access.log", &log).unwrap();
    let (well, _, err) = run(directory.path(), &["check", "site.toml"]);
    assert!(!well && err.contains("No such file"), "{err}");
    std::fs::create_dir(directory.path().join("none")).unwrap();
    let (well, _, err) = run(directory.path(), &["check", "site.toml"]);
    assert!(well && !log.exists(), "{err}");
}

#[test]
fn an_address_that_cannot_be_had_is_told_before_it_is_bound() {
    let directory = Directory::new();
    directory.write("file", "");
    let mut all = Vec::new();
    for (address, wanted) in [
        (
            "unix:none/a.sock",
            "the directory of the socket file does not exist",
        ),
        ("unix:file/a.sock", "Not a directory"),
        ("unix:file", "there is a file that is not a socket"),
        ("unix:a.sock?group=nosuch", "there is no such group"),
        ("unix:a.sock?owner=nosuch", "there is no such user"),
        ("fd:77", "Bad file descriptor"),
        ("fd:0", "not a socket"),
    ] {
        directory.write("site.toml", format!("listen = \"{address}\""));
        let (well, _, err) = run(directory.path(), &["check", "site.toml"]);
        assert!(!well && err.contains(wanted), "{address}: {err}");
        let (well, _, served) = run(directory.path(), &["serve", "site.toml"]);
        assert!(!well && served.ends_with(&err), "{served}\nand not {err}");
        all.push(format!("{address:?}"));
    }
    directory.write("site.toml", format!("listen = [{}]", all.join(", ")));
    let (_, _, err) = run(directory.path(), &["check", "site.toml"]);
    assert_eq!(err.lines().count(), all.len(), "{err}");
    assert_eq!(directory.files(), ["file", "site.toml"]);
}

#[test]
fn what_no_service_manager_has_passed_is_told() {
    let directory = Directory::new();
    directory.write("site.toml", r#"listen = "systemd:""#);
    let (well, _, err) = run(directory.path(), &["serve", "site.toml"]);
    let told = "cannot listen on `systemd:`: no socket was passed to this process; ";
    assert!(!well && err.contains(told), "{err}");
}

#[test]
fn a_socket_that_nobody_listens_at_is_not_refused() {
    let directory = Directory::new();
    let path = directory.path().join("a.sock");
    drop(UnixListener::bind(&path).unwrap());
    let addresses =
        r#"listen = ["unix:a.sock?mode=660", "systemd:", "unix:@name", "*:80", "localhost:0"]"#;
    directory.write("site.toml", addresses);
    let (well, _, err) = run(directory.path(), &["check", "site.toml"]);
    assert!(well, "{err}");
    assert!(path.exists());
}

#[test]
fn a_file_that_is_wrong_is_told_line_by_line() {
    let directory = Directory::new();
    directory.write(
        "site.toml",
        SITE.replace("compress", "compres").replace("file", "fil"),
    );
    let (well, out, err) = run(directory.path(), &["check", "site.toml"]);
    assert!(!well && out.is_empty());
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(lines.len(), 2, "{err}");
    assert!(
        lines[0].starts_with(
            "site.toml:6:1: layer \"access_log\": unknown key `fil`, did you mean `file`?"
        ),
        "{err}"
    );
    assert!(
        lines[1]
            .starts_with("site.toml:9:8: no layer is called `compres`; did you mean `compress`?"),
        "{err}"
    );
    let (well, _, served) = run(directory.path(), &["serve", "site.toml"]);
    assert!(!well);
    assert_eq!(served, err);
}

#[test]
fn an_application_of_pythons_is_not_served() {
    let directory = Directory::new();
    directory.write("site.toml", "[app]\nwsgi = \"site:app\"\n");
    let (well, _, err) = run(directory.path(), &["serve", "site.toml"]);
    assert!(!well);
    assert!(
        err.contains("`pip install gopuram`") && err.contains("`gopuram serve site.toml`"),
        "{err}"
    );
    let (well, out, _) = run(directory.path(), &["check", "site.toml"]);
    assert!(well && out.contains("site:app"), "{out}");
}

#[test]
fn layers_and_tables_are_explained() {
    let directory = Directory::new();
    let (well, out, _) = run(directory.path(), &["explain", "compress"]);
    assert!(well);
    assert!(
        out.starts_with("compress: gzip, brotli, zstd by negotiation\n"),
        "{out}"
    );
    assert!(
        out.contains("min_size: a size, as \"64KiB\", or a number of bytes [\"1KiB\"]"),
        "{out}"
    );
    let (_, all, _) = run(directory.path(), &["explain"]);
    for name in gopuram::config::names().chain(gopuram::config::tables()) {
        assert!(all.contains(&format!("\n  {name} ")), "{name}: {all}");
    }
    let (well, _, err) = run(directory.path(), &["explain", "compres"]);
    assert!(!well && err.contains("did you mean `compress`?"), "{err}");
    let (well, _, err) = run(directory.path(), &["explain", "none.toml"]);
    assert!(!well && err.contains("none.toml: cannot be read"), "{err}");
}

#[test]
fn what_the_command_line_lacks_is_told() {
    let directory = Directory::new();
    let (well, _, err) = run(directory.path(), &["serve"]);
    assert!(!well && err.contains("--files"), "{err}");
    let (well, _, err) = run(directory.path(), &["serve", "--files", "none"]);
    assert!(!well && err.contains("none"), "{err}");
    let (well, out, _) = run(directory.path(), &["serve", "--help"]);
    assert!(well && out.contains("SIGHUP"), "{out}");
}
