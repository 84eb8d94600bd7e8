//! Registrations.

use crate::testing::Scene;
use egret_model::Protocol;

#[test]
fn a_welcomed_client_has_the_names_that_it_gave() {
    for step in [1, 6, 1000] {
        let mut scene = Scene::new();
        let flow = scene.tcp(6667);
        scene.dialogue(
            flow,
            &[
                (true, b"NICK al\r\nUSER alice 0 * :Alice Able\r\n".to_vec()),
                (false, b":irc.x 001 al :Welcome\r\n".to_vec()),
                (true, b"PRIVMSG #x :USER mallory 0 * :x\r\nUSER mallory 0 * :x\r\n".to_vec()),
            ],
            step,
        );
        scene.close(flow);
        let seen = scene.end();
        let names: Vec<_> = seen.sightings.iter().map(|s| (s.user.as_deref(), s.confirmed)).collect();
        assert_eq!(names, [(Some("al"), true), (Some("alice"), true)], "in pieces of {step}");
        assert!(seen.transfers.iter().all(|transfer| transfer.start.protocol == Protocol::Irc));
    }
}

#[test]
fn a_file_that_is_offered_has_its_name_on_the_connection_that_brings_it() {
    let ends = |who: &str, port: u16| format!("{who}:{port}");
    let (client, server) = ("10.0.0.1", "192.0.2.1");
    // The client offers under an address that its translator has; the server's host offers; somebody else's host does.
    let cases = [
        (true, "203.0.113.9", client, server, Some("a b.csv")),
        (false, server, server, client, Some("a b.csv")),
        (false, "198.51.100.7", server, client, None),
    ];
    for (sent, told, listener, opener, name) in cases {
        for step in [1, 1000] {
            let mut scene = Scene::new();
            let chat = scene.tcp(6667);
            let line = format!("PRIVMSG bob :\u{1}DCC SEND \"a b.csv\" {told} 4000 8\u{1}\r\n");
            scene.dialogue(
                chat,
                &[
                    (true, b"NICK al\r\nUSER alice 0 * :Alice\r\n".to_vec()),
                    (false, b":irc.x 001 al :Welcome\r\n".to_vec()),
                    (sent, line.into_bytes()),
                ],
                step,
            );
            let data = scene.flow(egret_model::FlowKind::Tcp, &ends(opener, 50_000), &ends(listener, 4000));
            scene.dialogue(
                data,
                &[(false, b"name,".to_vec()), (true, vec![0, 0, 0, 5]), (false, b"ssn".to_vec())],
                step,
            );
            scene.close(data);
            scene.close(chat);
            let record = scene.end();
            let file = record.transfers.iter().find(|t| t.body == b"name,ssn").expect("the file");
            assert_eq!((file.start.filename.as_deref(), file.ended), (name, Some(true)));
            let expected = if name.is_some() { "DCC SEND a b.csv" } else { "tcp 4000" };
            assert_eq!(file.start.operation, expected);
            assert!(
                record.transfers.iter().any(|t| t.body == [0, 0, 0, 5]),
                "what the receiver says is read too"
            );
        }
    }
}
