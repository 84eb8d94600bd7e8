//! Log-ins to databases.

use crate::testing::Scene;
use egret_model::{Evidence, Protocol};

fn told(exchange: &[(bool, Vec<u8>)], step: usize) -> (Vec<(String, bool)>, Vec<Protocol>) {
    let mut scene = Scene::new();
    let flow = scene.tcp(5432);
    scene.dialogue(flow, exchange, step);
    scene.close(flow);
    let seen = scene.end();
    assert!(seen.sightings.iter().all(|sighting| sighting.evidence == Evidence::DatabaseLogin));
    let told = seen.sightings.into_iter().map(|s| (s.user.unwrap_or_default(), s.confirmed)).collect();
    (told, seen.transfers.iter().map(|transfer| transfer.start.protocol).collect())
}

fn startup(user: &str) -> Vec<u8> {
    let body = [&[0, 3, 0, 0][..], b"database\0shop\0user\0", user.as_bytes(), b"\0\0"].concat();
    [&u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], &body].concat()
}

#[test]
fn postgresql_names_the_user_once_accepted() {
    let ok = b"R\0\0\0\x08\0\0\0\0".to_vec();
    let md5 = b"R\0\0\0\x0c\0\0\0\x05salt".to_vec();
    let password = b"p\0\0\0\x08abc\0".to_vec();
    let exchange = [
        (true, [0, 0, 0, 8, 4, 210, 22, 47].to_vec()),
        (false, b"N".to_vec()),
        (true, startup("alice")),
        (false, md5.clone()),
        (true, password.clone()),
        (false, ok),
        (true, b"Q\0\0\0\x0dselect 1\0".to_vec()),
    ];
    for step in [1, 6, 1000] {
        let (users, protocols) = told(&exchange, step);
        assert_eq!(users, [("alice".to_owned(), true)], "in pieces of {step}");
        assert!(protocols.iter().all(|protocol| *protocol == Protocol::Postgresql));
    }
    let refused =
        [(true, startup("alice")), (false, md5), (true, password), (false, b"E\0\0\0\x05\0".to_vec())];
    assert_eq!(told(&refused, 100).0, []);
}

#[test]
fn mysql_names_the_user_once_accepted() {
    let packet =
        |sequence: u8, body: &[u8]| [&[u8::try_from(body.len()).unwrap(), 0, 0, sequence][..], body].concat();
    let greeting = packet(0, b"\x0a8.0.36\0\x01\0\0\0saltsalt\0\xff\xff");
    let login = packet(1, &[&[0, 2, 0, 0][..], &[0; 28], b"alice\0\x14"].concat());
    let good = [(false, greeting.clone()), (true, login.clone()), (false, packet(2, &[0, 0, 0, 2, 0]))];
    for step in [1, 9, 1000] {
        let (users, protocols) = told(&good, step);
        assert_eq!(users, [("alice".to_owned(), true)], "in pieces of {step}");
        assert!(protocols.iter().all(|protocol| *protocol == Protocol::Mysql));
    }
    assert_eq!(told(&[(false, greeting), (true, login), (false, packet(2, &[0xff, 0, 0]))], 99).0, []);
}
