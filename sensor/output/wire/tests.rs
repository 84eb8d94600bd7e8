use super::*;
use egret_model::{Severity, Timestamp};
use std::io::Read as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

fn header() -> Header {
    Header { host: "s".into(), at: Timestamp::EPOCH, severity: Severity::High, format: "cef" }
}

const HEAD: &str = "<83>1 1970-01-01T00:00:00.000000Z s egret - cef - ";

fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().spawn(work).unwrap()
}

#[test]
fn destinations_are_urls_paths_or_a_hyphen() {
    for (text, expected) in [
        ("-", Destination::Standard),
        ("out.jsonl", Destination::File("out.jsonl".into())),
        ("file:///var/log/x", Destination::File("/var/log/x".into())),
        ("udp://127.0.0.1:514", Destination::Udp("127.0.0.1:514".into())),
        ("tls://[::1]:6514", Destination::Tls("[::1]:6514".into())),
    ] {
        assert_eq!(Destination::parse(text).unwrap(), expected);
    }
    for wrong in ["udp://host", "tcp://:514", "tls://host:0", "tls://host:99999", "http://host:80"] {
        assert!(Destination::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn datagrams_hold_one_message_each() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let to = Destination::Udp(receiver.local_addr().unwrap().to_string());
    let mut wire = Wire::new(to, None);
    wire.prepare().unwrap();
    wire.send(&["one".into(), "ä".repeat(40_000)], &header()).unwrap();
    let mut buffer = vec![0; 70_000];
    let length = receiver.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], format!("{HEAD}one").as_bytes());
    let length = receiver.recv(&mut buffer).unwrap();
    assert!(length <= DATAGRAM && std::str::from_utf8(&buffer[..length]).is_ok(), "cut between characters");
}

#[test]
fn octets_are_counted_over_tcp_and_a_lost_way_is_opened_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = Destination::Tcp(listener.local_addr().unwrap().to_string());
    let receiver = spawn(move || {
        let mut texts = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut text = vec![0; HEAD.len() + 8];
            let length = stream.read(&mut text).unwrap();
            texts.push(String::from_utf8_lossy(&text[..length]).into_owned());
        }
        texts
    });
    let mut wire = Wire::new(to, None);
    wire.send(&["äa".into()], &header()).unwrap();
    // The other end has gone: sooner or later that is told, and the way is opened anew.
    let mut failures = 0;
    while !receiver.is_finished() && failures < 1000 {
        failures += usize::from(wire.send(&["b".into()], &header()).is_err());
        thread::sleep(Duration::from_millis(1));
    }
    let texts = receiver.join().unwrap();
    // What follows may have come with it.
    assert!(texts[0].starts_with(&format!("{} {HEAD}äa", HEAD.len() + 3)), "{}", texts[0]);
    assert!(texts[1].starts_with(&format!("{} <83>1 ", HEAD.len() + 1)), "{}", texts[1]);
}

#[test]
fn tls_is_verified() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (trusted, other) = (folder.path().join("trusted.pem"), folder.path().join("other.pem"));
    std::fs::write(&trusted, key.cert.pem()).unwrap();
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&other, stranger.cert.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()).into();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let receiver = spawn(move || {
        let mut texts = Vec::new();
        for _ in 0..2 {
            let (stream, _) = listener.accept().unwrap();
            let connection = rustls::ServerConnection::new(Arc::new(config.clone())).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let mut text = vec![0; HEAD.len() + 7];
            texts.push(stream.read_exact(&mut text).map(|()| String::from_utf8_lossy(&text).into_owned()));
        }
        texts
    });
    // Resolved to where the listener is, whatever else localhost may be.
    let send = |authorities| {
        let mut wire = Wire::new(Destination::Tls(format!("localhost:{port}")), Some(authorities));
        wire.prepare().unwrap();
        wire.addresses = vec![([127, 0, 0, 1], port).into()];
        wire.send(&["secret".into()], &header())
    };
    let refused = send(other).unwrap_err().to_string();
    assert!(refused.contains("cannot be trusted"), "{refused}");
    send(trusted).unwrap();
    let texts = receiver.join().unwrap();
    assert!(texts[0].is_err());
    assert!(texts[1].as_ref().is_ok_and(|text| text.contains(HEAD.get(..20).unwrap())), "{texts:?}");
    assert!(
        Wire::new(Destination::Tls("localhost:1".into()), Some(folder.path().join("none")))
            .prepare()
            .is_err()
    );
}
