//! HTTP requests against a small real server.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use runbook::drive::world::Cancel;
use runbook::machine::action::{Action, Datum, Done, Ended, HttpAction};

use super::common::{Bed, plain, stdout};

/// The server, on a thread with a runtime of its own, for as long as the test process lives.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = hyper::service::service_fn(answer);
                let stream = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(stream, service));
            }
        });
    });
    address
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let response = Response::builder().header("X-Colour", "blue").header("X-Tag", "a").header("X-Tag", "b");
    let (status, body) = match path.as_str() {
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(20)).await;
            (200, Vec::new())
        }
        "/broken" => (500, b"it broke".to_vec()),
        "/echo" => {
            let token = request.headers().get("x-token").map(|value| value.as_bytes().to_vec()).unwrap_or_default();
            let method = request.method().as_str().as_bytes().to_vec();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            (200, [method, token, body.to_vec()].join(&b'|'))
        }
        "/header" => {
            let token = request.headers()["x-token"].clone();
            return Ok(response.header("X-Echo", token).body(Full::default()).unwrap());
        }
        "/big" => (200, vec![b'x'; 3_000_000]),
        "/huge" => (200, vec![b'x'; 65 * 1024 * 1024]),
        "/away" => {
            let port = request.headers()["host"].to_str().unwrap().rsplit(':').next().unwrap().to_owned();
            let away = response.status(302).header("Location", format!("http://localhost:{port}/echo"));
            return Ok(away.body(Full::default()).unwrap());
        }
        path => match path.strip_prefix("/hop/").map(|left| left.parse::<u32>().unwrap()) {
            Some(left @ 1..) => {
                let away = response.status(302).header("Location", format!("/hop/{}", left - 1));
                return Ok(away.body(Full::default()).unwrap());
            }
            Some(0) => (200, b"arrived".to_vec()),
            None => (200, b"ok".to_vec()),
        },
    };
    Ok(response.status(status).body(Full::from(body)).unwrap())
}

/// A server that answers one connection with these bytes and closes it.
fn raw(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(answer).unwrap();
    });
    address
}

fn request(url: String) -> HttpAction {
    HttpAction { method: "GET".to_owned(), url, headers: Vec::new(), body: None, follow: 0, timeout_us: None }
}

fn get(bed: &mut Bed, url: String) -> Done {
    bed.act(&Action::Http(request(url)))
}

fn why(done: &Done) -> &str {
    match &done.ended {
        Ended::Failed(why) => why,
        other => panic!("no failure: {other:?}"),
    }
}

#[test]
fn an_answer_is_told_whatever_its_status() {
    let (mut bed, server) = (Bed::new(), server());
    let done = get(&mut bed, format!("http://{server}/health?x=1"));
    assert_eq!((&done.ended, stdout(&done)), (&Ended::Ok, "ok"));
    let answer = done.http.unwrap();
    assert_eq!((answer.status, answer.url), (200, format!("http://{server}/health?x=1")));
    assert!(answer.headers.contains(&("x-colour".to_owned(), "blue".to_owned())));
    assert!(answer.headers.contains(&("x-tag".to_owned(), "a, b".to_owned())));

    let done = get(&mut bed, format!("http://{server}/broken"));
    assert_eq!((&done.ended, done.http.as_ref().unwrap().status, stdout(&done)), (&Ended::Ok, 500, "it broke"));
    assert_eq!(bed.stored(done.stdout.as_ref()), b"it broke");
}

#[test]
fn method_headers_and_body_arrive_and_a_secret_in_the_answer_is_masked() {
    let (mut bed, server) = (Bed::with_secret("tr0ub4dor&3"), server());
    let action = HttpAction {
        method: "POST".to_owned(),
        headers: vec![("X-Token".to_owned(), plain("t"))],
        body: Some("payload".to_owned()),
        ..request(format!("http://{server}/echo"))
    };
    assert_eq!(stdout(&bed.act(&Action::Http(action.clone()))), "POST|t|payload");
    let headers = vec![("X-Token".to_owned(), Datum::Secret("pw".to_owned()))];
    let done = bed.act(&Action::Http(HttpAction { headers, ..action }));
    assert!(why(&done).contains("contains a secret"));
    assert_eq!(bed.stored(done.stdout.as_ref()), b"POST|***|payload");
}

#[test]
fn a_secret_in_a_header_of_the_answer_spoils_the_capture() {
    let (mut bed, server) = (Bed::with_secret("tr0ub4dor&3"), server());
    let headers = vec![("X-Token".to_owned(), Datum::Secret("pw".to_owned()))];
    let done = bed.act(&Action::Http(HttpAction { headers, ..request(format!("http://{server}/header")) }));
    assert!(why(&done).contains("a header of its answer contains a secret"));
    assert!(done.http.unwrap().headers.contains(&("x-echo".to_owned(), "***".to_owned())));
}

#[test]
fn redirects_are_shown_unless_followed_and_followed_no_further_than_said() {
    let (mut bed, server) = (Bed::new(), server());
    let hop = |follow| Action::Http(HttpAction { follow, ..request(format!("http://{server}/hop/2")) });
    assert_eq!(bed.act(&hop(0)).http.unwrap().status, 302);
    let done = bed.act(&hop(2));
    assert_eq!((stdout(&done), done.http.as_ref().unwrap().url.clone()), ("arrived", format!("http://{server}/hop/0")));
    assert!(why(&bed.act(&hop(1))).ends_with("more than 1 redirects"));
}

#[test]
fn a_secret_in_a_header_is_not_redirected_to_another_host() {
    let (mut bed, server) = (Bed::with_secret("tr0ub4dor&3"), server());
    let headers = vec![("X-Token".to_owned(), Datum::Secret("pw".to_owned()))];
    let action = HttpAction { follow: 3, headers, ..request(format!("http://{server}/away")) };
    assert!(why(&bed.act(&Action::Http(action))).contains("another host"));
}

#[test]
fn a_refused_connection_changed_nothing_and_is_said_in_plain_words() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = get(&mut Bed::new(), format!("http://{closed}/x"));
    assert_eq!(why(&done), format!("GET http://{closed}/x: connection refused"));
    assert_eq!((done.changed, done.http), (Some(false), None));
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    let done = get(&mut Bed::new(), "http://no-such-host.invalid/".to_owned());
    assert!(why(&done).ends_with("name `no-such-host.invalid` does not resolve"), "{}", why(&done));
}

#[test]
fn a_slow_answer_times_out_and_can_be_cancelled() {
    let (mut bed, server) = (Bed::new(), server());
    let slow = request(format!("http://{server}/slow"));
    let start = Instant::now();
    let done = bed.act(&Action::Http(HttpAction { timeout_us: Some(200_000), ..slow.clone() }));
    assert_eq!(done.ended, Ended::TimedOut);
    bed.start(&Action::Http(slow));
    bed.world.cancel(Cancel::Term);
    assert_eq!(bed.done().ended, Ended::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_body_that_breaks_off_is_a_failure_and_what_came_is_kept() {
    let address = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    let mut bed = Bed::new();
    let done = get(&mut bed, format!("http://{address}/"));
    assert!(why(&done).contains("closed before") || why(&done).contains("end of file"), "{}", why(&done));
    assert_eq!((done.http.as_ref().unwrap().status, bed.stored(done.stdout.as_ref())), (200, b"half".to_vec()));
    let done = get(&mut bed, format!("http://{}/", raw(b"not http at all\r\n\r\n")));
    assert!(why(&done).contains("HTTP"), "{}", why(&done));
}

#[test]
fn a_large_body_is_stored_and_an_endless_one_is_refused() {
    let (mut bed, server) = (Bed::new(), server());
    let done = get(&mut bed, format!("http://{server}/big"));
    let body = done.stdout.unwrap();
    assert_eq!((done.ended, body.bytes, body.text), (Ended::Ok, 3_000_000, None));
    assert!(why(&get(&mut bed, format!("http://{server}/huge"))).ends_with("the body is longer than 64 MiB"));
}

#[test]
fn nonsense_is_refused_before_anything_is_sent() {
    let mut bed = Bed::new();
    for url in ["ftp://host/x", "no url"] {
        let done = get(&mut bed, url.to_owned());
        assert!(why(&done).contains(url) && done.changed == Some(false), "{}", why(&done));
    }
}
