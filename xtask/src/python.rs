//! The wheel: built, installed into an environment of its own, and tested there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::interpreters;
use crate::parts::{self, APACHE, MOD_WSGI};
use crate::run::{self, Failed, run};

/// How the wheel is compiled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Build {
    Quick,
    Optimised,
}

/// An environment of Python under `target`, with the wheel in it.
#[derive(Debug)]
pub(crate) struct Environment(PathBuf);

impl Environment {
    /// Makes it, or goes on with the one that is there.
    ///
    /// # Errors
    ///
    /// If there is no Python that can make environments.
    pub(crate) fn new() -> Result<Self, Failed> {
        let made = Self::made("venv", Path::new("python3"));
        made.map_err(|why| format!("{why}\nmissing: python3 (Debian's package python3-venv)"))
    }

    /// Makes that of another interpreter, or goes on with the one that is there.
    ///
    /// # Errors
    ///
    /// If it cannot make environments, or is none for the wheel.
    fn of(interpreter: &Path) -> Result<Self, Failed> {
        let version = interpreters::version(interpreter)?;
        Self::made(&format!("venv-{version}"), interpreter)
    }

    fn made(name: &str, interpreter: &Path) -> Result<Self, Failed> {
        let environment = Self(run::target().join("python").join(name));
        if !environment.program("pip").exists() {
            let mut venv = run::command(interpreter, &["-m", "venv"]);
            venv.arg(&environment.0);
            run::output(venv)?;
        }
        Ok(environment)
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }

    /// Installs what is named and not there.
    pub(crate) fn install(&self, what: &[&str]) -> Result<(), Failed> {
        let mut pip = self.command("pip", &["install", "--quiet"]);
        pip.args(what);
        run(pip)
    }

    /// Builds the wheel and installs it in place of the one that is there.
    pub(crate) fn install_wheel(&self, build: Build) -> Result<(), Failed> {
        let target = run::target().join("python");
        let wheels = target.join("wheels");
        // Those of other versions.
        drop(std::fs::remove_dir_all(&wheels));
        let mut maturin = self.command("maturin", &["build", "--quiet", "--locked"]);
        maturin
            .arg("--manifest-path")
            .arg(run::root().join("python/Cargo.toml"))
            .arg("--interpreter")
            .arg(self.program("python"))
            .arg("--out")
            .arg(&wheels)
            .env("CARGO_TARGET_DIR", &target);
        if build == Build::Optimised {
            maturin.arg("--release");
        }
        run(maturin)?;
        let mut pip = self.command(
            "pip",
            &["install", "--quiet", "--force-reinstall", "--no-deps"],
        );
        pip.args(["--no-index", "gopuram", "--find-links"])
            .arg(&wheels);
        run(pip)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = run::command(self.program(program), args);
        command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        command
    }
}

/// Tests the wheel; without Python there is nothing to test, which is an error where that is `strict`.
///
/// # Errors
///
/// If it cannot be built, or a test fails.
pub(crate) fn test(strict: bool) -> Result<(), Failed> {
    let environment = match Environment::new() {
        Ok(environment) => environment,
        Err(missing) if strict => return Err(missing),
        Err(missing) => {
            eprintln!("{missing}\nthe tests of the wheel are SKIPPED");
            return Ok(());
        }
    };
    install_tested(&environment)?;
    pytest(&environment, &[])?;
    source(&environment)?;
    others(&environment)
}

/// Tests the wheel by another interpreter.
///
/// # Errors
///
/// If it cannot be built, or a test fails.
pub(crate) fn test_by(interpreter: &Path) -> Result<(), Failed> {
    let environment = Environment::of(interpreter)?;
    install_tested(&environment)?;
    pytest(&environment, &[])
}

/// Holds the rules of PEP 3333 over the wheel by all other versions of Python that are found.
fn others(tested: &Environment) -> Result<(), Failed> {
    let mut found = interpreters::found();
    let version = interpreters::version(&tested.program("python"))?;
    found.insert(version.clone(), tested.program("python"));
    let missing = interpreters::missing(&found).join(", ");
    found.remove(&version);
    for (version, interpreter) in &found {
        println!("the rules by Python {version}");
        let environment = Environment::of(interpreter)?;
        environment.install(&NEEDED)?;
        environment.install_wheel(Build::Quick)?;
        pytest(&environment, &rules()?)?;
    }
    if found.is_empty() {
        eprintln!("NO OTHER PYTHON than {version} is found: the wheel is TESTED BY THAT ALONE");
    } else if !missing.is_empty() {
        eprintln!("the wheel is NOT TESTED by Python {missing}, of which there is none");
    }
    Ok(())
}

/// What the tests of the rules need.
const NEEDED: [&str; 4] = ["h2", "maturin>=1.9,<2", "pytest", "pytest-timeout"];

/// The tests of what an interpreter may have another mind of.
fn rules() -> Result<Vec<String>, Failed> {
    let place = run::root().join("python/tests");
    let entries = std::fs::read_dir(&place).map_err(|e| format!("{}: {e}", place.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    let is_of_them =
        |name: &String| name.starts_with("test_rules") || name == "test_interpreters.py";
    Ok(names
        .filter(is_of_them)
        .map(|name| format!("tests/{name}"))
        .collect())
}

fn pytest(environment: &Environment, tests: &[String]) -> Result<(), Failed> {
    let mut pytest = environment.command("pytest", &[]);
    pytest.args(tests).current_dir(run::root().join("python"));
    run(pytest)
}

/// What is published as source has all that it is compiled from: it is compiled where nothing else is.
fn source(environment: &Environment) -> Result<(), Failed> {
    let target = run::target().join("python");
    let place = target.join("source");
    // That of before.
    drop(std::fs::remove_dir_all(&place));
    let mut maturin = environment.command("maturin", &["sdist"]);
    maturin
        .arg("--manifest-path")
        .arg(run::root().join("python/Cargo.toml"))
        .arg("--out")
        .arg(&place);
    run(maturin)?;
    let mut unpack = environment.command("python", &["-c", UNPACK]);
    unpack.arg(&place);
    run(unpack)?;
    let mut check = run::cargo(&["check", "--quiet", "--locked", "--manifest-path"]);
    check
        .arg(place.join("gopuram/python/Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target)
        .env("PYO3_PYTHON", environment.program("python"));
    run(check)
}

/// Unpacks the one archive of a directory, under a name without a version. As new, since Cargo takes files with the times that are in
/// there for those that it compiled before.
const UNPACK: &str = "
import pathlib, sys, tarfile, time
place = pathlib.Path(sys.argv[1])
(archive,) = place.glob('gopuram-*.tar.gz')
with tarfile.open(archive) as packed:
    for member in packed.getmembers():
        member.mtime = time.time()
    packed.extractall(place)
(unpacked,) = (path for path in place.iterdir() if path.is_dir())
unpacked.rename(place / 'gopuram')
";

/// The wheel, and what its tests need.
fn install_tested(environment: &Environment) -> Result<(), Failed> {
    let requirements = run::root().join("python/tests/requirements.txt");
    environment.install(&["--requirement", &text(&requirements)])?;
    environment.install_wheel(Build::Quick)
}

/// Holds the rules of PEP 3333 over the wheel and other servers, and writes the table; the date is told, so that it is in there as
/// it was, whenever the table is made again.
///
/// # Errors
///
/// If a server cannot be installed, or the table not be written.
pub(crate) fn conformance(date: &str) -> Result<(), Failed> {
    parts::need(&[APACHE, MOD_WSGI])?;
    let environment = Environment::new()?;
    install_tested(&environment)?;
    environment.install(&["granian", "gunicorn", "uwsgi", "waitress"])?;
    let mut table = environment.command("python", &["tests/conformance.py", "--date", date]);
    table.current_dir(run::root().join("python"));
    // How it goes on is to be seen.
    table.stderr(std::process::Stdio::inherit());
    let path = run::root().join("python/CONFORMANCE.md");
    let table = run::output(table)?;
    std::fs::write(&path, table).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
