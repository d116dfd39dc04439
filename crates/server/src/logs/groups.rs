//! Log groups: what they are called, how long their lines are kept, their tags.

use std::collections::BTreeMap;

use axum::response::Response;
use everstep_logs::{GroupSettings, Logs, group_name, is_group_name};
use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::Error;
use super::{Call, answer, blocking, bounded, now_ms};

const PAGE_MAX: usize = 50;
const TAGS_MAX: usize = 50;
/// The periods that the service takes, in days.
const RETENTIONS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateIn {
    log_group_name: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NameIn {
    log_group_name: String,
    retention_in_days: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DescribeIn {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// Of a group named by ARN, or by name in the older calls.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TagsIn {
    resource_arn: Option<String>,
    log_group_name: Option<String>,
    tags: Value,
    tag_keys: Vec<String>,
}

pub(super) async fn create(call: &Call<'_>) -> Result<Response, Error> {
    let CreateIn {
        log_group_name,
        tags,
    } = call.input()?;
    check_tags(&tags)?;
    if !is_group_name(&log_group_name) {
        return Err(Error::invalid(
            "1 validation error detected: Value at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
        ));
    }
    if call.named(&log_group_name).is_ok() {
        return Err(Error::GroupExists);
    }
    let created_ms = u64::try_from(now_ms()).unwrap_or(0);
    let settings = GroupSettings {
        created_ms,
        tags,
        ..GroupSettings::default()
    };
    let logs = call.logs()?.clone();
    if blocking(move || logs.create(&log_group_name, settings)).await? {
        return Ok(answer(&json!({})));
    }
    Err(Error::invalid(
        "A log group of this name can't be kept here: it is too long.",
    ))
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Response, Error> {
    let NameIn { log_group_name, .. } = call.input()?;
    let logs = call.logs()?.clone();
    if blocking(move || logs.delete(&log_group_name)).await? {
        return Ok(answer(&json!({})));
    }
    Err(Error::NoGroup)
}

pub(super) async fn put_retention(call: &Call<'_>) -> Result<Response, Error> {
    let NameIn {
        log_group_name,
        retention_in_days,
    } = call.input()?;
    let days = retention_in_days.filter(|days| RETENTIONS.contains(days));
    let Some(days) = days else {
        let periods: Vec<String> = RETENTIONS.iter().map(u32::to_string).collect();
        return Err(Error::invalid(format!(
            "retentionInDays must be one of {}",
            periods.join(", ")
        )));
    };
    change(call, &log_group_name, move |settings| {
        settings.retention_days = Some(days)
    })
    .await
}

pub(super) async fn delete_retention(call: &Call<'_>) -> Result<Response, Error> {
    let NameIn { log_group_name, .. } = call.input()?;
    change(call, &log_group_name, |settings| {
        settings.retention_days = None
    })
    .await
}

/// Changes a group's settings. A group that came to be by its first line is noted with its first change.
async fn change(
    call: &Call<'_>,
    name: &str,
    change: impl FnOnce(&mut GroupSettings) + Send + 'static,
) -> Result<Response, Error> {
    let group = call.named(name)?;
    let logs = call.logs()?.clone();
    blocking(move || logs.change(&group.name, change)).await?;
    Ok(answer(&json!({})))
}

pub(super) async fn describe(call: &Call<'_>) -> Result<Response, Error> {
    let request: DescribeIn = call.input()?;
    if request.log_group_name_pattern.is_some() && request.log_group_name_prefix.is_some() {
        return Err(Error::invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let limit = bounded("limit", request.limit, PAGE_MAX)?;
    let Some(logs) = call.app.options.logs.clone() else {
        return Ok(answer(&json!({ "logGroups": [] })));
    };
    let arn = call.group_arn("");
    let (groups, more) = blocking(move || {
        let stored = logs.stored_bytes()?;
        let matching = logs
            .groups()?
            .into_iter()
            .filter(|name| request.matches(name));
        let mut names: Vec<String> = matching.take(limit + 1).collect();
        let more = names.len() > limit;
        names.truncate(limit);
        let shown =
            |name: &String| shown(&logs, &arn, name, stored.get(name).copied().unwrap_or(0));
        let groups = names
            .iter()
            .map(shown)
            .collect::<std::io::Result<Vec<Value>>>()?;
        Ok((groups, more.then(|| names.pop()).flatten()))
    })
    .await?;
    let mut body = json!({ "logGroups": groups });
    if let (Some(last), Some(body)) = (more, body.as_object_mut()) {
        body.insert("nextToken".to_owned(), last.into());
    }
    Ok(answer(&body))
}

impl DescribeIn {
    fn matches(&self, name: &str) -> bool {
        let named = |all: &Vec<String>| all.iter().any(|given| group_name(given) == name);
        self.log_group_name_prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix.as_str()))
            && self.log_group_name_pattern.as_ref().is_none_or(|part| name.contains(part.as_str()))
            && self.log_group_identifiers.as_ref().is_none_or(named)
            // A page begins behind the last name of the one before.
            && self.next_token.as_ref().is_none_or(|last| name > last.as_str())
    }
}

fn shown(logs: &Logs, arn: &str, name: &str, stored: u64) -> std::io::Result<Value> {
    let settings = logs.settings(name);
    let mut created = settings.created_ms;
    if created == 0
        && let Some(file) = logs.group(name)
    {
        let first = file.streams()?.values().map(|stream| stream.first_ms).min();
        created = first.unwrap_or(0);
    }
    let mut group = json!({
        "logGroupName": name,
        "creationTime": created,
        "metricFilterCount": 0,
        "arn": format!("{arn}{name}:*"),
        "logGroupArn": format!("{arn}{name}"),
        "storedBytes": stored,
        "logGroupClass": "STANDARD",
    });
    if let (Some(days), Some(group)) = (settings.retention_days, group.as_object_mut()) {
        group.insert("retentionInDays".to_owned(), days.into());
    }
    Ok(group)
}

impl TagsIn {
    fn group(&self) -> Result<&str, Error> {
        let given = self
            .resource_arn
            .as_deref()
            .or(self.log_group_name.as_deref());
        given
            .map(group_name)
            .ok_or_else(|| Error::invalid("resourceArn is missing"))
    }
}

pub(super) fn list_tags(call: &Call<'_>) -> Result<Response, Error> {
    let request: TagsIn = call.input()?;
    let group = call.named(request.group()?)?;
    Ok(answer(
        &json!({ "tags": call.logs()?.settings(&group.name).tags }),
    ))
}

pub(super) async fn tag(call: &Call<'_>) -> Result<Response, Error> {
    let request: TagsIn = call.input()?;
    let malformed = |error: serde_json::Error| Error::Malformed {
        reason: error.to_string(),
    };
    let added: BTreeMap<String, String> =
        serde_json::from_value(request.tags.clone()).map_err(malformed)?;
    let mut all = call.logs()?.settings(request.group()?).tags;
    all.extend(added.clone());
    check_tags(&all)?;
    change(call, request.group()?, move |settings| {
        settings.tags.extend(added)
    })
    .await
}

pub(super) async fn untag(call: &Call<'_>) -> Result<Response, Error> {
    let request: TagsIn = call.input()?;
    let mut keys = request.tag_keys.clone();
    // The older call names them so.
    keys.extend(
        request
            .tags
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|key| Some(key.as_str()?.to_owned())),
    );
    change(call, request.group()?, move |settings| {
        settings.tags.retain(|key, _| !keys.contains(key))
    })
    .await
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.len() > TAGS_MAX {
        return Err(Error::TooManyTags { max: TAGS_MAX });
    }
    let fits = |(key, value): (&String, &String)| {
        (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256
    };
    if tags.iter().all(fits) {
        return Ok(());
    }
    Err(Error::invalid(
        "A tag's key has 1 to 128 characters and its value at most 256",
    ))
}
