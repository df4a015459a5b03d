//! Where requests go, whatever the URL, the name server or the answer says.

use crate::support::{Ran, Test};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A server on every loopback address; what it was asked, whole.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers `/to/URL` with a redirect there, anything else with `hello`.
    fn new() -> Server {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let mut request = String::new();
                while reader.read_line(&mut request).is_ok_and(|n| n > 2) {}
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                let answer = match path.strip_prefix("/to/") {
                    Some(url) => {
                        format!("HTTP/1.1 307 x\r\nlocation: {url}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    }
                    None => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello".to_owned(),
                };
                seen.lock().unwrap().push(request);
                let _ = reader.get_mut().write_all(answer.as_bytes());
            }
        });
        Server { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn ask(url: &str, more: &str, allow: Option<&str>) -> Ran {
    let body = format!("steps:\n  - id: ask\n    timeout: 5s\n    http: {{ get: '{url}'{more} }}");
    let test = Test::book(&body);
    let test = match allow {
        Some(allow) => test.file("targets/t.yml", format!("target: v1\nhttp: {{ allow: {allow} }}\n")).args("-t t"),
        None => test,
    };
    test.start().end_any()
}

#[test]
fn metadata_services_are_out_of_reach_in_every_spelling() {
    let spellings = [
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
        "http://0xA9.0xFE.0xA9.0xFE/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::169.254.169.254]/",
        "http://user@169.254.169.254:80/",
        "http://example.com@169.254.169.254/",
        "http://169。254。169。254/",
        "http://[fe80::1]/",
    ];
    for url in spellings {
        let ran = ask(url, "", None);
        assert_eq!(ran.steps(), ["main.ask fail"], "{url}");
        assert!(ran.reason("main.ask").contains("clouds hand out credentials"), "{url}: {}", ran.reason("main.ask"));
    }
    println!("metadata: {} spellings, 0 requests", spellings.len());
}

#[test]
fn a_redirect_to_metadata_is_not_followed_on_any_hop() {
    let server = Server::new();
    let at = format!("http://127.0.0.1:{}", server.port);
    for (url, hops) in [
        (format!("{at}/to/http://169.254.169.254/x"), 1),
        (format!("{at}/to/{at}/to/http://0xa9fea9fe/x"), 2),
        (format!("{at}/to/{at}/to/{at}/to/http://[::ffff:a9fe:a9fe]/x"), 3),
    ] {
        let before = server.asked().len();
        let ran = ask(&url, ", follow: 5", None);
        assert!(ran.reason("main.ask").contains("clouds hand out credentials"), "{url}: {}", ran.reason("main.ask"));
        assert_eq!(server.asked().len() - before, hops, "{url}");
    }
    for scheme in ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"] {
        let ran = ask(&format!("{at}/to/{scheme}"), ", follow: 5", None);
        assert_eq!(ran.steps(), ["main.ask fail"], "{scheme}");
        assert!(!ran.logs("main.ask").contains("root:"));
    }
}

#[test]
fn with_a_list_nothing_else_is_asked_not_even_behind_a_name_or_a_redirect() {
    let server = Server::new();
    let (port, at) = (server.port, format!("http://127.0.0.1:{}", server.port));
    assert_eq!(ask(&format!("{at}/"), "", Some("[127.0.0.1]")).logs("main.ask"), "hello");
    assert_eq!(ask(&format!("http://localhost:{port}/"), "", Some("[localhost]")).logs("main.ask"), "hello");
    // A name that is not listed, with an address that is.
    assert_eq!(ask(&format!("http://localhost:{port}/"), "", Some("[127.0.0.0/8, '::1']")).logs("main.ask"), "hello");
    let before = server.asked().len();
    let refused = [
        (format!("{at}/"), "[api.example.com]"),
        (format!("http://localhost:{port}/"), "[api.example.com]"),
        (format!("http://localhost:{port}/"), "[10.0.0.0/8]"),
        (format!("http://2130706433:{port}/"), "[api.example.com, 10.0.0.0/8]"),
        (format!("http://127.1:{port}/"), "[128.0.0.0/8]"),
        (format!("{at}/"), "[]"),
    ];
    for (url, allow) in &refused {
        let ran = ask(url, "", Some(allow));
        assert!(ran.reason("main.ask").contains("not among the hosts"), "{url}: {}", ran.reason("main.ask"));
    }
    assert_eq!(server.asked().len(), before);
    let ran = ask(&format!("{at}/to/http://127.0.0.2:{port}/"), ", follow: 3", Some("[127.0.0.1]"));
    assert!(ran.reason("main.ask").contains("127.0.0.2 is not among the hosts"), "{}", ran.reason("main.ask"));
    let ran = ask(&format!("{at}/to/http://localhost:{port}/"), ", follow: 3", Some("[127.0.0.1/32, 10.0.0.0/8]"));
    // `localhost` is 127.0.0.1, too, and there it may go.
    assert_eq!(ran.logs("main.ask"), "hello");
    assert_eq!(server.asked().len(), before + 3);
}

#[test]
fn headers_and_bodies_do_not_follow_to_another_host() {
    let server = Server::new();
    let url = format!("http://127.0.0.1:{0}/to/http://localhost:{0}/", server.port);
    for more in [", follow: 3, headers: { x-api-key: k1 }", ", follow: 3, headers: { authorization: Bearer k1 }"] {
        let ran = ask(&url, more, None);
        assert!(ran.reason("main.ask").contains("must not get the headers"), "{}", ran.reason("main.ask"));
    }
    let body = format!(
        "steps:\n  - id: ask\n    http: {{ post: '{url}', follow: 3, body: private }}\n    undo: {{ none: a test }}"
    );
    let ran = Test::book(&body).code(1).run();
    assert!(ran.reason("main.ask").contains("must not get the headers and body"), "{}", ran.reason("main.ask"));
    // A bare request is redirected, without telling where it came from.
    assert_eq!(ask(&url, ", follow: 3", None).logs("main.ask"), "hello");
    let asked = server.asked();
    assert_eq!(asked.len(), 5);
    assert!(!asked[4].to_ascii_lowercase().contains("referer"), "{}", asked[4]);
}

#[test]
fn a_list_that_is_none_is_told_before_anything_runs() {
    let test = Test::book("steps: [{ id: ask, http: { get: 'http://x/' } }]");
    let ran = test
        .file("targets/t.yml", "target: v1\nhttp: { allow: [ok.example, 'http://x'] }\n")
        .args("-t t")
        .code(3)
        .run();
    assert!(ran.stderr.contains("RB1173") && ran.stderr.contains("targets/t.yml:2:29"), "{}", ran.stderr);
    assert!(ran.sandbox.runs().is_empty());
}
