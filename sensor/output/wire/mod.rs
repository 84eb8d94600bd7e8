//! The way to other systems: files, standard output, and syslog over UDP, TCP or TLS.
//!
//! Owns: destinations, connections, and trying again on a new one. Never does: formats; deciding when; threads.

mod syslog;
#[cfg(test)]
mod tests;
mod tls;

pub use syslog::Header;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// Longest wait for the other end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest message sent in one datagram, bytes (RFC 5426 section 3.2: receivers should take 2048, and may take any).
const DATAGRAM: usize = 60_000;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output, as lines.
    Standard,
    /// A file that lines are added to.
    File(PathBuf),
    /// Syslog in datagrams (RFC 5426).
    Udp(String),
    /// Syslog over TCP with counted octets (RFC 6587 section 3.4.1).
    Tcp(String),
    /// Syslog over TLS (RFC 5425).
    Tls(String),
}

/// Why lines did not arrive.
#[derive(Debug, Error)]
#[error("{to}: {what}: {reason}")]
pub struct WireError {
    to: String,
    what: &'static str,
    reason: io::Error,
}

impl Destination {
    /// From `-`, a path, `udp://HOST:PORT`, `tcp://HOST:PORT` or `tls://HOST:PORT`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(if text == "-" { Self::Standard } else { Self::File(text.into()) });
        };
        let host = || match rest.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) => {
                Ok(rest.to_owned())
            }
            _ => Err(format!("{text}: a host and a port must follow, as in {scheme}://siem.example:6514")),
        };
        match scheme {
            "file" => Ok(Self::File(rest.into())),
            "udp" => host().map(Self::Udp),
            "tcp" => host().map(Self::Tcp),
            "tls" => host().map(Self::Tls),
            _ => Err(format!("{text}: must begin with file://, udp://, tcp:// or tls://")),
        }
    }

    /// Host and port of a remote one.
    #[must_use]
    pub fn remote(&self) -> Option<&str> {
        match self {
            Self::Udp(to) | Self::Tcp(to) | Self::Tls(to) => Some(to),
            Self::Standard | Self::File(_) => None,
        }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Standard => f.write_str("standard output"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Udp(to) => write!(f, "udp://{to}"),
            Self::Tcp(to) => write!(f, "tcp://{to}"),
            Self::Tls(to) => write!(f, "tls://{to}"),
        }
    }
}

impl WireError {
    /// The reader of a pipe has gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.reason.kind() == io::ErrorKind::BrokenPipe
    }
}

/// A way to one destination.
pub struct Wire {
    destination: Destination,
    /// Addresses of a remote one, where they were looked up beforehand.
    addresses: Vec<SocketAddr>,
    /// For TLS: who is trusted beside the system's authorities.
    authorities: Option<PathBuf>,
    tls: Option<tls::Settings>,
    open: Option<Open>,
}

enum Open {
    Standard(io::Stdout),
    File(File),
    Udp(UdpSocket),
    Stream(Box<dyn Write + Send>),
}

impl Wire {
    /// A way that is opened when it is first used. `authorities`: a file of certificates (PEM) whose holders are trusted for TLS, in the
    /// place of the system's.
    #[must_use]
    pub const fn new(destination: Destination, authorities: Option<PathBuf>) -> Self {
        Self { destination, addresses: Vec::new(), authorities, tls: None, open: None }
    }

    /// Looks up names and reads certificates now, for a process that can do neither later.
    pub fn prepare(&mut self) -> Result<(), WireError> {
        if let Some(to) = self.destination.remote() {
            self.addresses =
                to.to_socket_addrs().map_err(|reason| self.failed("cannot be looked up", reason))?.collect();
        }
        if matches!(self.destination, Destination::Tls(_)) {
            let settings = tls::Settings::load(self.authorities.as_deref());
            self.tls = Some(settings.map_err(|reason| self.failed("cannot verify its certificate", reason))?);
        }
        Ok(())
    }

    /// Where it leads.
    #[must_use]
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Sends lines; over a remote way each is a syslog message. All have been handed over when this returns; after an error, some may
    /// have been, and the next call opens the way anew.
    pub fn send(&mut self, lines: &[String], header: &Header) -> Result<(), WireError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.connect()?,
        };
        let sent = match &mut open {
            Open::Standard(out) => write_lines(out, lines),
            Open::File(file) => write_lines(file, lines),
            Open::Udp(socket) => lines.iter().try_for_each(|line| {
                let mut message = header.message(line);
                message.truncate(
                    (0..=DATAGRAM).rev().find(|at| message.is_char_boundary(*at)).unwrap_or_default(),
                );
                socket.send(message.as_bytes()).map(drop)
            }),
            Open::Stream(stream) => lines
                .iter()
                .try_for_each(|line| {
                    let message = header.message(line);
                    stream.write_all(format!("{} {message}", message.len()).as_bytes())
                })
                .and_then(|()| stream.flush()),
        };
        sent.map_err(|reason| self.failed("cannot be written", reason))?;
        self.open = Some(open);
        Ok(())
    }

    fn connect(&mut self) -> Result<Open, WireError> {
        let cannot = "cannot be opened";
        match self.destination.clone() {
            Destination::Standard => Ok(Open::Standard(io::stdout())),
            Destination::File(path) => {
                let mut options = OpenOptions::new();
                options.append(true).create(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
                options.open(path).map(Open::File).map_err(|reason| self.failed(cannot, reason))
            }
            Destination::Udp(_) => self.udp().map(Open::Udp).map_err(|reason| self.failed(cannot, reason)),
            Destination::Tcp(_) => {
                let stream = self.tcp().map_err(|reason| self.failed("cannot be reached", reason))?;
                Ok(Open::Stream(Box::new(stream)))
            }
            Destination::Tls(to) => {
                if self.tls.is_none() {
                    self.prepare()?;
                }
                let stream = self.tcp().map_err(|reason| self.failed("cannot be reached", reason))?;
                let host = to.rsplit_once(':').map_or(to.as_str(), |(host, _)| host).trim_matches(['[', ']']);
                let secured = match &self.tls {
                    Some(settings) => settings.secure(stream, host),
                    None => Err(io::Error::other("no settings for TLS")),
                };
                secured
                    .map(|stream| Open::Stream(Box::new(stream)))
                    .map_err(|reason| self.failed("cannot be trusted", reason))
            }
        }
    }

    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        match self.destination.remote() {
            Some(to) if self.addresses.is_empty() => Ok(to.to_socket_addrs()?.collect()),
            _ => Ok(self.addresses.clone()),
        }
    }

    fn udp(&self) -> io::Result<UdpSocket> {
        let address = self.addresses()?.into_iter().next();
        let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
        let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        Ok(socket)
    }

    fn tcp(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::other("the name has no address");
        for address in self.addresses()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    stream.set_write_timeout(Some(PATIENCE))?;
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn failed(&self, what: &'static str, reason: io::Error) -> WireError {
        WireError { to: self.destination.to_string(), what, reason }
    }
}

fn write_lines(out: &mut impl Write, lines: &[String]) -> io::Result<()> {
    let mut text = lines.join("\n");
    if !lines.is_empty() {
        text.push('\n');
    }
    // At once, so that another writer of the file can't come in between.
    out.write_all(text.as_bytes())?;
    out.flush()
}
