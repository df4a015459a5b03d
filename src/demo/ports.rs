//! Which ports the demo uses: chosen once, then kept.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::colour::Colour;
use super::error::DemoError;
use super::paths::Paths;
use super::state::State;

/// The first candidate of a fresh demo.
pub const DEFAULT_FIRST_PORT: u16 = 18700;

const CANDIDATES: u16 = 20;
const CANDIDATE_STEP: u16 = 10;

/// The four loopback ports of a demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Where users arrive.
    pub balancer: u16,
    /// The blue app.
    pub blue: u16,
    /// The green app.
    pub green: u16,
    /// Operations and the balancer's counters; not public.
    pub control: u16,
}

impl Addresses {
    /// The ports counted up from `base`. A base above 65532 is taken as 65532.
    pub fn from_base(base: u16) -> Addresses {
        let base = base.min(u16::MAX - 3);
        Addresses { balancer: base, blue: base + 1, green: base + 2, control: base + 3 }
    }

    /// The port of a colour's app.
    pub fn port_of(&self, colour: Colour) -> u16 {
        match colour {
            Colour::Blue => self.blue,
            Colour::Green => self.green,
        }
    }

    /// The colour whose app has this port.
    pub fn colour_of(&self, port: u16) -> Option<Colour> {
        Colour::ALL.into_iter().find(|&colour| self.port_of(colour) == port)
    }

    /// `http://127.0.0.1:PORT` of the balancer.
    pub fn balancer_url(&self) -> String {
        url(self.balancer)
    }

    /// `http://127.0.0.1:PORT` of a colour's app.
    pub fn app_url(&self, colour: Colour) -> String {
        url(self.port_of(colour))
    }

    /// `http://127.0.0.1:PORT` of the control endpoint.
    pub fn control_url(&self) -> String {
        url(self.control)
    }

    fn all(&self) -> [u16; 4] {
        [self.balancer, self.blue, self.green, self.control]
    }
}

/// The ports the demo of `state_dir` has, or would try first. Opens no socket.
pub fn addresses(state_dir: &Path) -> Addresses {
    recorded_or(state_dir, DEFAULT_FIRST_PORT)
}

/// As [`addresses`], with another first candidate.
pub(super) fn recorded_or(state_dir: &Path, first: u16) -> Addresses {
    match State::load(&Paths::new(state_dir)) {
        Ok(Some(state)) => state.ports,
        Ok(None) | Err(_) => Addresses::from_base(first),
    }
}

pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The ports of this demo with its two permanent listeners already bound.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) ports: Addresses,
    pub(super) balancer: TcpListener,
    pub(super) control: TcpListener,
}

/// Takes the recorded ports, or the first candidate where all four are free.
pub(super) fn claim(recorded: Option<Addresses>, first: u16) -> Result<Claimed, DemoError> {
    if let Some(ports) = recorded {
        return claim_exactly(ports).ok_or_else(|| DemoError::Ports {
            message: format!(
                "a port of this demo is taken by another program (one of {:?}); stop that program, or remove state.json \
                 to let the demo choose other ports",
                ports.all()
            ),
        });
    }
    candidates(first).find_map(claim_exactly).ok_or_else(|| DemoError::Ports {
        message: format!("no four free ports in a row among {CANDIDATES} candidates from {first}; choose with --base"),
    })
}

fn candidates(first: u16) -> impl Iterator<Item = Addresses> {
    (0..CANDIDATES).filter_map(move |n| first.checked_add(n * CANDIDATE_STEP)).map(Addresses::from_base)
}

/// The apps' ports are only tried: their listeners open when the apps start.
fn claim_exactly(ports: Addresses) -> Option<Claimed> {
    let bind = |port| TcpListener::bind(loopback(port)).ok();
    let balancer = bind(ports.balancer)?;
    let control = bind(ports.control)?;
    let _ = (bind(ports.blue)?, bind(ports.green)?);
    Some(Claimed { ports, balancer, control })
}

fn url(port: u16) -> String {
    format!("http://{}", loopback(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_candidate_with_four_free_ports_wins() {
        let first = 21_340;
        let squatter = TcpListener::bind(loopback(first + 2));
        let claimed = claim(None, first).expect("some candidate is free");
        assert!(squatter.is_err() || claimed.ports.balancer > first, "the range of a taken port is passed over");
        assert_eq!((claimed.ports.balancer - first) % CANDIDATE_STEP, 0);
    }

    #[test]
    fn recorded_ports_are_kept_or_refused_but_never_changed() {
        let claimed = claim(None, 21_540).expect("some candidate is free");
        let refused = claim(Some(claimed.ports), 21_540);
        assert!(matches!(refused, Err(DemoError::Ports { .. })), "{refused:?}");
    }
}
