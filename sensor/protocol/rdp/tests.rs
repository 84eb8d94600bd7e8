//! Connection requests.

use crate::testing::Scene;

#[test]
fn the_cookie_names_a_user() {
    let body = b"Cookie: mstshash=CORP\\alice\r\n\x01\0\x08\0\x03\0\0\0";
    let length = u8::try_from(body.len() + 11).unwrap();
    let request = [&[3, 0, 0, length, length - 5, 0xe0, 0, 0, 0, 0, 0][..], body].concat();
    for step in [1, 8, 1000] {
        let mut scene = Scene::new();
        let flow = scene.tcp(3389);
        scene.dialogue(
            flow,
            &[(true, request.clone()), (false, vec![3, 0, 0, 11, 6, 0xd0, 0, 0, 0, 0, 0])],
            step,
        );
        scene.close(flow);
        let seen = scene.end().sightings;
        assert_eq!(seen.len(), 1, "in pieces of {step}");
        assert_eq!((seen[0].user.as_deref(), seen[0].domain.as_deref()), (Some("alice"), Some("CORP")));
    }
}
