//! The interpreters of Python that this machine has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::run::{self, Failed};

/// The first version of Python 3 that the wheel is for, and the last that there may be.
const MINORS: std::ops::RangeInclusive<u8> = 10..=14;

/// What prints the version, of an interpreter that has the lock which the wheel needs.
const VERSION: &str = "
import sys, sysconfig
if sys.implementation.name != 'cpython' or sysconfig.get_config_var('Py_GIL_DISABLED'):
    sys.exit('it is no CPython with a global lock')
print('3.%d' % sys.version_info[1])
";

/// The version of an interpreter, as `3.12`.
///
/// # Errors
///
/// If it cannot be run, or is none for the wheel.
pub(crate) fn version(interpreter: &Path) -> Result<String, Failed> {
    let version = run::output(run::command(interpreter, &["-c", VERSION]))?;
    Ok(version.trim().to_owned())
}

/// One of each version that is found, in the path and where pyenv keeps its own.
pub(crate) fn found() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for minor in MINORS {
        let name = format!("python3.{minor}");
        let named = std::iter::once(PathBuf::from(&name));
        let kept = kept()
            .into_iter()
            .map(|place| place.join("bin").join(&name));
        let mut working = named.chain(kept).filter_map(|interpreter| {
            let version = version(&interpreter).ok()?;
            Some((version, interpreter))
        });
        found.extend(working.next());
    }
    found
}

/// Those of which there is none, by their versions.
pub(crate) fn missing(found: &BTreeMap<String, PathBuf>) -> Vec<String> {
    let all = MINORS.map(|minor| format!("3.{minor}"));
    all.filter(|version| !found.contains_key(version)).collect()
}

/// Where pyenv has what it has built.
fn kept() -> Vec<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".pyenv"));
    let Some(root) = root.or_else(home) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(root.join("versions"));
    let entries = entries.into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}
