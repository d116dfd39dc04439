//! From a declared function to the catalogue.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use everstep_core::Status;
use everstep_dispatch::{FunctionDispatcher, FunctionHost};
use everstep_engine::{Agent, Code, Error, FunctionConfig, Handle, ListFilter, Revision};

use super::declare::{Declared, Source};
use super::snapshot;
use crate::dev::subfolder;

/// Running executions are counted up to here.
pub const RUNNING_MAX: usize = 1_000;

/// What a registration changed.
pub enum Change {
    None,
    New,
    /// A new revision; so many executions run on former ones.
    Revision {
        running: usize,
    },
}

pub struct Registrar {
    pub data: PathBuf,
    pub region: String,
    pub handle: Handle,
    pub dispatcher: FunctionDispatcher,
    pub host: FunctionHost,
}

impl Registrar {
    pub async fn register(&self, function: &Declared) -> Result<Change> {
        if let Source::Elsewhere(Code::Agent(config)) = &function.source {
            let name = function.name.clone();
            let config = (**config).clone();
            let known = self.handle.agent(&name).await.is_ok();
            let changed = self.handle.put_agent(&Agent { name, config }).await?;
            return Ok(match (changed, known) {
                (false, _) => Change::None,
                (true, false) => Change::New,
                (true, true) => Change::Revision { running: 0 },
            });
        }
        let code = self.code(function).await?;
        let name = &function.name;
        let (change, revision) = upsert(&self.handle, name, function.config.clone(), code).await?;
        if let Some(alias) = &function.alias {
            self.point(name, alias).await?;
        }
        let arn = format!(
            "arn:aws:lambda:{}:000000000000:function:{name}:$LATEST",
            self.region
        );
        if !matches!(change, Change::None) {
            // Idle workers of former revisions are of no use now; an execution that runs on one gets a new worker when it needs it.
            self.host.retire_others(&arn, &revision.revision);
        }
        self.dispatcher
            .prepare(&self.handle, &revision, arn)
            .await?;
        Ok(change)
    }

    async fn code(&self, function: &Declared) -> Result<Code> {
        let from = match &function.source {
            Source::Elsewhere(code) => return Ok(code.clone()),
            Source::Local(path) => path.clone(),
        };
        let to = subfolder(&subfolder(&self.data, "functions")?, &function.name)?;
        let except = self.data.clone();
        let what = from.display().to_string();
        let taken = tokio::task::spawn_blocking(move || snapshot::take(&from, &to, &except));
        let path = taken
            .await?
            .with_context(|| format!("the code {what} can't be copied"))?;
        Ok(Code::Folder {
            path: path.display().to_string(),
        })
    }

    /// Publishes the newest revision and lets the alias name it.
    async fn point(&self, name: &str, alias: &str) -> Result<()> {
        let (number, record) = self.handle.publish_version(name, "").await?;
        let version = number.to_string();
        if record
            .aliases
            .get(alias)
            .is_some_and(|alias| alias.version == version)
        {
            return Ok(());
        }
        let point = everstep_engine::Alias {
            version,
            description: String::new(),
            revision: uuid::Uuid::new_v4().to_string(),
            weights: BTreeMap::new(),
        };
        self.handle
            .change_function(name, |record| {
                record.aliases.insert(alias.to_owned(), point.clone());
                Ok(())
            })
            .await?;
        Ok(())
    }
}

/// Makes the function, or a new revision of it. One that is as it was keeps its revision.
pub async fn upsert(
    handle: &Handle,
    name: &str,
    config: FunctionConfig,
    code: Code,
) -> Result<(Change, Revision)> {
    let present = match handle.resolve(name, None).await {
        Ok(resolved) => Some(resolved.revision),
        Err(Error::UnknownEntry { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(revision) = &present
        && revision.config == config
        && revision.code == code
    {
        return Ok((Change::None, revision.clone()));
    }
    let revision = Revision {
        function: name.to_owned(),
        revision: uuid::Uuid::new_v4().to_string(),
        config,
        code,
        modified_ms: handle.clock().now().0,
    };
    if present.is_none() {
        handle
            .create_function(revision.clone(), BTreeMap::new())
            .await?;
        return Ok((Change::New, revision));
    }
    handle.add_revision(revision.clone(), None).await?;
    let running = handle.list(running(name), None, RUNNING_MAX).await?;
    let running = running.rows.len();
    Ok((Change::Revision { running }, revision))
}

fn running(name: &str) -> ListFilter {
    ListFilter {
        definition: Some(name.to_owned()),
        statuses: vec![Status::Running],
        ..ListFilter::default()
    }
}
