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
