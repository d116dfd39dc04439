//! Permissions of functions and layers: kept and shown as policies. Requests are let in by their keys, not by these.

use axum::response::Response;
use everstep_engine::Error as Refused;
use everstep_engine::catalogue::Policy;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::arn::{is_word, not_found};
use super::configuration::constraint;
use super::errors::{Error, Exception};
use super::functions::LATEST;
use super::route::Name;
use super::{Call, reply};

const STATEMENT_ID_MAX: usize = 100;

/// What AddPermission and AddLayerVersionPermission say.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct StatementIn {
    pub statement_id: String,
    action: String,
    principal: String,
    source_arn: Option<String>,
    source_account: Option<String>,
    event_source_token: Option<String>,
    function_url_auth_type: Option<String>,
    invoked_via_function_url: Option<bool>,
    #[serde(rename = "PrincipalOrgID")]
    principal_org_id: Option<String>,
    organization_id: Option<String>,
    revision_id: Option<String>,
}

impl StatementIn {
    /// The statement as policies have it.
    pub(super) fn read(&self, account: &str, resource: &str) -> Result<Value, Error> {
        if !is_word(&self.statement_id, STATEMENT_ID_MAX) {
            return Err(constraint(
                "statementId",
                "it has 1 to 100 letters, digits, hyphens and underscores",
            ));
        }
        if !self.action.starts_with("lambda:") && self.action != "*" {
            return Err(constraint("action", "it is one of lambda:…"));
        }
        if self.principal.is_empty() {
            return Err(constraint("principal", "it must be given"));
        }
        let mut statement = json!({
            "Sid": self.statement_id,
            "Effect": "Allow",
            "Principal": principal(&self.principal, account),
            "Action": self.action,
            "Resource": resource,
        });
        let condition = self.condition();
        if !condition.is_empty() {
            reply::add(&mut statement, "Condition", condition);
        }
        Ok(statement)
    }

    fn condition(&self) -> Map<String, Value> {
        let org = self
            .principal_org_id
            .as_ref()
            .or(self.organization_id.as_ref());
        let equals: Map<String, Value> = [
            ("AWS:SourceAccount", self.source_account.as_ref()),
            ("lambda:EventSourceToken", self.event_source_token.as_ref()),
            (
                "lambda:FunctionUrlAuthType",
                self.function_url_auth_type.as_ref(),
            ),
            ("aws:PrincipalOrgID", org),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.as_str().into())))
        .collect();
        let mut condition = Map::new();
        if !equals.is_empty() {
            condition.insert("StringEquals".to_owned(), equals.into());
        }
        if let Some(source) = &self.source_arn {
            condition.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": source }));
        }
        if let Some(via) = self.invoked_via_function_url {
            let via = json!({ "lambda:InvokedViaFunctionUrl": via.to_string() });
            condition.insert("Bool".to_owned(), via);
        }
        condition
    }
}

/// A service by its host name, everybody, or an account or user by its ARN.
fn principal(given: &str, own: &str) -> Value {
    let is_account = given.len() == own.len() && given.bytes().all(|b| b.is_ascii_digit());
    match given {
        "*" => "*".into(),
        _ if is_account => json!({ "AWS": format!("arn:aws:iam::{given}:root") }),
        _ if given.starts_with("arn:") => json!({ "AWS": given }),
        _ => json!({ "Service": given }),
    }
}

/// Adds a statement, unless there is one of its id or the policy is not the one that the caller saw.
pub(super) fn add(
    policy: &mut Policy,
    id: &str,
    statement: &Value,
    expected: Option<&str>,
) -> Result<(), Refused> {
    expect(policy, expected)?;
    if policy.position(id).is_some() {
        return Err(Refused::EntryExists {
            what: "statement",
            name: id.to_owned(),
        });
    }
    policy.statements.push(statement.clone());
    policy.revision = uuid::Uuid::new_v4().to_string();
    Ok(())
}

pub(super) fn remove(policy: &mut Policy, id: &str, expected: Option<&str>) -> Result<(), Refused> {
    expect(policy, expected)?;
    let position = policy.position(id).ok_or_else(|| Refused::UnknownEntry {
        what: "statement",
        name: id.to_owned(),
    })?;
    policy.statements.remove(position);
    policy.revision = uuid::Uuid::new_v4().to_string();
    Ok(())
}

fn expect(policy: &Policy, expected: Option<&str>) -> Result<(), Refused> {
    match expected {
        Some(expected) if expected != policy.revision => Err(Refused::EntryChanged {
            what: "policy",
            name: String::new(),
        }),
        Some(_) | None => Ok(()),
    }
}

/// AWS's words for what a policy refuses.
pub(super) fn refused(error: Error, id: &str) -> Error {
    match error.exception {
        Exception::ResourceConflict => Error::new(
            Exception::ResourceConflict,
            format!(
                "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
            ),
        ),
        _ => error,
    }
}

/// The whole policy; one without statements is none.
pub(super) fn shown(policy: Option<&Policy>) -> Result<Response, Error> {
    let policy = policy
        .filter(|policy| !policy.statements.is_empty())
        .ok_or_else(|| not_found("The resource you requested does not exist.".to_owned()))?;
    let document = json!({
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": policy.statements,
    });
    Ok(reply::json(
        StatusCode::OK,
        &json!({ "Policy": document.to_string(), "RevisionId": policy.revision }),
    ))
}

pub(super) async fn add_to_function(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let request: StatementIn = call.json()?;
    let statement = request.read(&call.app.options.account, &call.arn(&function))?;
    call.resolve(&function).await?;
    let qualifier = function.qualifier.as_deref().unwrap_or(LATEST);
    let added = call.change(&function, |record| {
        let policy = record.settings.policies.entry(qualifier.to_owned());
        let (id, expected) = (&request.statement_id, request.revision_id.as_deref());
        add(policy.or_default(), id, &statement, expected)
    });
    let added = added.await;
    added.map_err(|error| refused(error, &request.statement_id))?;
    Ok(reply::json(
        StatusCode::CREATED,
        &json!({ "Statement": statement.to_string() }),
    ))
}

pub(super) async fn remove_from_function(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let qualifier = function.qualifier.as_deref().unwrap_or(LATEST);
    let removed = call.change(&function, |record| {
        let policy = record.settings.policies.entry(qualifier.to_owned());
        remove(
            policy.or_default(),
            &name.second,
            call.query.get("RevisionId"),
        )
    });
    removed.await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn get_of_function(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let record = call.record(&function).await?;
    let qualifier = function.qualifier.as_deref().unwrap_or(LATEST);
    shown(record.settings.policies.get(qualifier))
}
