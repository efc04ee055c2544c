//! How the access log is set.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;

use super::{Context, Entry, Layer, Problem};
use crate::config::destination::Destination;
use crate::config::kept::Pace;
use crate::config::keys::settings;
use crate::config::measure::Size;
use crate::config::value::{Named, words};
use crate::middleware::AccessLog;
use crate::middleware::access_log::Log;
use crate::middleware::when::Requests;

settings! {
    /// How the access log is set.
    pub(in crate::config) struct Settings {
        /// `"common"`, `"combined"` or `"json"`, or a format in the directives of Apache.
        format: String = "\"combined\"",
        /// In place of a format: the members of a JSON object, a directive each.
        json: Named<String> = "none",
        /// Where lines are written: this file, which is opened anew at `SIGUSR1`.
        file: PathBuf = "the standard output",
        /// Where lines are written, if to no file.
        to: To = "\"stdout\"",
        /// What the system log calls this program.
        tag: String = "\"gopuram\"",
        /// The facility in the system log, 0 to 23; 23 is `local7`.
        facility: u32 = "23",
        /// How long lines wait for others before they are written.
        linger: Duration = "\"20ms\"",
        /// How much may wait to be written; what is more is dropped, and counted.
        capacity: Size = "\"4MiB\"",
        /// Requests that are not logged: those like all that one of these says.
        skip: Vec<Skip> = "none",
        /// The keys of queries whose values are left out.
        redact_query: Vec<String> = "none",
        /// The cookies whose values are left out.
        redact_cookies: Vec<String> = "none",
        /// The fields whose values are left out, besides those with credentials.
        redact_headers: Vec<HeaderName> = "none",
        /// How many bits of a client's address are kept.
        mask_clients: Mask = "all",
        /// Times in UTC.
        utc: bool = "false: local time",
        /// The longest value that is written whole.
        value_limit: Size = "\"8KiB\"",
    }
}

words! {
    /// Where lines go that go to no file.
    enum To {
        Stderr = "stderr",
        Stdout = "stdout",
        Syslog = "syslog",
    }
}

settings! {
    /// How many bits of a client's address are kept.
    pub(in crate::config) struct Mask {
        /// Of an address of IPv4.
        v4: u32 = "24",
        /// Of an address of IPv6.
        v6: u32 = "48",
    }
}

settings! {
    /// Requests that are not logged.
    pub(in crate::config) struct Skip {
        /// With a path like one of these, with stars as in `when`.
        path: Vec<String> = "any",
        /// Answered with one of these statuses.
        status: Vec<u32> = "any",
    }
}

impl Entry for AccessLog {
    type Settings = Settings;
    const SAYS: &'static str = "one line per request when its body ends";

    fn build(settings: Settings, context: &mut Context<'_>) -> Result<Layer, Problem> {
        let log = log(&settings, context)?;
        let mut layer = formatted(&settings, log)?;
        for skip in settings.skip.unwrap_or_default() {
            layer = skip.add_to(layer)?;
        }
        let keys = settings.redact_query.unwrap_or_default();
        layer = layer.redact_query(keys.iter().map(String::as_str));
        let cookies = settings.redact_cookies.unwrap_or_default();
        layer = layer.redact_cookies(cookies.iter().map(String::as_str));
        for name in settings.redact_headers.unwrap_or_default() {
            layer = layer.redact_header(name);
        }
        if let Some(mask) = settings.mask_clients {
            let bits = |bits: Option<u32>, default: u8, most: u8| match bits.map(u8::try_from) {
                None => Ok(default),
                Some(Ok(bits)) if bits <= most => Ok(bits),
                Some(_) => Err(Problem::of("mask_clients", format!("at most {most} bits"))),
            };
            layer = layer.mask_clients(bits(mask.v4, 24, 32)?, bits(mask.v6, 48, 128)?);
        }
        if settings.utc == Some(true) {
            layer = layer.utc();
        }
        if let Some(limit) = settings.value_limit {
            layer = layer.value_limit(limit.of_memory());
        }
        Ok(Layer::new(layer))
    }
}

/// The log that lines go to: the same for all layers that name the same file.
fn log(settings: &Settings, context: &mut Context<'_>) -> Result<Log, Problem> {
    let pace = Pace {
        linger: settings.linger,
        capacity: settings.capacity.map(Size::of_memory),
    };
    if let Some(file) = &settings.file {
        if settings.to.is_some() {
            return Err(Problem::of("to", "there is a `file` as well; one of both"));
        }
        let path = context.path(file);
        let log = context.log(Destination::File(path.clone()), pace);
        let instead = match path.to_str() {
            Some("/dev/stdout") => "; write `to = \"stdout\"` instead",
            Some("/dev/stderr") => "; write `to = \"stderr\"` instead",
            _ => "",
        };
        let told =
            |error: io::Error| Problem::of("file", format!("{}: {error}{instead}", path.display()));
        return log.map_err(told);
    }
    let to = settings.to.unwrap_or(To::Stdout);
    let tag = settings.tag.as_deref().unwrap_or("gopuram");
    let facility = settings.facility.unwrap_or(23);
    let facility = u8::try_from(facility).ok().filter(|number| *number <= 23);
    let facility = facility.ok_or_else(|| Problem::of("facility", "there are 0 to 23"))?;
    let tag = tag.to_owned();
    let to = match to {
        To::Stderr => Destination::Stderr,
        To::Stdout => Destination::Stdout,
        To::Syslog => Destination::Syslog { tag, facility },
    };
    let opened = context.log(to, pace);
    let told =
        |error: io::Error| Problem::of("to", format!("nobody hears the system log: {error}"));
    opened.map_err(told)
}

fn formatted(settings: &Settings, log: Log) -> Result<AccessLog, Problem> {
    if let Some(Named(members)) = &settings.json {
        if settings.format.is_some() {
            return Err(Problem::of(
                "json",
                "there is a `format` as well; one of both",
            ));
        }
        let members = members
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let layer = AccessLog::json_members(members, log);
        return layer.map_err(|error| Problem::of("json", error));
    }
    match settings.format.as_deref() {
        None | Some("combined") => Ok(AccessLog::combined(log)),
        Some("common") => Ok(AccessLog::common(log)),
        Some("json") => Ok(AccessLog::json(log)),
        Some(format) => {
            AccessLog::format(format, log).map_err(|error| Problem::of("format", error))
        }
    }
}

impl Skip {
    fn add_to(self, layer: AccessLog) -> Result<AccessLog, Problem> {
        let paths = Requests::all();
        let paths = self
            .path
            .unwrap_or_default()
            .iter()
            .try_fold(paths, |all, path| all.path(path));
        let paths = paths.map_err(|error| Problem::of("skip", error))?;
        let statuses = self.status.unwrap_or_default();
        Ok(layer.skip(move |entry| {
            let of_status = statuses.contains(&u32::from(entry.status().as_u16()));
            (statuses.is_empty() || of_status) && paths.has_path(entry.path())
        }))
    }
}
