//! Objects that come in pieces.

use super::*;

/// A request that carries bytes `start..end` of `content`.
fn piece(content: &str, start: usize, end: usize) -> String {
    format!(
        "PUT /big HTTP/1.1\r\nHost: h\r\nContent-Range: bytes {start}-{}/{}\r\nContent-Length: {}\r\n\r\n{}",
        end - 1,
        content.len(),
        end - start,
        &content[start..end]
    )
}

#[test]
fn pieces_become_one_object() {
    let content = "0123456789abcdefghij";
    // Pieces by connection, in order of arrival, and what is seen.
    type Case<'a> = (&'a [(usize, usize, usize)], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (&[(0, 0, 10), (0, 10, 20)], &["> PUT /big = 0123456789abcdefghij"]),
        (&[(0, 0, 5), (1, 5, 20)], &["> PUT /big = 0123456789abcdefghij"]),
        (&[(0, 10, 20), (1, 0, 10)], &["> PUT /big = 0123456789abcdefghij"]),
        (&[(0, 5, 10), (1, 15, 20), (0, 10, 15), (1, 0, 5)], &["> PUT /big = 0123456789abcdefghij"]),
        (&[(0, 0, 10)], &["> PUT /big = 0123456789 -10 ~"]),
        (&[(0, 0, 5), (0, 15, 20)], &["> PUT /big = 01234fghij -10 ~"]),
        (&[(0, 0, 20)], &["> PUT /big = 0123456789abcdefghij"]),
        (&[(0, 0, 10), (1, 5, 15), (0, 12, 20)], &["> PUT /big = 0123456789abcdefghij"]),
        (&[(0, 5, 15), (1, 10, 20), (0, 0, 8)], &["> PUT /big = 0123456789abcdefghij"]),
        // A piece that was sent again is read again: its content may be another.
        (
            &[(0, 0, 10), (0, 5, 10), (0, 10, 20)],
            &["> PUT /big = 0123456789abcdefghij", "> PUT /big = 56789"],
        ),
        (
            &[(0, 0, 10), (0, 0, 10), (0, 10, 20)],
            &["> PUT /big = 0123456789 -10 ~", "> PUT /big = 0123456789abcdefghij"],
        ),
    ];
    for (pieces, expected) in cases {
        let mut scene = Scene::new();
        let flows = [scene.tcp(80), scene.tcp(80)];
        for (flow, start, end) in *pieces {
            for part in piece(content, *start, *end).as_bytes().chunks(40) {
                scene.client(flows[*flow], part);
            }
            scene.server(flows[*flow], OK);
        }
        flows.into_iter().for_each(|flow| scene.close(flow));
        assert_eq!(shown(&scene.end()), *expected, "{pieces:?}");
    }
}

/// Fetches bytes `start..end` of ten with the path `path`, of which `sent` come.
fn fetch(scene: &mut Scene, flow: usize, path: &str, (start, end, sent): (usize, usize, usize)) {
    scene.client(flow, format!("GET {path} HTTP/1.1\r\nHost: h\r\nRange: bytes={start}-{}\r\n\r\n", end - 1));
    scene.server(
        flow,
        format!(
            "HTTP/1.1 206 Partial\r\nContent-Range: bytes {start}-{}/10\r\nContent-Length: {}\r\n\r\n{}",
            end - 1,
            end - start,
            &"0123456789"[start..start + sent]
        ),
    );
}

#[test]
fn fetched_pieces_are_one_as_long_as_they_follow_one_another() {
    // Pieces by connection: start, end, how many bytes of it come.
    type Case<'a> = (&'a [(usize, usize, usize, usize)], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (&[(0, 0, 5, 5), (0, 5, 10, 5)], &["< GET /big = 0123456789"]),
        (&[(0, 0, 3, 3), (1, 3, 6, 3), (0, 6, 10, 4)], &["< GET /big = 0123456789"]),
        // What is not asked for is not missing.
        (&[(0, 0, 5, 5)], &["< GET /big = 01234"]),
        (&[(0, 5, 10, 5)], &["< GET /big = 56789"]),
        (&[(0, 0, 5, 5), (0, 7, 10, 3), (0, 5, 7, 2)], &["< GET /big = 0123456", "< GET /big = 789"]),
        (&[(0, 0, 5, 5), (0, 2, 4, 2), (0, 5, 10, 5)], &["< GET /big = 0123456789", "< GET /big = 23"]),
        (&[(0, 0, 5, 5), (0, 0, 5, 5)], &["< GET /big = 01234", "< GET /big = 01234"]),
        // Cut short, and gone on with from there, or not.
        (&[(0, 0, 8, 4), (1, 4, 10, 6)], &["< GET /big = 0123456789"]),
        (&[(0, 0, 8, 4)], &["< GET /big = 0123 ~"]),
    ];
    for (pieces, expected) in cases {
        let mut scene = Scene::new();
        let flows = [scene.tcp(80), scene.tcp(80)];
        for (flow, start, end, sent) in *pieces {
            fetch(&mut scene, flows[*flow], "/big", (*start, *end, *sent));
            if sent < &(end - start) {
                scene.close(flows[*flow]);
            }
        }
        flows.into_iter().for_each(|flow| scene.close(flow));
        assert_eq!(shown(&scene.end()), *expected, "{pieces:?}");
    }
    let mut scene = Scene::new();
    let flow = scene.tcp(80);
    fetch(&mut scene, flow, "/big?v=1", (0, 5, 5));
    fetch(&mut scene, flow, "/big?v=2", (5, 10, 5));
    scene.close(flow);
    assert_eq!(scene.end().transfers.len(), 2, "of different objects");
}

#[test]
fn pieces_that_never_come_are_a_gap_in_time() {
    let mut scene = Scene::new();
    let flow = scene.tcp(80);
    scene.client(flow, piece("0123456789", 5, 10));
    scene.pass(700);
    assert_eq!(shown(&scene.record), ["> PUT /big = 56789 -5 ~"]);
    let limits = egret_model::ProtocolLimits { range_bytes: 4, ..Default::default() };
    let mut scene = Scene::with_limits(&limits);
    let flow = scene.tcp(80);
    scene.client(flow, piece("0123456789", 2, 8));
    assert_eq!((scene.record.transfers[0].missing, &scene.record.transfers[0].body[..]), (2, &b"234567"[..]));
    scene.client(flow, piece("0123456789", 8, 10));
    assert_eq!(shown(&scene.record), ["> PUT /big = 23456789 -2 ~"]);
}
