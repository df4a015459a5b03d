//! What kind of line a line is: its words, without what differs from one line to the next.

/// A word of hexadecimal letters alone is an id from this length on: no English word is that long, `decade` is shorter.
const LETTERS_OF_AN_ID: usize = 8;
/// The shortest group of a UUID, and the longest of an IPv6 address.
const GROUP: usize = 4;
/// No address is longer.
const ADDRESS: usize = 45;

/// The line with `#` for every number, id, address and time: each word with a digit, `1.5`, `-3`, `12:30:01` and
/// `10.0.0.7` as a whole, UUIDs and hexadecimal ids whatever digits they have, IPv6 and MAC addresses, and the names of
/// months and days beside numbers. Spaces count as one. One pass, so its time grows with the line and no faster.
pub(super) fn kind(line: &str) -> String {
    let mut kind = Kind { text: String::with_capacity(line.len()) };
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = if kind.is_at_word_start()
            && let Some(end) = address(rest)
        {
            kind.number();
            end
        } else if first.is_alphanumeric() {
            let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            kind.word(&rest[..end], &rest[end..]);
            end
        } else if first.is_whitespace() {
            kind.text.push(' ');
            rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len())
        } else {
            kind.text.push(first);
            first.len_utf8()
        };
        rest = &rest[end..];
    }
    kind.text
}

struct Kind {
    text: String,
}

impl Kind {
    fn is_at_word_start(&self) -> bool {
        !self.text.ends_with(|c: char| c.is_alphanumeric() || c == '#')
    }

    fn word(&mut self, word: &str, after: &str) {
        let is_hex = word.bytes().all(|b| b.is_ascii_hexdigit());
        if word.bytes().any(|b| b.is_ascii_digit())
            || (is_hex && word.len() >= LETTERS_OF_AN_ID)
            || (is_of_a_calendar(word) && (stands_before_a_number(after) || self.stands_in_a_date()))
        {
            self.number();
        } else if is_hex && word.len() >= GROUP && self.text.ends_with("#-") {
            // The next group of a UUID.
            self.text.pop();
        } else {
            self.text.push_str(word);
        }
    }

    /// `1.5`, `12:30:01` and `10.0.0.7` are one number each, however many parts they have; a sign belongs to its number.
    fn number(&mut self) {
        if self.text.ends_with(['.', ':', '-', '+', ',']) {
            let before = self.text[..self.text.len() - 1].chars().next_back();
            match before {
                Some('#') => {
                    self.text.pop();
                    return;
                }
                None | Some(' ' | '=' | '(' | '[' | '"' | '\'' | ',' | ':') if self.text.ends_with(['-', '+']) => {
                    self.text.pop();
                }
                _ => {}
            }
        }
        self.text.push('#');
    }

    /// `21/Nov` and `21-Nov`.
    fn stands_in_a_date(&self) -> bool {
        self.text.ends_with("#/") || self.text.ends_with("#-")
    }
}

/// `Nov 21`, `21/Nov/2026`, `Sat, 21 Nov`, `Sat Nov 21`.
fn stands_before_a_number(after: &str) -> bool {
    let after = after.strip_prefix(',').unwrap_or(after).trim_start_matches([' ', '/', '-']);
    after.starts_with(|c: char| c.is_ascii_digit()) || after.get(..3).is_some_and(is_of_a_calendar)
}

fn is_of_a_calendar(word: &str) -> bool {
    const NAMES: [&str; 19] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon", "Tue", "Wed", "Thu",
        "Fri", "Sat", "Sun",
    ];
    NAMES.contains(&word)
}

/// Where an IPv6 or MAC address ends that the text begins with.
fn address(text: &str) -> Option<usize> {
    let part = |b: u8| b.is_ascii_hexdigit() || b == b':';
    let end = text.bytes().take(ADDRESS).position(|b| !part(b)).unwrap_or(text.len().min(ADDRESS));
    let (address, after) = text.split_at_checked(end)?;
    let groups = address.split(':').count();
    let is_one = !after.starts_with(char::is_alphanumeric)
        && address.bytes().any(|b| b.is_ascii_digit())
        && address.split(':').all(|group| group.len() <= GROUP)
        && ((groups >= 3 && address.contains("::")) || matches!(groups, 6 | 8));
    is_one.then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_times_addresses_and_ids_do_not_make_a_line_new() {
        let cases = [
            ("2026-11-21 04:00:01 INFO took 12 ms", "2025-01-02 23:59:59 INFO took 4711 ms"),
            ("2026-11-21T04:00:01.123Z up", "2025-01-02T23:59:59Z up"),
            ("Nov  1 04:00:01 host up", "Dec 31 23:59:59 host up"),
            ("[30/Nov/2026:23:59:59 +0100] GET", "[01/Dec/2026:00:00:00 -0500] GET"),
            ("Sat, 21 Nov 2026 04:00:01 GMT", "Sun, 1 Jan 2027 00:00:00 GMT"),
            ("GET /items/17 from 10.0.0.7:4242", "GET /items/9 from 192.168.1.1:80"),
            ("from fe80::1 port 7", "from 2001:db8:0:0:a:ff:c:1 port 80"),
            ("link de:ad:be:ef:00:01 up", "link 00:11:22:33:44:55 up"),
            ("job 3f2a-11 done in 1.5s", "job 9b7c-42 done in 0.25s"),
            ("took   7 ms", "took  12 ms"),
            ("delta=-5 (+3)", "delta=17 (4)"),
            ("user_1 came", "user_22 came"),
            ("req deadbeef ended", "req 0badcafe ended"),
            ("id=1a2b3c4d-abcd-face-dead-0123456789ab", "id=abcdefab-1234-5678-9abc-abcdefabcdef"),
        ];
        for (one, other) in cases {
            assert_eq!(kind(one), kind(other));
        }
    }

    #[test]
    fn words_make_a_line_new() {
        let cases = [
            ("INFO started", "ERROR started"),
            ("worker_3 died", "listener_3 died"),
            ("a decade of facade", "a facade of decade"),
            ("std::fade failed", "std::dead failed"),
            ("step 5: bad", "step 5: dead"),
            ("May be", "Mar be"),
            ("it is \"open\"", "it is \"closed\""),
        ];
        for (one, other) in cases {
            assert_ne!(kind(one), kind(other));
        }
    }

    #[test]
    fn a_line_without_numbers_is_its_own_kind() {
        for line in ["FATAL deadlock", "a::b -- c, d: e.f", "Grüße, 世界!", "facade -face 'x'", ""] {
            assert_eq!(kind(line), line);
        }
    }

    #[test]
    fn a_long_line_of_numbers_costs_no_more_than_its_length() {
        let since = std::time::Instant::now();
        for line in ["1,2.3:4-5".repeat(10_000), "a:b:c:1:".repeat(10_000), "-#-.:,".repeat(10_000)] {
            kind(&line);
        }
        assert!(since.elapsed().as_secs() < 10, "{:?}", since.elapsed());
    }

    proptest! {
        #[test]
        fn random_ids_numbers_times_and_addresses_are_all_of_one_kind(
            uuid in any::<u128>(), id in any::<u64>(), n in any::<i64>(), part in any::<f64>(), v4 in any::<u32>(),
            v6 in any::<u128>(), us in 0i64..4_000_000_000_000_000,
        ) {
            let line = |uuid: u128, id: u64, n: i64, part: f64, v4: u32, v6: u128, us: i64| {
                let hex = format!("{uuid:032x}");
                let uuid = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
                let at = jiff::Timestamp::from_microsecond(us).unwrap();
                let (v4, v6) = (std::net::Ipv4Addr::from(v4), std::net::Ipv6Addr::from(v6));
                kind(&format!("{at} req-{uuid} id_{uuid} trace={id:016x} n={n} {part:e} from {v4} [{v6}]:80 gone"))
            };
            let one = line(7, 7, 7, 7.0, 7, 0x2001_0db8_0000_0001_0002_0003_0004_0007, 7);
            prop_assert_eq!(line(uuid, id, n, part, v4, v6, us), one);
        }

        #[test]
        fn no_line_is_too_odd(line in ".*") {
            kind(&line);
        }
    }
}
