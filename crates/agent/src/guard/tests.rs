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
        "::ffff:0:127.0.0.1",
        "64:ff9b:1::1",
        "100::1",
        "4000::1",
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
