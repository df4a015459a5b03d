//! HTTP steps against a real server.

use crate::support::{Test, lines};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

/// Answers every request with what `answer` makes of it: request line, headers and body as one text.
fn server(answer: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let mut request = String::new();
            while reader.read_line(&mut request).is_ok_and(|n| n > 2) {}
            let length =
                request.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            let _ = reader.read_exact(&mut body);
            request.push_str(&String::from_utf8_lossy(&body));
            let _ = reader.get_mut().write_all(answer(&request).as_bytes());
        }
    });
    format!("http://{address}")
}

fn ok(body: &str) -> String {
    reply("200 OK", "", body)
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

#[test]
fn a_request_carries_what_the_step_says() {
    let url = server(ok);
    let body = format!(
        "
inputs: {{ name: {{ default: 'a b&c' }} }}
steps:
  - id: send
    http:
      post: {url}/path
      query: {{ q: '{{{{ inputs.name }}}}' }}
      headers: {{ x-mine: yes }}
      json: {{ name: '{{{{ inputs.name }}}}', count: '{{{{ 1 + 1 }}}}', fixed: [1, true] }}
    expect: status == 200
    undo: {{ none: only a test }}
"
    );
    let said = Test::book(&body).run().logs("main.send");
    assert!(said.starts_with("POST /path?q=a%20b%26c HTTP/1.1"), "{said}");
    assert!(said.to_lowercase().contains("x-mine: yes"), "{said}");
    assert!(said.ends_with(r#"{"name":"a b&c","count":2,"fixed":[1,true]}"#), "{said}");
}

#[test]
fn answers_can_be_judged_and_kept() {
    let url = server(|_| reply("200 OK", "X-Color: blue\r\n", r#"{"status":"ok","n":3}"#));
    let body = format!(
        "
steps:
  - id: ask
    http: {{ get: {url}/health }}
    expect: [json.status == 'ok', 'headers[\"x-color\"] == \"blue\"', duration < 5]
    save: {{ n: json.n, colour: 'headers[\"x-color\"]' }}
  - id: use
    shell: echo {{{{ steps.ask.n }}}} {{{{ steps.ask.colour }}}} >> trace
"
    );
    assert_eq!(lines(&Test::book(&body).run(), "trace"), ["3 blue"]);
}

#[test]
fn a_status_that_was_not_said_is_a_failure() {
    let url = server(|_| reply("503 Service Unavailable", "", "busy"));
    let body = |more: &str| format!("steps:\n  - id: ask\n    http: {{ get: {url}/x{more} }}");
    let ran = Test::book(&body("")).code(1).run();
    assert_eq!(ran.reason("main.ask"), format!("status 503 from {url}/x"));
    Test::book(&body(", status: [200, 503]")).run();
}

#[test]
fn a_redirect_is_not_followed_unless_asked() {
    let url = server(|request| {
        if request.starts_with("GET /old") { reply("302 Found", "location: /new\r\n", "") } else { ok("arrived") }
    });
    let body = |more: &str| format!("steps:\n  - id: ask\n    http: {{ get: {url}/old{more} }}");
    let ran = Test::book(&body("")).code(1).run();
    assert!(ran.reason("main.ask").starts_with("status 302"), "{}", ran.reason("main.ask"));
    assert_eq!(Test::book(&body(", follow: 1")).run().logs("main.ask"), "arrived");
}

#[test]
fn a_secret_goes_out_in_a_header_and_does_not_come_back_into_the_log() {
    let url = server(ok);
    let body = format!(
        "
inputs: {{ token: {{ type: secret, from: env:THE_TOKEN }} }}
steps:
  - id: ask
    http: {{ get: {url}/, headers: {{ authorization: '{{{{ inputs.token }}}}' }} }}
"
    );
    let ran = Test::book(&body).env("THE_TOKEN", "bearer-canary-12345").run();
    let said = ran.logs("main.ask").to_lowercase();
    assert!(said.contains("authorization: ") && !said.contains("canary"), "{said}");
    assert!(ran.all_files().iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains("canary-12345")));
}

#[test]
fn an_answer_that_stops_halfway_is_no_answer() {
    let url = server(|_| "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".to_string());
    let ran = Test::book(&format!("steps: [{{ id: ask, http: {{ get: '{url}/' }}, timeout: 5s }}]")).code(1).run();
    assert_eq!(ran.steps(), ["main.ask fail"]);
}

#[test]
fn what_is_no_http_is_told() {
    let url = server(|_| "220 smtp ready\r\n".to_string());
    let ran = Test::book(&format!("steps: [{{ id: ask, http: {{ get: '{url}/' }}, timeout: 5s }}]")).code(1).run();
    assert!(!ran.reason("main.ask").is_empty());
    let ran = Test::book("steps: [{ id: ask, http: { get: 'ftp://host/' } }]").start().end_any();
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

#[test]
fn proxies_of_the_operator_are_not_used() {
    let url = server(|_| ok("direct"));
    let test = Test::book(&format!("steps: [{{ id: ask, http: {{ get: '{url}/' }}, timeout: 5s }}]"));
    let test = test.env("http_proxy", "http://127.0.0.1:1/").env("HTTPS_PROXY", "http://127.0.0.1:1/");
    let ran = test.env("ALL_PROXY", "http://127.0.0.1:1/").run();
    assert_eq!(ran.logs("main.ask"), "direct");
}
