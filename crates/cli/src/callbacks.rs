//! `[callbacks]` of the settings.

use anyhow::Result;
use everstep_server::Callbacks;
use serde::Deserialize;

use crate::settings::Settings;

const SECTION: &str = "callbacks";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    cors_origin: Option<String>,
}

/// How callbacks are taken.
///
/// # Errors
/// E0190.
pub fn read(settings: &Settings) -> Result<Callbacks> {
    let section: Section = settings.section(SECTION)?;
    let mut callbacks = Callbacks::default();
    if let Some(origin) = section.cors_origin {
        // It becomes a header.
        if !origin.bytes().all(|byte| byte.is_ascii_graphic()) || origin.is_empty() {
            let why = "cors_origin is * or an origin such as https://app.example.org";
            return Err(settings.wrong(SECTION, &why));
        }
        callbacks.cors_origin = origin;
    }
    Ok(callbacks)
}
