//! `[agents.NAME]` of a manifest: agents are functions that live elsewhere.

use everstep_engine::catalogue::AgentConfig;
use everstep_engine::{Agent, Code};

use super::declare::{Declared, Source};

/// Takes the agents out of a manifest.
pub fn take(table: &mut toml::Table) -> Result<Vec<Declared>, String> {
    let Some(agents) = table.remove("agents") else {
        return Ok(Vec::new());
    };
    let toml::Value::Table(agents) = agents else {
        return Err("agents stand in tables of their own, [agents.NAME]".to_owned());
    };
    agents.into_iter().map(declare).collect()
}

fn declare((name, members): (String, toml::Value)) -> Result<Declared, String> {
    let of = |why: &dyn std::fmt::Display| format!("agents.{name}: {why}");
    let members = serde_json::to_value(&members).map_err(|error| of(&error))?;
    let serde_json::Value::Object(members) = members else {
        return Err(of(&"it is no table"));
    };
    let config = AgentConfig::read(members).map_err(|why| of(&why))?;
    let agent = Agent {
        name: name.clone(),
        config,
    };
    agent.check().map_err(|why| of(&why))?;
    let config = agent.config;
    Ok(Declared {
        name,
        place: config
            .address()
            .map_or_else(|| config.command.join(" "), str::to_owned),
        alias: None,
        notes: Vec::new(),
        config: config.function(),
        source: Source::Elsewhere(Code::Agent(Box::new(config))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Declared>, String> {
        take(&mut toml::from_str(text).expect("TOML"))
    }

    #[test]
    fn agents_stand_beside_functions() {
        let text = "[agents.writer]\nurl = 'http://127.0.0.1:1'\ntimeout_s = 60\n[functions.f]\n";
        let mut table: toml::Table = toml::from_str(text).expect("TOML");
        let all = take(&mut table).expect("agents");
        assert_eq!(all[0].name, "writer");
        assert_eq!(all[0].config.timeout_s, 60);
        assert!(matches!(&all[0].source, Source::Elsewhere(Code::Agent(_))));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_told_with_the_agents_name() {
        for (text, part) in [
            ("agents = 1", "[agents.NAME]"),
            ("[agents.a]\nurl = 1", "agents.a: it can't be read"),
            ("[agents.a]\nutl = 'http://a'", "no member utl"),
            ("[agents.a]", "one of url, arn and command"),
            ("[agents.'a b']\nurl = 'http://a'", "a b is no name"),
        ] {
            let Err(why) = read(text) else {
                panic!("{text} was taken");
            };
            assert!(why.contains(part), "{why}");
        }
    }
}
