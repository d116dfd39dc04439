use serde_json::json;

use super::*;

fn read_at(card: &Value) -> Option<Card> {
    let base = Url::parse("https://agents.example.com/.well-known/agent-card.json").expect("a URL");
    read(card, &base)
}

fn first(card: &Value) -> Option<(Dialect, String)> {
    let card = read_at(card)?;
    let first = card.interfaces.first()?;
    Some((first.dialect, first.url.to_string()))
}

#[test]
fn the_best_interface_is_taken() {
    let interface = |binding: &str, version: &str| json!({ "url": format!("https://a/{binding}/{version}"), "protocolBinding": binding, "protocolVersion": version });
    let all = [
        interface("GRPC", "1.0"),
        interface("JSONRPC", "0.3"),
        interface("HTTP+JSON", "1.0"),
        interface("JSONRPC", "1.0.1"),
    ];
    let expected = [
        (4, Dialect::A2a, "https://a/JSONRPC/1.0.1"),
        (3, Dialect::A2aRest, "https://a/HTTP+JSON/1.0"),
        (2, Dialect::A2a03, "https://a/JSONRPC/0.3"),
    ];
    for (count, dialect, url) in expected {
        let card = json!({ "supportedInterfaces": all[..count] });
        assert_eq!(first(&card), Some((dialect, url.to_owned())));
    }
    let card = json!({ "supportedInterfaces": all[..1] });
    assert_eq!(read_at(&card).map(|card| card.interfaces), Some(vec![]));
}

#[test]
fn cards_of_0_3_name_one_interface_and_perhaps_more() {
    let card = json!({ "protocolVersion": "0.3.0", "url": "/rpc", "name": "old", "version": "2",
        "capabilities": { "streaming": true, "pushNotifications": false } });
    let read = read_at(&card).expect("a card");
    assert_eq!(
        first(&card),
        Some((Dialect::A2a03, "https://agents.example.com/rpc".to_owned()))
    );
    assert_eq!((read.streaming, read.push), (true, Some(false)));
    assert_eq!(read.title.as_deref(), Some("old"));
    let card = json!({ "protocolVersion": "0.3.0", "url": "https://a/grpc", "preferredTransport": "GRPC",
        "additionalInterfaces": [{ "url": "https://a/rpc", "transport": "JSONRPC" }] });
    assert_eq!(
        first(&card),
        Some((Dialect::A2a03, "https://a/rpc".to_owned()))
    );
}

#[test]
fn other_cards_are_none_of_a2a() {
    for card in [
        json!({}),
        json!([]),
        json!("card"),
        json!({ "name": "researcher", "capabilities": { "research": { "description": "…" } },
            "communication": { "protocol": "A2A", "port": 9000 }, "authentication": { "type": "SigV4" } }),
    ] {
        assert_eq!(read_at(&card), None, "{card}");
    }
    // An interface that can't be called is as good as none.
    let odd = json!({ "supportedInterfaces": [{ "protocolBinding": "JSONRPC" }, { "url": "ftp://a", "protocolBinding": "JSONRPC" }, 7] });
    assert_eq!(read_at(&odd).map(|card| card.interfaces.len()), Some(0));
}
