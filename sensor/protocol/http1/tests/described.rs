//! What is told of transfers: names, users, facts, tunnels.

use super::*;

#[test]
fn transfers_are_described() {
    let record = play(
        &[
            C(
                "PUT http://Files.Example:8080/d/q3%20x.csv?k=v HTTP/1.1\r\nHost: proxy\r\nProxy-Authorization: Basic YWxpY2U6cHc=\r\nContent-Type: text/csv\r\nContent-Encoding: gzip, br\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            ),
            S(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\nContent-Disposition: attachment; filename=\"r.html\"\r\nContent-Length: 1\r\n\r\nb",
            ),
        ],
        false,
        usize::MAX,
    );
    let [request, response] = &record.transfers[..] else { panic!("{record:?}") };
    let start = &request.start;
    assert_eq!(start.operation, "PUT /d/q3%20x.csv?…");
    assert_eq!(
        (start.server_name.as_deref(), start.via_proxy, start.server),
        (Some("files.example"), true, Side::Responder)
    );
    assert_eq!((start.filename.as_deref(), start.user.as_deref()), (Some("q3 x.csv"), Some("alice")));
    assert_eq!(
        (start.media_type.as_deref(), &start.codings[..]),
        (Some("text/csv"), &["gzip".to_owned(), "br".to_owned()][..])
    );
    let start = &response.start;
    assert_eq!(
        (start.from, start.filename.as_deref(), start.user.as_deref()),
        (Side::Responder, Some("r.html"), Some("alice"))
    );
    assert_eq!((start.media_type.as_deref(), start.via_proxy), (Some("text/html; charset=x"), true));
    assert_eq!(start.facts, [("status", "200".to_owned())]);
}

#[test]
fn what_is_posted_has_its_name_and_not_that_of_its_program() {
    let cases: &[(&str, Option<&str>)] = &[
        ("POST /a/q3.xlsx HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", Some("q3.xlsx")),
        (
            "POST /a/q3.xlsx HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 2\r\n\r\nhi",
            None,
        ),
        ("POST /a/upload.php HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", None),
        (
            "POST /a/upload.php HTTP/1.1\r\nX-File-Name: q3.xlsx\r\nContent-Length: 2\r\n\r\nhi",
            Some("q3.xlsx"),
        ),
        (
            "POST /a/q3.xlsx HTTP/1.1\r\nContent-Disposition: attachment; filename=b.csv\r\nContent-Length: 2\r\n\r\nhi",
            Some("b.csv"),
        ),
    ];
    for (request, expected) in cases {
        let record = play(&[C(request)], false, usize::MAX);
        assert_eq!(record.transfers[0].start.filename.as_deref(), *expected, "{request}");
    }
}

#[test]
fn what_is_tunnelled_says_so() {
    let (_, turns, _) =
        conversations().into_iter().find(|(name, ..)| *name == "clear HTTP through CONNECT").unwrap();
    let record = play(&turns, false, usize::MAX);
    for transfer in &record.transfers {
        assert_eq!(transfer.start.inner_tunnel, ["connect Inner.example:80"]);
        assert_eq!(
            (transfer.start.server_name.as_deref(), transfer.start.via_proxy),
            (Some("inner.example"), true)
        );
    }
}

#[test]
fn log_ins_are_told_once_answered() {
    let auth = "GET / HTTP/1.1\r\nAuthorization: Basic QUNNRVxib2I6cHc=\r\n\r\n";
    let told = |turns: &[Turn]| -> Vec<(String, Evidence, bool)> {
        let record = play(turns, false, usize::MAX);
        assert!(!format!("{record:?}").contains("pw"), "no password is kept");
        record.sightings.into_iter().map(|s| (s.user.unwrap_or_default(), s.evidence, s.confirmed)).collect()
    };
    let bob = |confirmed| ("bob".to_owned(), Evidence::HttpBasic, confirmed);
    assert_eq!(told(&[C(auth), S(OK), C(auth), S(OK)]), [bob(true)]);
    assert_eq!(told(&[C(auth), S("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")]), []);
    assert_eq!(told(&[C(auth)]), [bob(false)]);
    let proxy = "CONNECT a:443 HTTP/1.1\r\nProxy-Authorization: Basic YWxpY2U6cHc=\r\n\r\n";
    assert_eq!(
        told(&[
            C(proxy),
            S("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"),
            C(proxy),
            S("HTTP/1.1 200 OK\r\n\r\n")
        ]),
        [("alice".to_owned(), Evidence::ProxyAuth, true)]
    );
}

#[test]
fn a_session_is_the_users_who_logged_in() {
    let log_in = "GET / HTTP/1.1\r\nAuthorization: Basic YWxpY2U6cHc=\r\n\r\n";
    let set = "HTTP/1.1 200 OK\r\nSet-Cookie: sid=0123456789abcdef; Path=/\r\nSet-Cookie: lang=en\r\nContent-Length: 0\r\n\r\n";
    let refused = "HTTP/1.1 401 No\r\nSet-Cookie: sid=0123456789abcdef\r\nContent-Length: 0\r\n\r\n";
    let later =
        "PUT /q3.csv HTTP/1.1\r\nCookie: lang=en; sid=0123456789abcdef\r\nContent-Length: 2\r\n\r\nhi";
    let told = |turns: &[Turn]| {
        let record = play(turns, false, usize::MAX);
        assert!(!format!("{record:?}").contains("0123456789abcdef"), "no cookie is kept");
        let sender = record.transfers.first().and_then(|transfer| transfer.start.user.clone());
        (sender, record.sightings.last().map(|seen| (seen.evidence, seen.confirmed)))
    };
    let alice = Some("alice".to_owned());
    assert_eq!(told(&[C(log_in), S(set), C(later), S(OK)]), (alice, Some((Evidence::SessionCookie, true))));
    assert_eq!(told(&[C(log_in), S(refused), C(later), S(OK)]), (None, None));
    assert_eq!(told(&[C(later), S(OK)]), (None, None));
    let other = later.replace("0123", "9999");
    assert_eq!(told(&[C(log_in), S(set), C(other.leak()), S(OK)]).0, None);
}

#[test]
fn what_proxies_say_of_their_client_is_noted() {
    let facts = |fields: &str| {
        let request = format!("PUT /x HTTP/1.1\r\n{fields}Content-Length: 2\r\n\r\nhi");
        let record = play(&[C(request.leak()), S(OK)], false, usize::MAX);
        record.transfers.first().map(|transfer| transfer.start.facts.clone()).unwrap_or_default()
    };
    assert_eq!(
        facts("X-Forwarded-For: 10.0.0.7, 192.0.2.1:80\r\nX-Authenticated-User: WinNT://CORP/alice\r\n"),
        [("forwarded-for", "10.0.0.7, 192.0.2.1".to_owned()), ("authenticated-user", "alice".to_owned())]
    );
    assert_eq!(
        facts("Forwarded: for=\"[2001:db8::7]:47\";proto=https, for=unknown\r\n"),
        [("forwarded-for", "2001:db8::7".to_owned())]
    );
    assert_eq!(facts("X-Forwarded-For: nobody\r\n"), []);
}
