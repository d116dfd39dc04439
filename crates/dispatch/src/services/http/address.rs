//! Where HTTP tasks may go: to the public network, and into the networks that the operator has allowed. Names are looked at when they are
//! resolved, and the connection goes to just what was looked at.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// An address with the number of its leading bits that count: `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// The text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} is no network: 127.0.0.1, 10.0.0.0/8 and fd00::/8 are")]
pub struct NotANetwork {
    text: String,
}

impl Network {
    /// This machine.
    #[must_use]
    pub const fn loopback() -> [Self; 2] {
        [
            Self {
                address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)),
                bits: 8,
            },
            Self {
                address: IpAddr::V6(Ipv6Addr::LOCALHOST),
                bits: 128,
            },
        ]
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.bits.min(32));
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.bits.min(128));
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork {
            text: text.to_owned(),
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| wrong())?,
            None => most,
        };
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Tells addresses that may be reached from others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    allowed: Arc<[Network]>,
}

/// An address that is not to be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{host} leads to {address}, which is no public address; the operator can allow it with --http-allow"
)]
pub(crate) struct Guarded {
    pub host: String,
    pub address: IpAddr,
}

impl Guard {
    pub(crate) fn new(allowed: &[Network]) -> Self {
        Self {
            allowed: allowed.into(),
        }
    }

    pub(crate) fn check(&self, host: &str, address: IpAddr) -> Result<(), Guarded> {
        let address = address.to_canonical();
        if is_public(address) || self.allowed.iter().any(|network| network.contains(address)) {
            return Ok(());
        }
        Err(Guarded {
            host: host.to_owned(),
            address,
        })
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((&*host, 0)).await?.collect();
            for address in &found {
                guard.check(&host, address.ip())?;
            }
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

/// Whether an address belongs to the public network; what only leads on to an address inside another is judged by that one.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let special = a == 192 && b == 0 && c == 0;
    let benchmarks = a == 198 && (b == 18 || b == 19);
    !(a == 0
        || a >= 240
        || shared
        || special
        || benchmarks
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    // IPv4 through a translator, 6to4, and the deprecated form that is compatible with IPv4.
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(inner(g, h));
    }
    if a == 0x2002 {
        return is_public_v4(inner(b, c));
    }
    if [a, b, c, d, e, f] == [0; 6] {
        return false;
    }
    let local_translator = a == 0x64 && b == 0xff9b && c == 1;
    let discard = a == 0x100 && b == 0;
    let documentation = (a == 0x2001 && b == 0xdb8) || (a == 0x3fff && b < 0x1000);
    let teredo = a == 0x2001 && b == 0;
    let site_local = a & 0xffc0 == 0xfec0;
    !(local_translator
        || discard
        || documentation
        || teredo
        || site_local
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaches(guard: &Guard, address: &str) -> bool {
        let address = address.parse().expect("an address");
        guard.check("host", address).is_ok()
    }

    #[test]
    fn only_public_addresses_are_reached_unless_a_network_is_allowed() {
        let guard = Guard::default();
        for public in ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111"] {
            assert!(reaches(&guard, public), "{public}");
        }
        for kept in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(!reaches(&guard, kept), "{kept}");
        }
    }

    #[test]
    fn an_allowed_network_is_reached_and_no_other() {
        let networks = ["127.0.0.0/8", "10.1.0.0/16", "fd00::/8"];
        let networks: Vec<Network> = networks
            .iter()
            .map(|text| text.parse().expect("a network"))
            .collect();
        let guard = Guard::new(&networks);
        for allowed in ["127.0.0.1", "10.1.255.1", "fd12::1", "::ffff:10.1.0.1"] {
            assert!(reaches(&guard, allowed), "{allowed}");
        }
        for kept in ["10.2.0.1", "::1", "169.254.169.254", "fe80::1"] {
            assert!(!reaches(&guard, kept), "{kept}");
        }
        assert!(reaches(&Guard::new(&Network::loopback()), "::1"));
        let everything = Guard::new(&["0.0.0.0/0".parse().expect("a network")]);
        assert!(reaches(&everything, "192.168.0.1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for wrong in [
            "",
            "localhost",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/x",
            "10/8",
        ] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        let one: Network = "10.0.0.1".parse().expect("a network");
        assert_eq!(one.to_string(), "10.0.0.1/32");
    }
}
