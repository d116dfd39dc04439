//! Where calls may go: to the public network, and into the networks that the operator has allowed. Names are looked at when they are
//! resolved, and the connection goes to just what was looked at.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
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

/// What resolving a name comes to.
pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Turns names into addresses.
pub trait Names: fmt::Debug + Send + Sync {
    fn addresses(&self, host: &str) -> Addresses;
}

/// The names of this system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn addresses(&self, host: &str) -> Addresses {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((&*host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Tells addresses that may be reached from others.
#[derive(Clone, Debug)]
pub struct Guard {
    allowed: Arc<[Network]>,
    public: bool,
    names: Arc<dyn Names>,
}

impl Default for Guard {
    fn default() -> Self {
        Self::new(&[])
    }
}

/// An address that is not to be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{host} leads to {address}, which is no public address; the operator can allow it with --http-allow"
)]
pub struct Guarded {
    pub host: String,
    pub address: IpAddr,
}

impl Guard {
    /// Lets the public network and `allowed` through.
    #[must_use]
    pub fn new(allowed: &[Network]) -> Self {
        Self {
            allowed: allowed.into(),
            public: true,
            names: Arc::new(SystemNames),
        }
    }

    /// The same guard with other names.
    #[must_use]
    pub fn with_names(self, names: Arc<dyn Names>) -> Self {
        Self { names, ..self }
    }

    /// The addresses of a name, unchecked.
    #[cfg(feature = "aws")]
    pub(crate) async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.names.addresses(host).await
    }

    /// The same guard without the public network: only what the operator has allowed.
    #[must_use]
    pub fn only_allowed(self) -> Self {
        Self {
            public: false,
            ..self
        }
    }

    /// # Errors
    /// The address is not to be reached.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), Guarded> {
        let address = address.to_canonical();
        let allowed = self.allowed.iter().any(|network| network.contains(address));
        if allowed || (self.public && is_public(address)) {
            return Ok(());
        }
        Err(Guarded {
            host: host.to_owned(),
            address,
        })
    }

    /// Looks at the host of a URL that is an address: no name is resolved for it, so the resolver does not see it.
    ///
    /// # Errors
    /// The address is not to be reached.
    pub fn check_literal(&self, host: &str) -> Result<(), Guarded> {
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) => self.check(host, address),
            Err(_) => Ok(()),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = guard.names.addresses(&host).await?;
            for address in &found {
                guard.check(&host, *address)?;
            }
            let found: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
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
    // Everything else that is not of this eighth is nobody's, or has a purpose of its own.
    let unicast = a & 0xe000 == 0x2000;
    let documentation = (a == 0x2001 && b == 0xdb8) || (a == 0x3fff && b < 0x1000);
    let teredo = a == 0x2001 && b == 0;
    unicast && !(documentation || teredo)
}

#[cfg(test)]
mod tests;
