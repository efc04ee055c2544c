//! Addresses as text, which is read as the same address again.

use std::fmt;
use std::time::Duration;

use super::{Address, Options, Place, text};

impl Address {
    /// The address without its options: by which sockets are known, however they are served.
    pub(crate) fn name(&self) -> String {
        match &self.place {
            Place::Mistake(text, _) => text.clone(),
            place => format!("{}{place}", self.options.protocol),
        }
    }
}

/// With the options that are not as by default.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        match self.place {
            // All that was written is in there.
            Place::Mistake(..) => Ok(()),
            _ => self.options.fmt(f),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(socket) => socket.fmt(f),
            // A host may be called as a prefix is; what is written is read as the same.
            Self::Name(text) if text::has_prefix(text) => write!(f, "tcp:{text}"),
            Self::Name(text) | Self::Mistake(text, _) => f.write_str(text),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => match name.to_str() {
                Some(name) => write!(f, "unix:@{name}"),
                // Which no text has named.
                None => write!(f, "unix:@{}", name.as_encoded_bytes().escape_ascii()),
            },
            Self::Fd(number) => write!(f, "fd:{number}"),
            Self::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}

/// What follows the place: those that are not as by default, in the order of the alphabet.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = Written { f, before: '?' };
        let Self {
            backlog,
            keepalive,
            nodelay,
            acceptors,
            v6only,
            mode,
            owner,
            group,
            proxy,
            // Which stands before the place.
            protocol: _,
            fronts,
            script_name,
            plain_paths,
            remote_user,
        } = self;
        let default = &Self::DEFAULT;
        all.some(
            "acceptors",
            (*acceptors != default.acceptors).then_some(acceptors),
        )?;
        all.some("backlog", (*backlog != default.backlog).then_some(backlog))?;
        all.some("fronts", fronts.as_ref())?;
        all.some("group", group.as_ref())?;
        match keepalive.map(|after| after.as_secs().max(1)) {
            None => all.some("keepalive", Some("off"))?,
            after if after.map(Duration::from_secs) == default.keepalive => {}
            after => all.some("keepalive", after)?,
        }
        all.some("mode", mode.map(|bits| format!("{bits:03o}")))?;
        all.some("nodelay", (!nodelay).then_some("off"))?;
        all.some("owner", owner.as_ref())?;
        all.flag("plain_paths", *plain_paths)?;
        all.some("proxy", proxy.as_ref())?;
        all.flag("remote_user", *remote_user)?;
        all.some("script_name", script_name.as_ref())?;
        all.flag("v6only", *v6only)
    }
}

/// Options that are being written.
struct Written<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    before: char,
}

impl Written<'_, '_> {
    fn some(&mut self, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
        let Some(value) = value else {
            return Ok(());
        };
        write!(self.f, "{}{name}={value}", self.before)?;
        self.before = '&';
        Ok(())
    }

    fn flag(&mut self, name: &str, is_set: bool) -> fmt::Result {
        if is_set {
            write!(self.f, "{}{name}", self.before)?;
            self.before = '&';
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_host_that_is_called_as_a_prefix_is_written_behind_one() {
        for text in ["tcp:unix:75", "tcp:fd:1", "tcp:systemd:2", "tcp:tcp:3"] {
            assert_eq!(Address::from(text).to_string(), text);
        }
        assert_eq!(Address::from("tcp:unixes:75").to_string(), "unixes:75");
    }

    #[test]
    fn options_are_written_unless_they_are_as_by_default() {
        for (text, shown) in [
            ("unix:/s?mode=60&group=www", "unix:/s?group=www&mode=060"),
            ("a:1?backlog=4096&keepalive=60&nodelay=on", "a:1"),
            ("a:1?keepalive=off", "a:1?keepalive=off"),
            ("a:1?proxy=::1,10.1.2.3/8", "a:1?proxy=::1/128,10.0.0.0/8"),
            ("fastcgi:a:1?script_name=/f", "fastcgi:a:1?script_name=/f"),
            ("fastcgi:a:1?mode=9", "fastcgi:a:1?mode=9"),
        ] {
            assert_eq!(Address::from(text).to_string(), shown);
        }
        let address = Address::from("unix:/s?mode=660&backlog=7");
        assert_eq!(address.name(), "unix:/s");
    }

    fn place() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z:]{1,8}:[0-9]{1,4}",
            "(tcp:)?(127\\.0\\.0\\.1|\\[::1\\]|\\*):[0-9]{1,4}",
            "unix:(//)?[/@a-zé\\\\% ]{1,8}",
            "fd:[0-9]{1,3}",
            "systemd:[a-z=&]{0,5}",
        ]
    }

    fn option() -> impl Strategy<Value = String> {
        prop_oneof![
            "(acceptors|backlog)=[0-9]{1,4}",
            "keepalive=([1-9][0-9]{0,3}|off|18446744073709551615)",
            "mode=[0-7]{1,3}",
            "nodelay(=on|=off)?",
            "(plain_paths|remote_user|v6only)(=on)?",
            "(owner|group|script_name)=[a-z0-9/?=é%]{0,5}",
            "(proxy|fronts)=(10\\.0\\.0\\.0/8|2001:db8::/32|::1|127\\.0\\.0\\.1, ::/0)",
        ]
    }

    proptest! {
        #[test]
        fn what_was_read_is_written_such_that_it_is_read_as_the_same(
            protocol in "(fastcgi:|scgi:|uwsgi:)?",
            place in place(),
            options in prop::collection::vec(option(), 0..14),
        ) {
            let address = Address::from(format!("{protocol}{place}?{}", options.join("&")));
            let text = address.to_string();
            let again = Address::from(&text);
            if let (Place::Mistake(again, _), Place::Mistake(before, _)) = (&again.place, &address.place) {
                // Nothing is served there, whatever options were written.
                prop_assert_eq!(again, before);
            } else {
                prop_assert_eq!(again, address, "{}", text);
            }
        }
    }
}
