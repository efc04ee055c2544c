//! Lines for the system log, a datagram each.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use jiff::Zoned;
use jiff::fmt::strtime;

/// How many bytes of a line are sent: what rsyslog takes by default, header included.
const MAX_MESSAGE: usize = 8 * 1024;

/// The system log, for [`Log::to`](super::Log::to).
///
/// Writes to `/dev/log` as the C library's `syslog` does, in the form that RFC 3164 describes: that is what
/// journald, rsyslog and syslog-ng read there. (RFC 5424 is for the network, where a
/// local daemon is the better sender.) Each line is one message, of severity `info` and facility `local7`
/// unless another is set; its time is when it was written. A line that is too long is cut at 8 KiB.
#[derive(Debug)]
pub struct Syslog {
    path: PathBuf,
    tag: Box<str>,
    facility: u8,
    socket: Option<UnixDatagram>,
    message: Vec<u8>,
}

impl Syslog {
    /// Sends lines to `/dev/log`, as a program called `tag`.
    ///
    /// # Errors
    ///
    /// If nobody listens there.
    pub fn new(tag: &str) -> io::Result<Self> {
        Self::at("/dev/log", tag)
    }

    /// Sends lines to another socket.
    ///
    /// # Errors
    ///
    /// If nobody listens there.
    pub fn at(path: impl AsRef<Path>, tag: &str) -> io::Result<Self> {
        // What would end the tag early is not part of a name.
        let is_plain = |c: &char| c.is_ascii_graphic() && !matches!(c, ':' | '[' | ']');
        Ok(Self {
            path: path.as_ref().to_owned(),
            tag: tag.chars().filter(is_plain).take(32).collect(),
            facility: 23,
            socket: Some(connect(path.as_ref())?),
            message: Vec::new(),
        })
    }

    /// Sets the facility by its number (RFC 5424, section 6.2.1): 0 to 23, and 23, `local7`, by default,
    /// as nginx does.
    #[must_use]
    pub const fn facility(mut self, facility: u8) -> Self {
        self.facility = if facility > 23 { 23 } else { facility };
        self
    }

    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        const INFO: u8 = 6;
        let time = strtime::format("%b %e %H:%M:%S", &Zoned::now()).map_err(io::Error::other)?;
        let (tag, pid) = (&self.tag, std::process::id());
        self.message.clear();
        write!(
            self.message,
            "<{}>{time} {tag}[{pid}]: ",
            self.facility * 8 + INFO
        )?;
        self.message.extend_from_slice(line);
        self.message.truncate(MAX_MESSAGE);
        let sent = self
            .socket
            .as_ref()
            .map(|socket| socket.send(&self.message));
        if let Some(Ok(_)) = sent {
            return Ok(());
        }
        // The daemon was started again, perhaps: its socket is another one then.
        self.socket = None;
        let socket = connect(&self.path)?;
        socket.send(&self.message)?;
        self.socket = Some(socket);
        Ok(())
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    Ok(socket)
}

impl Write for Syslog {
    /// Takes one line, and says so.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let end = buf.iter().position(|&b| b == b'\n');
        let line = buf.get(..end.unwrap_or(buf.len())).unwrap_or_default();
        if !line.is_empty() {
            self.send(line)?;
        }
        Ok(end.map_or(buf.len(), |end| end + 1))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
