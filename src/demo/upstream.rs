//! The balancer's file, in the shape of nginx's, and the smooth weighted rotation over it.
//!
//! ```text
//! upstream app {
//!     server 127.0.0.1:18701 weight=99;   # blue
//!     server 127.0.0.1:18702 weight=1 down;
//! }
//! ```

use std::fmt;
use std::net::SocketAddr;

/// As nginx allows far more than anyone needs, an upper bound keeps sums far from overflow.
const LARGEST_WEIGHT: u32 = 10_000;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upstream {
    pub(super) name: String,
    pub(super) servers: Vec<Server>,
}

/// One `server` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) weight: u32,
    pub(super) down: bool,
}

/// What is wrong with the file, and in which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadUpstream {
    line: usize,
    message: String,
}

impl fmt::Display for BadUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Reads the whole file. It must hold exactly one upstream with at least one server.
pub(super) fn parse(text: &str) -> Result<Upstream, BadUpstream> {
    let mut words = Words { rest: tokenize(text), last_line: text.lines().count().max(1) };
    words.expect("upstream")?;
    let (line, name) = words.next("the name of the upstream")?;
    if ["{", "}", ";"].contains(&name) {
        return bad(line, format!("expected the name of the upstream, found \"{name}\""));
    }
    words.expect("{")?;
    let mut servers = Vec::new();
    loop {
        match words.next("a directive or \"}\"")? {
            (_, "}") => break,
            (line, "server") => servers.push(server(line, &words.arguments()?)?),
            // Accepted because real files have them; they change nothing here.
            (_, "zone" | "keepalive") => drop(words.arguments()?),
            (line, other) => {
                return bad(line, format!("unknown directive \"{other}\"; the demo knows server, zone and keepalive"));
            }
        }
    }
    if let Some((line, word)) = words.rest.first() {
        return bad(*line, format!("unexpected \"{word}\" after the upstream; the demo has exactly one"));
    }
    if servers.is_empty() {
        return bad(line, format!("no servers are inside upstream \"{name}\""));
    }
    Ok(Upstream { name: name.to_owned(), servers })
}

fn server(line: usize, arguments: &[&str]) -> Result<Server, BadUpstream> {
    let Some((address, options)) = arguments.split_first() else {
        return bad(line, "server needs an address such as 127.0.0.1:18701".to_owned());
    };
    let Ok(address) = address.replace("localhost", "127.0.0.1").parse::<SocketAddr>() else {
        return bad(line, format!("\"{address}\" is not an address; write it as 127.0.0.1:18701"));
    };
    if !address.ip().is_loopback() {
        return bad(line, format!("{address} is not on loopback; the demo does not leave this machine"));
    }
    let mut server = Server { address, weight: 1, down: false };
    for option in options {
        match option.split_once('=') {
            None if *option == "down" => server.down = true,
            Some(("weight", value)) => server.weight = weight(line, value)?,
            Some(("max_fails" | "fail_timeout", _)) => {}
            _ => return bad(line, format!("invalid parameter \"{option}\"; the demo knows weight=N and down")),
        }
    }
    Ok(server)
}

fn weight(line: usize, value: &str) -> Result<u32, BadUpstream> {
    match value.parse() {
        Ok(weight @ 1..=LARGEST_WEIGHT) => Ok(weight),
        _ => bad(
            line,
            format!(
                "weight must be 1 to {LARGEST_WEIGHT}, not \"{value}\"; to send nothing, write down or leave the server out"
            ),
        ),
    }
}

fn bad<T>(line: usize, message: String) -> Result<T, BadUpstream> {
    Err(BadUpstream { line, message })
}

/// Words and punctuation with their line numbers; comments left out.
fn tokenize(text: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut rest = line.split('#').next().unwrap_or_default().trim_start();
        while let Some(first) = rest.chars().next() {
            let end = match first {
                '{' | '}' | ';' => 1,
                _ => rest.find(|c: char| c.is_whitespace() || "{};".contains(c)).unwrap_or(rest.len()),
            };
            let (word, tail) = rest.split_at(end);
            tokens.push((index + 1, word));
            rest = tail.trim_start();
        }
    }
    tokens
}

struct Words<'a> {
    rest: Vec<(usize, &'a str)>,
    last_line: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self, wanted: &str) -> Result<(usize, &'a str), BadUpstream> {
        if self.rest.is_empty() {
            return bad(self.last_line, format!("unexpected end of file, expecting {wanted}"));
        }
        Ok(self.rest.remove(0))
    }

    fn expect(&mut self, wanted: &str) -> Result<(), BadUpstream> {
        match self.next(&format!("\"{wanted}\""))? {
            (_, word) if word == wanted => Ok(()),
            (line, word) => bad(line, format!("expected \"{wanted}\", found \"{word}\"")),
        }
    }

    /// The words up to the semicolon.
    fn arguments(&mut self) -> Result<Vec<&'a str>, BadUpstream> {
        let mut arguments = Vec::new();
        loop {
            match self.next("\";\"")? {
                (_, ";") => return Ok(arguments),
                (line, word @ ("{" | "}")) => return bad(line, format!("unexpected \"{word}\", expecting \";\"")),
                (_, word) => arguments.push(word),
            }
        }
    }
}

/// Smooth weighted round robin: shares are exact over one sum of weights, and spread evenly within it.
#[derive(Debug)]
pub(super) struct Rotation {
    current: Vec<i64>,
}

impl Rotation {
    pub(super) fn over(upstream: &Upstream) -> Rotation {
        Rotation { current: vec![0; upstream.servers.len()] }
    }

    /// The next server's index, passing over those that are down or `tried`; none if nothing is left.
    pub(super) fn next(&mut self, servers: &[Server], tried: &[usize]) -> Option<usize> {
        let live = |index: &usize| !servers[*index].down && !tried.contains(index);
        let candidates: Vec<usize> = (0..servers.len()).filter(live).collect();
        for &index in &candidates {
            self.current[index] += i64::from(servers[index].weight);
        }
        let total: i64 = candidates.iter().map(|&index| i64::from(servers[index].weight)).sum();
        // The first of equals wins, as the file lists them by preference.
        let chosen = candidates.into_iter().rev().max_by_key(|&index| self.current[index])?;
        self.current[chosen] -= total;
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Upstream {
        parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn weights_down_and_comments_are_understood() {
        let upstream = parsed(
            "# canary\nupstream app {\n  zone app 64k;\n  server 127.0.0.1:8701 weight=99; # blue\n  \
             server localhost:8702 weight=1 down;}\n",
        );
        assert_eq!(upstream.name, "app");
        let seen: Vec<_> = upstream.servers.iter().map(|s| (s.address.port(), s.weight, s.down)).collect();
        assert_eq!(seen, [(8701, 99, false), (8702, 1, true)]);
    }

    #[test]
    fn a_bad_file_is_refused_with_its_line() {
        let cases = [
            ("", "line 1: unexpected end of file, expecting \"upstream\""),
            ("upstream app {\n}\n", "line 1: no servers are inside upstream \"app\""),
            ("upstream app {\n  server 127.0.0.1:1\n}\n", "line 3: unexpected \"}\", expecting \";\""),
            ("upstream app {\n  server 127.0.0.1:1;\n", "line 2: unexpected end of file"),
            ("upstream app {\n  sevrer 127.0.0.1:1;\n}", "line 2: unknown directive \"sevrer\""),
            ("upstream app {\n  server 10.0.0.1:80;\n}", "line 2: 10.0.0.1:80 is not on loopback"),
            ("upstream app {\n  server blue;\n}", "line 2: \"blue\" is not an address"),
            ("upstream app {\n  server 127.0.0.1:1 weight=0;\n}", "line 2: weight must be 1 to 10000"),
            ("upstream app {\n  server 127.0.0.1:1 backup;\n}", "line 2: invalid parameter \"backup\""),
            (
                "upstream a { server 127.0.0.1:1; }\nupstream b { server 127.0.0.1:1; }",
                "line 2: unexpected \"upstream\"",
            ),
        ];
        for (text, expected) in cases {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn shares_are_exact_and_spread_out() {
        let upstream =
            parsed("upstream app { server 127.0.0.1:1 weight=5; server 127.0.0.1:2; server 127.0.0.1:3 weight=1; }");
        let mut rotation = Rotation::over(&upstream);
        let order: Vec<_> = (0..7).filter_map(|_| rotation.next(&upstream.servers, &[])).collect();
        assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn nothing_is_chosen_when_all_are_down_or_tried() {
        let upstream = parsed("upstream app { server 127.0.0.1:1; server 127.0.0.1:2 down; }");
        let mut rotation = Rotation::over(&upstream);
        assert_eq!(rotation.next(&upstream.servers, &[]), Some(0));
        assert_eq!(rotation.next(&upstream.servers, &[0]), None);
    }
}
