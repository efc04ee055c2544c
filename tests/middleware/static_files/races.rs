//! A tree that another process changes all the time while it is served.
//!
//! Never a wrong byte under a strong validator, and never a file from outside of the root.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use gopuram::middleware::StaticFiles;
use gopuram::middleware::static_files::HotCache;
use gopuram::testing::{Client, Received};

use super::{Dir, long_ago};

/// In the environment of the process that changes the tree: where it is.
const TREE: &str = "GOPURAM_TEST_TREE";

/// What must never be seen.
const SECRET: &str = "outside of the root";

/// How many contents a file takes turns with.
const VERSIONS: u64 = 5;

/// How often each path is asked for.
const REQUESTS: usize = 150;

/// A content that says of every byte which version it is of.
fn version(n: u64) -> Vec<u8> {
    let letter = b'a' + u8::try_from(n % VERSIONS).unwrap();
    let len = 100_000 + usize::try_from(n % VERSIONS).unwrap() * 1000;
    vec![letter; len]
}

/// Changes the tree until the process that started it closes its input.
///
/// It is no test of its own: [`Mutator::start`] runs this binary again with it alone.
#[test]
fn a_process_that_changes_the_tree() {
    let Some(tree) = std::env::var_os(TREE).map(PathBuf::from) else {
        return;
    };
    let stop = std::thread::spawn(|| std::io::stdin().read(&mut [0]));
    let mut n = 0;
    while !stop.is_finished() {
        n += 1;
        change(&tree, n);
    }
}

fn change(tree: &Path, n: u64) {
    let root = tree.join("root");
    let written = |name: &str| {
        let path = root.join(name);
        fs::write(&path, version(n)).unwrap();
        dated(&path, n);
        path
    };
    // As deployments do.
    fs::rename(written("new"), root.join("renamed")).unwrap();
    // As they should not: truncated, and written again where it was.
    written("rewritten");
    // Here and gone.
    let fleeting = written("fleeting");
    fs::remove_file(fleeting).unwrap();
    // A link that leads inside and outside in turns.
    let target = if n.is_multiple_of(2) {
        "steady"
    } else {
        "../secret"
    };
    symlink(target, root.join("link.new")).unwrap();
    fs::rename(root.join("link.new"), root.join("link")).unwrap();
    // A directory of which a link to another one takes the place.
    if n.is_multiple_of(2) {
        fs::remove_file(root.join("dir")).unwrap();
        fs::rename(root.join("dir.real"), root.join("dir")).unwrap();
    } else {
        fs::rename(root.join("dir"), root.join("dir.real")).unwrap();
        symlink("../outside", root.join("dir")).unwrap();
    }
}

/// Sets a time of its own for each version, long ago, so that its tag is strong.
fn dated(path: &Path, n: u64) {
    let at: SystemTime = long_ago() + Duration::from_secs(n % VERSIONS);
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(at).unwrap();
}

/// The other process.
struct Mutator(Child);

impl Mutator {
    fn start(tree: &Path) -> Self {
        let mut again = Command::new(std::env::current_exe().unwrap());
        let name = "static_files::races::a_process_that_changes_the_tree";
        again.args(["--exact", name]).env(TREE, tree);
        let again = again.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Self(again.unwrap())
    }

    fn is_at_work(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Mutator {
    fn drop(&mut self) {
        // It ends when its input does.
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

fn tree(dir: &Dir) -> PathBuf {
    for name in ["renamed", "rewritten", "steady"] {
        dir.file(&format!("root/{name}"), version(0));
    }
    dir.file("root/dir/file", version(0))
        .file("secret", SECRET)
        .file("outside/file", SECRET)
        .link("root/link", "steady");
    dir.path("root")
}

/// What strong tags have stood for so far.
#[derive(Default)]
struct Seen(HashMap<String, Bytes>);

impl Seen {
    fn check(&mut self, path: &str, res: &Received) {
        let text = res.bytes();
        assert_ne!(text, SECRET, "{path}");
        if res.status() != 200 {
            assert!(
                [403, 404, 500, 503].contains(&res.status().as_u16()),
                "{path}: {}",
                res.status()
            );
            return;
        }
        // A body that broke off says so, and is not taken for the file.
        if res.error().is_some() {
            return;
        }
        // Of a file that was just truncated there is nothing to say.
        let length = res
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        assert_eq!(text.len(), length, "{path}");
        if let Some(tag) = res.header("etag").filter(|tag| tag.starts_with('"')) {
            let known = self.0.entry(tag.clone()).or_insert_with(|| text.clone());
            assert!(known == text, "{path}: two contents under {tag}");
            assert!(
                text.iter().all(|b| Some(b) == text.first()),
                "{path}: mixed under {tag}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wrong_byte_and_none_from_outside_while_the_tree_changes() {
    for hot in [
        HotCache::off(),
        HotCache::default().check_every(Duration::ZERO),
    ] {
        let dir = Dir::new();
        let files = StaticFiles::new(tree(&dir)).unwrap().hot_cache(hot);
        // Over a socket a body that breaks off at its first byte leaves no answer to look at.
        let client = Client::in_process(files);
        let mut mutator = Mutator::start(&dir.0);
        let mut seen: HashMap<_, Seen> = HashMap::new();
        let mut strong = 0;
        for _ in 0..REQUESTS {
            for path in ["/renamed", "/rewritten", "/fleeting", "/link", "/dir/file"] {
                let res = client.get(path).await;
                strong += usize::from(res.header("etag").is_some_and(|tag| tag.starts_with('"')));
                seen.entry(path).or_default().check(path, &res);
            }
        }
        assert!(mutator.is_at_work(), "nothing changed the tree");
        // Else nothing was tested.
        assert!(strong > REQUESTS / 10, "{strong} strong tags");
        assert!(seen["/renamed"].0.len() > 1, "the file was never replaced");
    }
}
