//! Where the requests of a run may go: names and networks, and the addresses nobody needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a target's `http: { allow: [...] }` lets through; without it everything but addresses of cloud metadata services,
/// where a machine's own credentials are handed out to whoever asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    allow: Option<Vec<Allowed>>,
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    /// A host by its name.
    Name(String),
    /// All hosts below a name, itself not among them: `*.example.com`.
    Below(String),
    /// Addresses whose first bits are these.
    Network(IpAddr, u8),
}

/// Networks on which clouds answer with credentials, and link-local ones, which no server a runbook means is on.
const METADATA: [(IpAddr, u8); 7] = [
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), 32),
    (IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)), 32),
    (IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)), 32),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), 128),
    (IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), 128),
];

impl Reach {
    /// Reads the entries of a list.
    ///
    /// # Errors
    /// The first entry that is neither a name nor a network, by its position, and why.
    pub fn only(entries: &[&str]) -> Result<Reach, (usize, String)> {
        let read = |(at, entry): (usize, &&str)| Allowed::parse(entry).map_err(|why| (at, why));
        entries.iter().enumerate().map(read).collect::<Result<_, _>>().map(|allow| Reach { allow: Some(allow) })
    }

    /// The reach that a target's values say.
    ///
    /// # Errors
    /// In words, when the list is none.
    pub fn of_target(values: &serde_json::Value) -> Result<Reach, String> {
        let Some(list) = values.get("http").and_then(|http| http.get("allow")) else { return Ok(Reach::default()) };
        let entries: Option<Vec<&str>> = list.as_array().and_then(|list| list.iter().map(|e| e.as_str()).collect());
        let entries = entries.ok_or("`http.allow` of the target is not a list of hosts and networks")?;
        Reach::only(&entries).map_err(|(_, why)| why)
    }

    /// Whether a request to this host of a URL may be made at all; a name may still have addresses that must not be
    /// connected to.
    ///
    /// # Errors
    /// In words, for the operator.
    pub fn host(&self, host: &str) -> Result<(), String> {
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
            return self.address("", address);
        }
        let networks = |allow: &[Allowed]| allow.iter().any(|entry| matches!(entry, Allowed::Network(..)));
        match &self.allow {
            // What is on a network is only known when the name is looked up.
            Some(allow) if !self.names(host) && !networks(allow) => {
                Err(format!("`{host}` is not among the hosts that `http.allow` of the target names"))
            }
            _ => Ok(()),
        }
    }

    /// Whether an address that a host has may be connected to; `host` is empty where the URL names the address itself.
    ///
    /// # Errors
    /// In words, for the operator.
    pub fn address(&self, host: &str, address: IpAddr) -> Result<(), String> {
        let inner = innermost(address);
        let within = |(network, bits): &(IpAddr, u8)| contains(*network, *bits, inner);
        let listed = |entry: &Allowed| match entry {
            Allowed::Network(network, bits) => contains(*network, *bits, inner),
            _ => false,
        };
        let of = if host.is_empty() { format!("{address}") } else { format!("{address}, an address of `{host}`,") };
        if self.allow.iter().flatten().any(listed) {
            return Ok(());
        }
        if METADATA.iter().any(within) {
            return Err(format!(
                "{of} is where clouds hand out credentials; list it in `http.allow` of the target if it is meant"
            ));
        }
        if self.allow.is_some() && !self.names(host) {
            return Err(format!("{of} is not among the hosts and networks that `http.allow` of the target names"));
        }
        Ok(())
    }

    fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.allow.iter().flatten().any(|entry| match entry {
            Allowed::Name(name) => host == *name,
            Allowed::Below(name) => host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Allowed::Network(..) => false,
        })
    }
}

impl Allowed {
    fn parse(entry: &str) -> Result<Allowed, String> {
        let wrong = || {
            format!(
                "`{entry}` is neither a host such as `api.example.com` or `*.example.com` nor a network such as `10.0.0.0/8`"
            )
        };
        let (text, bits) = match entry.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (entry, None),
        };
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.unwrap_or(most);
            return if bits <= most { Ok(Allowed::Network(address, bits)) } else { Err(wrong()) };
        }
        let name = text.to_ascii_lowercase();
        let below = name.strip_prefix("*.");
        let labels = below.unwrap_or(&name).trim_end_matches('.');
        let plain = |label: &str| {
            let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            !label.is_empty() && label.len() <= 63 && label.bytes().all(letter)
        };
        // A name of digits would be read as an address by whoever connects.
        let is_address = labels.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
        if bits.is_some() || is_address || !labels.split('.').all(plain) {
            return Err(wrong());
        }
        Ok(if below.is_some() { Allowed::Below(labels.to_owned()) } else { Allowed::Name(labels.to_owned()) })
    }
}

/// The IPv4 address inside an IPv6 one, where it is nothing but its disguise: mapped, compatible, NAT64, 6to4.
fn innermost(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let parts = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let same = |network: u128, address: u128, width: u32| {
        let shift = width - u32::from(bits).min(width);
        // All bits shifted out leave nothing to compare.
        network.checked_shr(shift).unwrap_or(0) == address.checked_shr(shift).unwrap_or(0)
    };
    match (network, address) {
        (IpAddr::V4(n), IpAddr::V4(a)) => same(n.to_bits().into(), a.to_bits().into(), 32),
        (IpAddr::V6(n), IpAddr::V6(a)) => same(n.to_bits(), a.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_list_everything_is_in_reach_but_the_metadata_of_clouds() {
        let reach = Reach::default();
        for host in ["example.com", "localhost", "127.0.0.1", "10.0.0.1", "100.64.1.1", "[::1]", "8.8.8.8"] {
            assert_eq!(reach.host(host), Ok(()), "{host}");
        }
        for host in [
            "169.254.169.254",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[::a9fe:a9fe]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "100.100.100.200",
            "168.63.129.16",
        ] {
            assert!(reach.host(host).is_err(), "{host}");
        }
        assert!(reach.address("metadata.google.internal", "169.254.169.254".parse().unwrap()).is_err());
    }

    #[test]
    fn with_a_list_only_what_it_names_is_in_reach() {
        let reach =
            Reach::only(&["api.example.com", "*.corp.example", "10.1.0.0/16", "2001:db8::/32", "127.0.0.1"]).unwrap();
        for host in [
            "api.example.com",
            "API.Example.COM.",
            "a.corp.example",
            "a.b.corp.example",
            "10.1.2.3",
            "[2001:db8::5]",
            "127.0.0.1",
        ] {
            assert_eq!(reach.host(host), Ok(()), "{host}");
        }
        // What is on an allowed network shows when a name is looked up.
        assert_eq!(reach.address("db.internal", "10.1.2.3".parse().unwrap()), Ok(()));
        for (host, address) in [
            ("db.internal", "10.2.0.1"),
            ("api.example.com", "169.254.169.254"),
            ("corp.example", "8.8.8.8"),
            ("xcorp.example", "8.8.8.8"),
        ] {
            assert!(reach.address(host, address.parse().unwrap()).is_err(), "{host} at {address}");
        }
        for host in ["10.2.0.1", "127.0.0.2", "[::1]", "[2001:db9::1]"] {
            assert!(reach.host(host).is_err(), "{host}");
        }
        let names = Reach::only(&["api.example.com"]).unwrap();
        assert!(names.host("evil.example.com").is_err() && names.host("api.example.com.evil.org").is_err());
        assert!(Reach::only(&[]).unwrap().host("example.com").is_err());
    }

    #[test]
    fn a_listed_network_may_be_one_of_metadata() {
        let reach = Reach::only(&["169.254.169.254/32"]).unwrap();
        assert_eq!(reach.host("169.254.169.254"), Ok(()));
        assert!(reach.host("169.254.169.253").is_err());
        assert!(Reach::only(&["0.0.0.0/0"]).unwrap().host("9.9.9.9").is_ok());
    }

    #[test]
    fn what_is_neither_a_name_nor_a_network_is_refused() {
        for entry in
            ["", "http://x", "a b", "*", "*.", "10.0.0.0/33", "::/129", "1.2.3", "x/8", "a..b", "2852039166", "0x7f.1"]
        {
            assert!(matches!(Reach::only(&["ok.example", entry]), Err((1, _))), "{entry}");
        }
    }
}
