//! Agents among the functions: declared, found by name and by address, and forgotten.

use std::collections::BTreeMap;

use everstep_core::Digest;
use serde::{Deserialize, Serialize};

use super::agents::is_address;
use super::entries::{decode, unknown};
use super::{Agent, AgentConfig, Code, Revision};
use crate::{Error, Handle};

impl Handle {
    /// Declares an agent, or gives its name another description; true when something changed.
    ///
    /// # Errors
    /// [`Error::EntryExists`] when a function that is no agent has the name; the store's.
    pub async fn put_agent(&self, agent: &Agent) -> Result<bool, Error> {
        let name = &agent.name;
        let present = match self.resolve(name, None).await {
            Ok(resolved) => Some(resolved.revision),
            Err(Error::UnknownEntry { .. }) => None,
            Err(error) => return Err(error),
        };
        let code = Code::Agent(Box::new(agent.config.clone()));
        match &present {
            Some(revision) if revision.code == code => return Ok(false),
            Some(Revision {
                code: Code::Agent(before),
                ..
            }) => self.forget_address(name, before).await?,
            Some(_) => {
                return Err(Error::EntryExists {
                    what: "function",
                    name: name.clone(),
                });
            }
            None => {}
        }
        let revision = Revision {
            function: name.clone(),
            revision: self.fresh_revision(),
            config: agent.config.function(),
            code,
            modified_ms: self.clock().now().0,
        };
        if present.is_none() {
            self.create_function(revision, BTreeMap::new()).await?;
        } else {
            self.add_revision(revision, None).await?;
        }
        self.note_address(name, &agent.config).await?;
        Ok(true)
    }

    /// Ids of revisions are UUIDs.
    fn fresh_revision(&self) -> String {
        let (high, low) = (fastrand::u64(..), fastrand::u64(..));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// The agent of this name, or [`Error::UnknownEntry`].
    ///
    /// # Errors
    /// The store's.
    pub async fn agent(&self, name: &str) -> Result<Agent, Error> {
        match self.resolve(name, None).await {
            Ok(resolved) => agent(resolved.revision).ok_or_else(|| unknown("agent", name)),
            Err(Error::UnknownEntry { .. }) => Err(unknown("agent", name)),
            Err(error) => Err(error),
        }
    }

    /// Every agent, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn agents(&self) -> Result<Vec<Agent>, Error> {
        let mut all = Vec::new();
        for record in self.functions().await? {
            let address = format!("{}/{}", record.name, record.latest);
            all.extend(agent(self.revision(&address).await?));
        }
        Ok(all)
    }

    /// Forgets an agent. Tasks that it has go on.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], or the store's.
    pub async fn remove_agent(&self, name: &str) -> Result<(), Error> {
        let agent = self.agent(name).await?;
        self.delete_function(name).await?;
        self.forget_address(name, &agent.config).await
    }

    /// The name of the agent that a text names by its URL or ARN; `None` when the text is no address, or nobody's.
    ///
    /// # Errors
    /// The store's.
    pub async fn agent_at(&self, address: &str) -> Result<Option<String>, Error> {
        if !is_address(address) {
            return Ok(None);
        }
        let found = self.entry::<String>(address_key(address)).await?;
        Ok(found.map(|(_, name)| name))
    }

    async fn note_address(&self, name: &str, config: &AgentConfig) -> Result<(), Error> {
        let Some(address) = config.address() else {
            return Ok(());
        };
        loop {
            let key = address_key(address);
            let before = self.entry::<String>(key.clone()).await?;
            let expected = before.map(|(entry, _)| entry);
            match self.put_entry(key, expected, Some(&name.to_owned())).await {
                Err(Error::EntryChanged { .. }) => {}
                other => return other.map(|_| ()),
            }
        }
    }

    async fn forget_address(&self, name: &str, config: &AgentConfig) -> Result<(), Error> {
        let Some(address) = config.address() else {
            return Ok(());
        };
        let key = address_key(address);
        match self.entry::<String>(key.clone()).await? {
            Some((entry, owner)) if owner == name => {
                match self.put_entry::<String>(key, Some(entry), None).await {
                    // Somebody else has it now.
                    Ok(_) | Err(Error::EntryChanged { .. }) => Ok(()),
                    Err(error) => Err(error),
                }
            }
            _ => Ok(()),
        }
    }

    /// Takes over the agents of a store whose agents were no functions yet. One whose name a function has stays behind.
    ///
    /// # Errors
    /// The store's.
    pub async fn adopt_agents(&self) -> Result<(), Error> {
        let entries = self.read(|store| store.catalogue_scan("agent/")).await?;
        for (key, entry, bytes) in entries {
            let Former {
                name,
                url,
                description,
            } = decode(&key, &bytes)?;
            let agent = Agent::at(name, url, description);
            match self.put_agent(&agent).await {
                Ok(_) => {
                    self.put_entry::<Former>(key, Some(entry), None).await?;
                }
                Err(Error::EntryExists { name, .. }) => {
                    tracing::warn!(name, "a function has the name of an agent of before");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// An agent as format 1 had it first.
#[derive(Serialize, Deserialize)]
struct Former {
    name: String,
    url: String,
    description: String,
}

fn agent(revision: Revision) -> Option<Agent> {
    match revision.code {
        Code::Agent(config) => Some(Agent {
            name: revision.function,
            config: *config,
        }),
        Code::Archive { .. } | Code::Folder { .. } | Code::Elsewhere(_) => None,
    }
}

fn address_key(address: &str) -> String {
    format!("agent-at/{}", Digest::of(address.as_bytes()).hex())
}
