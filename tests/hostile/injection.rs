//! Values that would like to be commands, in every place a value can land. SEC-1.

use crate::support::{Ran, Test};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// Ways out of every language a value could be pasted into. `@` stands for the command.
const WAYS: &[&str] = &[
    "$(@)",
    "`@`",
    "; @",
    "\n@\n",
    "| @",
    "& @ &",
    "&& @",
    "|| @",
    "'; @; '",
    "\"; @; \"",
    "'$(@)'",
    "\"$(@)\"",
    "${x:-$(@)}",
    "<(@)",
    ">(@)",
    "$((a[$(@)]))",
    "a[$(@)]",
    "$[ @ ]",
    "{@,}",
    "\r\n@\r\n",
    "\\\n@",
    "\\; @",
    "!@",
    "#\n@",
    "*; @",
    "~; @",
    "() { :; }; @",
    "END\n@\nEND",
    "EOF\n@",
    "'\nEND\n@\n'",
    "\"\n@\n\"",
    "%0a@",
    "%s%n@",
    "{{ 7*7 }}@",
    "{{ inputs.list }}@",
    "{% for x in [1] %}@{% endfor %}",
    "{## @ ##}",
    "${{ @ }}",
    "#{ @ }",
    "<%= `@` %>",
    "${RB_1}@",
    "$RB_1 $(@)",
    "\u{e000}0\u{e001}@\u{e002}",
    "-oProxyCommand=@",
    "--exec=@",
    "-c @",
    "@/etc/passwd",
    "=cmd|' /C @'!A0",
    "\u{1b}]0;@\u{7}",
    "\u{202e}@",
    "../../@",
    "</title><script>@</script>",
    "\"}}, \"run\": \"@\", {{\"",
    "x: !!python/object/apply:os.system [@]",
    "\t@\t",
    "\u{2028}@",
    "ünï@→\u{1f600}",
    "@",
];

const COMMANDS: &[&str] = &[
    "touch owned",
    "touch${IFS}owned",
    "t\\ouch owned",
    "/usr/bin/touch owned",
    "exec touch owned",
    "eval 'touch owned'",
    ">owned",
    "bash -c 'touch owned'",
    "python3 -c 'open(\"owned\",\"w\")'",
    "printf x>owned",
];

fn payloads() -> Vec<String> {
    let mut all = Vec::new();
    for way in WAYS {
        for command in COMMANDS {
            let core = way.replace('@', command);
            all.extend([core.clone(), format!("x{core}"), format!("{core} y"), format!("-{core}'")]);
        }
    }
    all
}

/// Everything in it travels through one item of a list; what arrives is written down, a NUL after each.
const BOOK: &str = r#"
inputs:
  list: { type: list }
steps:
  - id: each
    for_each:
      in: "{{ inputs.list }}"
      as: it
      key: it.n
      steps:
        - id: script
          title: "Payload {{ it.v }}"
          shell: |
            keep() { printf '%s\0' "$2" >> got."$1"; }
            keep bare {{ it.v }}
            keep double "{{ it.v }}"
            keep single '{{ it.v }}'
            keep inside x{{ it.v }}x"{{ it.v }}"'{{ it.v }}'
            keep substitution "$(printf '%s.' {{ it.v }})"
            keep nested "$(printf '%s.' "$(printf '%s.' "{{ it.v }}")")"
            v={{ it.v }}; keep assigned "$v"
            list=({{ it.v }}); keep array "${list[0]}"
            if [[ {{ it.v }} == "{{ it.v }}" ]]; then keep test {{ it.v }}; fi
            case {{ it.v }} in "{{ it.v }}") keep case {{ it.v }} ;; esac
            for one in {{ it.v }}; do keep loop "$one"; done
            { cat <<END; printf '\0'; } >> got.heredoc
            {{ it.v }}
            END
            { cat <<< {{ it.v }}; printf '\0'; } >> got.herestring
            touch -- "names/{{ it.n }}-"{{ it.v | replace('/', '_') }}
        - id: argv
          exec: [./keep, "{{ it.v }}", "a{{ it.v }}b"]
        - id: around
          env: { V: "{{ it.v }}" }
          stdin: "{{ it.v }}"
          shell: printf '%s\0' "$V" >> got.env; { cat; printf '\0'; } >> got.stdin
        - id: content
          file: { path: "content/{{ it.n }}", template: "{{ it.v }}" }
        - id: read
          shell: cat content/{{ it.n }}
          save: { text: stdout }
        - id: again
          shell: printf '%s\0' {{ steps.read.text }} >> got.saved
        - id: json
          http:
            post: URL/json/{{ it.n }}
            query: { q: "{{ it.v }}" }
            json: { v: "{{ it.v }}", "deep": [{ v: "{{ it.v }}" }] }
        - id: form
          http:
            post: URL/form/{{ it.n }}
            headers: { x-value: "{{ it.h }}" }
            form: { v: "{{ it.v }}", w: fixed }
        - id: body
          http: { put: "URL/body/{{ it.n }}", body: "{{ it.v }}" }
"#;

struct Asked {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

fn server() -> (String, Arc<Mutex<Vec<Asked>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let mut headers = BTreeMap::new();
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                let Some((name, value)) = header.trim_end().split_once(": ") else { break };
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
            let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            seen.lock().unwrap().push(Asked { line, headers, body: String::from_utf8(body).unwrap() });
            let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (url, asked)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// JSON in ASCII, so that the file of inputs itself holds nothing hidden.
fn ascii(value: &Value) -> String {
    let escape = |c: char| match c.is_ascii() && !c.is_ascii_control() {
        true => c.to_string(),
        false if (c as u32) < 0x1_0000 => format!("\\u{:04x}", c as u32),
        false => format!("\\U{:08x}", c as u32),
    };
    value.to_string().chars().map(escape).collect()
}

/// A header holds no control characters, and loses the blanks around it.
fn header(payload: &str) -> String {
    payload.chars().filter(|c| (' '..='~').contains(c)).collect::<String>().trim().to_owned()
}

fn land(payloads: &[String]) -> (usize, usize) {
    let (url, asked) = server();
    let items: Vec<Value> =
        payloads.iter().enumerate().map(|(n, v)| json!({ "n": n.to_string(), "v": v, "h": header(v) })).collect();
    let body = BOOK.replace("URL", &url);
    let test = Test::book(&body).file("in.yml", ascii(&json!({ "list": items }))).args("--inputs in.yml");
    let test = test.file("names/.here", "").file("content/.here", "");
    let test =
        test.file("keep", "#!/bin/bash\nprintf '%s\\0' \"$1\" >> got.argv\nprintf '%s\\0' \"$2\" >> got.argv_inside\n");
    fs::set_permissions(test.sandbox.work().join("keep"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ran = test.run();
    let mut places = arrived(&ran, payloads);
    places += sent(&asked.lock().unwrap(), payloads);
    for (n, payload) in payloads.iter().enumerate() {
        assert_eq!(ran.read(&format!("content/{n}")), *payload);
        assert!(ran.sandbox.exists(&format!("names/{n}-{}", payload.replace('/', "_"))), "{payload:?}");
    }
    places += 2;
    places += shown(&ran);
    let owned: Vec<_> = files(&ran).into_iter().filter(|name| name == "owned" || name.ends_with("/owned")).collect();
    assert!(owned.is_empty(), "something was executed: {owned:?}");
    (places, payloads.len() * places)
}

/// What scripts and programs got, byte for byte.
fn arrived(ran: &Ran, payloads: &[String]) -> usize {
    let same = |p: &String| p.clone();
    let line = |p: &String| format!("{p}\n");
    let inside = |p: &String| format!("x{p}x{p}{p}");
    let wrapped = |p: &String| format!("a{p}b");
    let once = |p: &String| format!("{p}.");
    let twice = |p: &String| format!("{p}..");
    let trimmed = |p: &String| p.trim().to_owned();
    type Form<'a> = &'a dyn Fn(&String) -> String;
    let places: [(&str, Form<'_>); 18] = [
        ("bare", &same),
        ("double", &same),
        ("single", &same),
        ("inside", &inside),
        ("substitution", &once),
        ("nested", &twice),
        ("assigned", &same),
        ("array", &same),
        ("test", &same),
        ("case", &same),
        ("loop", &same),
        ("heredoc", &line),
        ("herestring", &line),
        ("argv", &same),
        ("argv_inside", &wrapped),
        ("env", &same),
        ("stdin", &same),
        ("saved", &trimmed),
    ];
    for (place, form) in places {
        let got = fs::read(ran.sandbox.work().join(format!("got.{place}"))).unwrap();
        let got: Vec<&[u8]> = got.strip_suffix(b"\0").unwrap().split(|byte| *byte == 0).collect();
        assert_eq!(got.len(), payloads.len(), "{place}");
        for (got, payload) in got.iter().zip(payloads) {
            assert_eq!(String::from_utf8_lossy(got), form(payload), "{place}");
        }
    }
    places.len()
}

/// What the server got.
fn sent(asked: &[Asked], payloads: &[String]) -> usize {
    assert_eq!(asked.len(), payloads.len() * 3);
    for request in asked {
        let path = request.line.split(' ').nth(1).unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (kind, n) = path.trim_start_matches('/').split_once('/').unwrap();
        let payload = &payloads[n.parse::<usize>().unwrap()];
        match kind {
            "json" => {
                assert_eq!(decoded(query.strip_prefix("q=").unwrap()), *payload);
                let body: Value = serde_json::from_str(&request.body).unwrap();
                assert_eq!(body, json!({ "v": payload, "deep": [{ "v": payload }] }));
            }
            "form" => {
                let (v, w) = request.body.split_once('&').unwrap();
                assert_eq!((decoded(v.strip_prefix("v=").unwrap()), w), (payload.clone(), "w=fixed"));
                assert_eq!(request.headers["x-value"], header(payload));
            }
            _ => assert_eq!(request.body, *payload),
        }
        assert_eq!(request.headers["host"].split(':').count(), 2);
    }
    6
}

/// What people see drives no terminal and is no markup.
fn shown(ran: &Ran) -> usize {
    let screens = [
        ran.stdout.clone() + &ran.stderr,
        ran.of_run("show").run().stdout,
        ran.of_run("report").run().stdout,
        ran.then("plan a.yml --inputs in.yml --full").run().stdout,
    ];
    for screen in &screens {
        let bad = screen.chars().find(|c| c.is_control() && *c != '\n' || ('\u{202a}'..='\u{202e}').contains(c));
        assert_eq!(bad, None, "{screen}");
    }
    let report = without_code(&screens[2]);
    assert!(report.contains("# ") && !report.contains("<script"), "markup in the report");
    screens.len()
}

/// Markdown without what stands between equal runs of backticks.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        let fence = "`".repeat(ticks);
        let inside = &rest[start + ticks..];
        let end = inside
            .match_indices(&fence)
            .map(|(at, _)| at)
            .find(|at| !inside[at + ticks..].starts_with('`') && !inside[..*at].ends_with('`'));
        out += &rest[..start];
        rest = end.map_or("", |end| &inside[end + ticks..]);
    }
    out + rest
}

fn files(ran: &Ran) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![ran.sandbox.work().parent().unwrap().to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                dirs.push(entry.path());
            } else if !entry.path().parent().unwrap().ends_with("names") {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}

#[test]
fn no_value_becomes_a_command_wherever_it_lands() {
    let all = payloads();
    let some: Vec<String> = all.iter().step_by(37).cloned().collect();
    let (places, landings) = land(&some);
    println!(
        "injection: {} of {} payloads in {places} places, {landings} landings, 0 executions",
        some.len(),
        all.len()
    );
}

#[test]
#[ignore = "takes minutes; tests/run runs it"]
fn none_of_all_values_becomes_a_command_wherever_it_lands() {
    let all = payloads();
    assert!(all.len() >= 2000);
    let mut total = (0, 0);
    for some in all.chunks(40) {
        let (places, landings) = land(some);
        total = (places, total.1 + landings);
    }
    println!("injection: {} payloads in {} places, {} landings, 0 executions", all.len(), total.0, total.1);
}
