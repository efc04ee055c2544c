//! The numbers of users and groups.

use std::io;

/// The number of a user, by number or by name.
pub(super) fn user(name: &str) -> io::Result<u32> {
    number(name, "/etc/passwd", "there is no such user")
}

/// The number of a group, by number or by name.
pub(super) fn group(name: &str) -> io::Result<u32> {
    number(name, "/etc/group", "there is no such group")
}

fn number(name: &str, file: &str, problem: &str) -> io::Result<u32> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    // Names may be in any encoding.
    let lines = std::fs::read(file)?;
    find(name, &String::from_utf8_lossy(&lines)).ok_or_else(|| {
        let problem = format!("{problem} in {file}: `{name}`");
        io::Error::new(io::ErrorKind::InvalidInput, problem)
    })
}

/// The third field of the line whose first is `name` (passwd(5), group(5)).
fn find(name: &str, lines: &str) -> Option<u32> {
    let mut lines = lines.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| {
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_and_a_number_is_one() {
        assert_eq!(user("4711").unwrap(), 4711);
        assert_eq!(user("root").unwrap(), 0);
        let error = group("no such group").unwrap_err();
        assert!(error.to_string().contains("`no such group`"));
        let lines = "# comment\nroot:x:0:0:root:/root:/bin/sh\nwww:x:33:34::/:\nbad:x:no:\n";
        assert_eq!(find("www", lines), Some(33));
        assert_eq!(find("bad", lines), None);
        assert_eq!(find("ww", lines), None);
    }
}
