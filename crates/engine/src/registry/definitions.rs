//! What executions run that is not in their journals: parsed definitions, by the digest of their text, and the rest of what surrounds a turn.

use std::collections::HashMap;
use std::sync::Arc;

use everstep_asl::Definition;
use everstep_asl::machine::{Catalogue, Limits, Settings, Surroundings};
use everstep_core::Digest;
use everstep_core::token::Keyring;
use everstep_store::Store;

use super::AnyCell;
use crate::Error;
use crate::catalogue::{definition_text, has_activity};

/// How many parsed definitions are kept beside those that executions in memory hold.
const KEPT_MAX: usize = 1_024;

/// Parses each definition once.
pub(crate) struct Definitions {
    store: Arc<dyn Store>,
    keyring: Keyring,
    limits: Limits,
    parsed: HashMap<Digest, Arc<Surroundings>>,
}

impl Definitions {
    pub(crate) fn new(store: Arc<dyn Store>, keyring: Keyring, limits: Limits) -> Self {
        Self {
            store,
            keyring,
            limits,
            parsed: HashMap::new(),
        }
    }

    /// Gives an execution what its turns look at: one that has just been made by the settings of its start, one that was read by its journal.
    pub(crate) fn surround(
        &mut self,
        cell: &mut AnyCell,
        settings: Option<&[u8]>,
    ) -> Result<(), Error> {
        let AnyCell::Asl(cell) = cell else {
            return Ok(());
        };
        let id = cell.execution().id();
        let damaged = |detail: String| Error::Damaged { id, detail };
        let digest = match settings {
            Some(settings) => Settings::decode(settings).map(|settings| Some(settings.definition)),
            None => Ok(cell.state().settings().map(|settings| settings.definition)),
        };
        let digest = digest
            .map_err(|corrupt| damaged(format!("its settings: {corrupt}")))?
            .ok_or_else(|| damaged("its journal names no definition".to_owned()))?;
        let surroundings = self.of(digest)?;
        let surroundings = surroundings
            .map_err(|detail| damaged(format!("its definition {}: {detail}", digest.hex())))?;
        cell.surround(Some(surroundings));
        Ok(())
    }

    /// The inner error says what is wrong with the definition.
    fn of(&mut self, digest: Digest) -> Result<Result<Arc<Surroundings>, String>, Error> {
        if let Some(parsed) = self.parsed.get(&digest) {
            return Ok(Ok(Arc::clone(parsed)));
        }
        let Some(text) = definition_text(&*self.store, &digest)? else {
            return Ok(Err("it is gone".to_owned()));
        };
        // It was accepted once, perhaps by a build that knew less.
        let parsed = Definition::parse(&text);
        let definition = match parsed {
            Ok(definition) => definition,
            Err(found) => return Ok(Err(everstep_asl::message_for_create(&text, &found))),
        };
        if self.parsed.len() >= KEPT_MAX {
            self.parsed
                .retain(|_, parsed| Arc::strong_count(parsed) > 1);
        }
        let surroundings = Arc::new(Surroundings {
            definition: Arc::new(definition),
            keyring: self.keyring.clone(),
            limits: self.limits.clone(),
            catalogue: Some(Arc::new(Activities(Arc::clone(&self.store)))),
        });
        self.parsed.insert(digest, Arc::clone(&surroundings));
        Ok(Ok(surroundings))
    }
}

/// What machines look up when a state begins.
struct Activities(Arc<dyn Store>);

impl Catalogue for Activities {
    fn has_activity(&self, name: &str) -> bool {
        // A store that can't be read ends the engine at the next commit; the state waits for its worker until then.
        has_activity(&*self.0, name).unwrap_or(true)
    }
}
