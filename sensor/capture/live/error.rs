//! What keeps an interface from being captured, each as one line that says what to do.

use std::io;

/// Why live capture can't start or go on.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are named by the messages that print them")]
pub enum LiveError {
    /// No interface was named.
    #[error("no interface to capture from; name one with --interface (`ip link` lists them)")]
    NoInterfaces,
    /// The process may not open packet sockets.
    #[error("{interface}: no permission to capture ({reason}); run as root, or give the program CAP_NET_RAW")]
    Permission { interface: String, reason: String },
    /// The filter is not in the filter language.
    #[error("the capture filter {filter:?} is wrong: {reason}; its language is described in pcap-filter(7)")]
    Filter { filter: String, reason: String },
    /// The system lacks what the chosen backend needs.
    #[error("{interface}: this system has no {what} ({source}); choose the backend pcap")]
    Unsupported { interface: String, what: &'static str, source: io::Error },
    /// A call to the system failed.
    #[error("{interface}: cannot {what}: {source}")]
    System { interface: String, what: &'static str, source: io::Error },
    /// libpcap refused, in its own words.
    #[error("{interface}: cannot capture: {reason}")]
    Pcap { interface: String, reason: String },
}
