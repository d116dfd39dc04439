//! `everstep dev --functions DIR`: functions from manifests, registered at the start and again when something changes.

mod agents;
mod declare;
mod manifest;
mod register;
mod snapshot;
mod template;
mod watch;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use everstep_dispatch::{FunctionDispatcher, FunctionHost};
use everstep_engine::{Code, Handle};

use declare::{Declared, Source};
#[cfg(feature = "demo")]
pub use register::upsert;
use register::{Change, Registrar};

use crate::output;

/// What the functions of a folder are registered with.
pub struct Functions {
    folder: PathBuf,
    region: String,
    registrar: Registrar,
    /// Manifests whose fault has been told; told once, not at every change of another file.
    told: Vec<String>,
}

impl Functions {
    pub fn new(
        folder: &Path,
        data: &Path,
        region: &str,
        (handle, dispatcher, host): (&Handle, &FunctionDispatcher, &FunctionHost),
    ) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| {
            format!("the folder of functions {} can't be read", folder.display())
        })?;
        Ok(Self {
            registrar: Registrar {
                data: data.to_owned(),
                region: region.to_owned(),
                handle: handle.clone(),
                dispatcher: dispatcher.clone(),
                host: host.clone(),
            },
            folder,
            region: region.to_owned(),
            told: Vec::new(),
        })
    }

    /// Registers what the folder declares. A manifest that can't be read is told about and changes nothing.
    pub async fn load(&mut self, first: bool) {
        let found = declare::find(&self.folder, &self.registrar.data, &self.region);
        let mut told = Vec::new();
        for fault in found.faults {
            if !self.told.contains(&fault) {
                let kept = if first {
                    ""
                } else {
                    "\n  what was registered before stays"
                };
                output::note(format!("not loaded {fault}{kept}"));
            }
            told.push(fault);
        }
        for function in found.functions {
            match self.registrar.register(&function).await {
                Ok(change) => tell(&function, &change, first),
                Err(error) => {
                    let fault = format!("{}: {error:#}", function.name);
                    if !self.told.contains(&fault) {
                        output::note(format!("not loaded {fault}"));
                    }
                    told.push(fault);
                }
            }
        }
        self.told = told;
    }

    /// Loads again whenever something below the folder has changed and been quiet for a moment.
    pub async fn watch(mut self) -> Result<()> {
        let mut changes = watch::Changes::of(&self.folder, &self.registrar.data)?;
        // What changed before it was watched.
        self.load(false).await;
        while changes.next().await {
            self.load(false).await;
        }
        Ok(())
    }
}

fn tell(function: &Declared, change: &Change, first: bool) {
    let Declared { name, place, .. } = function;
    let is_agent = matches!(&function.source, Source::Elsewhere(Code::Agent(_)));
    let kind = match function.config.durable {
        Some(_) => "durable ",
        None if is_agent => "agent ",
        None => "",
    };
    let runs = if function.config.runtime_name.is_empty() {
        "elsewhere"
    } else {
        &function.config.runtime_name
    };
    match change {
        Change::None if first => {
            output::note(format!("function {name}: {kind}{runs}, {place}, as before"))
        }
        Change::None => return,
        Change::New => output::note(format!("function {name}: {kind}{runs}, {place}")),
        Change::Revision { running: 0 } => output::note(format!("reloaded {name}")),
        Change::Revision { running } => {
            let (executions, keep, they) = if *running == 1 {
                ("execution", "keeps", "it")
            } else {
                ("executions", "keep", "they")
            };
            let more = if *running == register::RUNNING_MAX {
                " or more"
            } else {
                ""
            };
            output::note(format!(
                "reloaded {name}: {running}{more} running {executions} {keep} the code {they} began with"
            ));
        }
    }
    for note in &function.notes {
        output::note(format!("  {name}: {note}"));
    }
}
