//! Who has an address that is in use, as far as one may know.

use std::collections::HashSet;
use std::io;

use super::super::address::{Address, Place};

/// The error of binding `address`, with the process that listens there if it is another's.
pub(super) fn named(error: io::Error, address: &Address) -> io::Error {
    if error.kind() != io::ErrorKind::AddrInUse {
        return error;
    }
    match listener(address) {
        Some(who) => io::Error::new(error.kind(), format!("{who} listens there")),
        None => error,
    }
}

/// The name and number of the process that listens at `address`.
///
/// By proc(5): whose descriptors may be looked at is a process of the same user, or any for root.
fn listener(address: &Address) -> Option<String> {
    let sockets: HashSet<String> = match &address.place {
        Place::Socket(socket) => {
            let port = format!(":{:04X}", socket.port());
            let found = |table| {
                listening(table, 9, |fields| {
                    fields.get(3) == Some(&"0A")
                        && fields.get(1).is_some_and(|at| at.ends_with(&port))
                })
            };
            found("/proc/net/tcp")
                .chain(found("/proc/net/tcp6"))
                .collect()
        }
        Place::Unix(path) => {
            let path = path.to_str()?;
            listening("/proc/net/unix", 6, |fields| fields.get(7) == Some(&path)).collect()
        }
        _ => return None,
    };
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let process = processes.into_iter().find(|process| {
        // `self` is one too.
        let is_process = process
            .file_name()
            .as_encoded_bytes()
            .iter()
            .all(u8::is_ascii_digit);
        let open = std::fs::read_dir(process.path().join("fd"));
        let mut open = open.into_iter().flatten().flatten();
        is_process
            && open.any(|fd| {
                let link = std::fs::read_link(fd.path()).ok();
                link.is_some_and(|link| link.to_str().is_some_and(|link| sockets.contains(link)))
            })
    })?;
    let name = std::fs::read_to_string(process.path().join("comm")).ok()?;
    let number = process.file_name();
    Some(format!("`{}` (process {})", name.trim(), number.display()))
}

/// What the sockets of a table are called among descriptors; their number is in field `inode`.
fn listening(
    table: &str,
    inode: usize,
    is_it: impl Fn(&[&str]) -> bool,
) -> impl Iterator<Item = String> {
    let text = std::fs::read_to_string(table).unwrap_or_default();
    let sockets = text.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let number = fields.get(inode).filter(|_| is_it(&fields))?;
        Some(format!("socket:[{number}]"))
    });
    sockets.collect::<Vec<_>>().into_iter()
}
