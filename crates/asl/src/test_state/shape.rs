//! What services answer: their models, and whether a value fits.

use everstep_expr::json::Value;

use super::request::FieldValidation;

/// A service's model, as `tests/conformance/asl/shapes.py` writes it.
struct Service {
    /// In the ARNs of its own integration, if it has one.
    integration: &'static str,
    /// Behind `aws-sdk:`.
    sdk: &'static str,
    lines: &'static str,
}

const fn service(integration: &'static str, sdk: &'static str, lines: &'static str) -> Service {
    Service {
        integration,
        sdk,
        lines,
    }
}

/// The services whose models are known. What others answer is taken as it is.
const SERVICES: &[Service] = &[
    service("athena", "athena", include_str!("shapes/athena.txt")),
    service("batch", "batch", include_str!("shapes/batch.txt")),
    service("", "cloudwatch", include_str!("shapes/cloudwatch.txt")),
    service(
        "codebuild",
        "codebuild",
        include_str!("shapes/codebuild.txt"),
    ),
    service("databrew", "databrew", include_str!("shapes/databrew.txt")),
    service("dynamodb", "dynamodb", include_str!("shapes/dynamodb.txt")),
    service("ecs", "ecs", include_str!("shapes/ecs.txt")),
    service("", "eks", include_str!("shapes/eks.txt")),
    service("elasticmapreduce", "emr", include_str!("shapes/emr.txt")),
    service(
        "emr-containers",
        "emrcontainers",
        include_str!("shapes/emr-containers.txt"),
    ),
    service(
        "emr-serverless",
        "emrserverless",
        include_str!("shapes/emr-serverless.txt"),
    ),
    service("events", "eventbridge", include_str!("shapes/events.txt")),
    service("", "firehose", include_str!("shapes/firehose.txt")),
    service("glue", "glue", include_str!("shapes/glue.txt")),
    service("", "kinesis", include_str!("shapes/kinesis.txt")),
    service("", "kms", include_str!("shapes/kms.txt")),
    service("lambda", "lambda", include_str!("shapes/lambda.txt")),
    service("", "cloudwatchlogs", include_str!("shapes/logs.txt")),
    service("", "s3", include_str!("shapes/s3.txt")),
    service(
        "sagemaker",
        "sagemaker",
        include_str!("shapes/sagemaker.txt"),
    ),
    service("", "scheduler", include_str!("shapes/scheduler.txt")),
    service(
        "",
        "secretsmanager",
        include_str!("shapes/secretsmanager.txt"),
    ),
    service("sns", "sns", include_str!("shapes/sns.txt")),
    service("sqs", "sqs", include_str!("shapes/sqs.txt")),
    service("", "ssm", include_str!("shapes/ssm.txt")),
    service("states", "sfn", include_str!("shapes/stepfunctions.txt")),
    service("", "sts", include_str!("shapes/sts.txt")),
];

/// Fields that an integration gives in another form than the service does: what the service has as text, it has as JSON.
const AS_JSON: [(&str, &str, &str); 1] = [("lambda", "invoke", "Payload")];

/// What an action answers.
pub(super) struct Answer {
    service: &'static Service,
    shape: &'static str,
    /// A field that may be anything.
    free: Option<&'static str>,
}

impl Answer {
    /// The model of what an action answers, if it is known. `service` and `action` are as a resource has them.
    pub fn of(service: &str, action: &str) -> Option<Self> {
        let known = match service.strip_prefix("aws-sdk:") {
            Some(sdk) => SERVICES.iter().find(|known| known.sdk == sdk)?,
            None => SERVICES
                .iter()
                .find(|known| known.integration == service && !service.is_empty())?,
        };
        let mut operations = known
            .lines
            .lines()
            .filter_map(|line| line.strip_prefix("operation ")?.split_once(' '));
        let (_, shape) = operations.find(|(name, _)| is_name_of(name, action))?;
        let free = AS_JSON
            .iter()
            .find(|(of, called, _)| *of == service && *called == action);
        Some(Self {
            service: known,
            shape,
            free: free.map(|(_, _, field)| *field),
        })
    }

    /// Whether a value is such an answer.
    ///
    /// # Errors
    /// What is wrong with it, in the service's words.
    pub fn check(&self, value: &Value, how: FieldValidation) -> Result<(), String> {
        let check = Check {
            answer: self,
            is_strict: how == FieldValidation::Strict,
        };
        match how {
            FieldValidation::None => Ok(()),
            FieldValidation::Strict | FieldValidation::Present => {
                check.value(value, self.shape, "")
            }
        }
    }

    /// What the model says of a shape: its type and the rest.
    fn shape(&self, name: &str) -> (&'static str, &'static str) {
        let line = self
            .service
            .lines
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        match line {
            Some(line) => line.split_once(' ').unwrap_or((line, "")),
            None => BUILT_IN
                .iter()
                .find(|built_in| **built_in == name)
                .map_or(("any", ""), |built_in| (*built_in, "")),
        }
    }
}

const BUILT_IN: [&str; 3] = ["string", "number", "boolean"];

/// Actions are written as operations with a small letter first.
fn is_name_of(operation: &str, action: &str) -> bool {
    let (mut operation, mut action) = (operation.chars(), action.chars());
    let first = (operation.next(), action.next());
    matches!(first, (Some(large), Some(small)) if large.eq_ignore_ascii_case(&small))
        && operation.as_str() == action.as_str()
}

struct Check<'a> {
    answer: &'a Answer,
    is_strict: bool,
}

impl Check<'_> {
    fn value(&self, value: &Value, shape: &str, field: &str) -> Result<(), String> {
        let (kind, rest) = self.answer.shape(shape);
        match kind {
            "structure" => self.structure(value, rest, field),
            "list" => {
                let items = value.as_array().ok_or_else(|| must_be(field, "an array"))?;
                items
                    .iter()
                    .try_for_each(|item| self.value(item, rest, field))
            }
            "map" => {
                let members = value
                    .as_object()
                    .ok_or_else(|| must_be(field, "an object"))?;
                members
                    .iter()
                    .try_for_each(|(_, member)| self.value(member, rest, field))
            }
            "string" => string(value, rest, field),
            "number" => number(value, rest, field),
            "boolean" if value.as_bool().is_none() => Err(must_be(field, "a boolean")),
            _ => Ok(()),
        }
    }

    fn structure(&self, value: &Value, fields: &str, field: &str) -> Result<(), String> {
        let members = value
            .as_object()
            .ok_or_else(|| must_be(field, "an object"))?;
        for (name, shape) in fields.split(' ').filter_map(|field| field.split_once(':')) {
            let (name, is_required) = match name.strip_suffix('!') {
                Some(name) => (name, true),
                None => (name, false),
            };
            match members.get(name) {
                Some(_) if self.answer.free == Some(name) => {}
                Some(member) => self.value(member, shape, name)?,
                None if is_required && self.is_strict => {
                    return Err(format!("Required field '{name}' is missing"));
                }
                None => {}
            }
        }
        Ok(())
    }
}

fn must_be(field: &str, what: &str) -> String {
    format!("Field '{field}' must be {what}")
}

/// `MIN..MAX`, either of which may be absent.
fn bounds(text: &str) -> (Option<f64>, Option<f64>) {
    let (min, max) = text.split_once("..").unwrap_or_default();
    (min.parse().ok(), max.parse().ok())
}

fn string(value: &Value, rest: &str, field: &str) -> Result<(), String> {
    let text = value.as_str().ok_or_else(|| must_be(field, "a string"))?;
    let (within, words) = rest.split_once(' ').unwrap_or((rest, ""));
    let (min, max) = bounds(within);
    let length = text.chars().count() as f64;
    if min.is_some_and(|min| length < min) {
        return Err(format!(
            "Field '{field}' is smaller than the minimum length"
        ));
    }
    if max.is_some_and(|max| length > max) {
        return Err(format!("Field '{field}' exceeds the maximum length"));
    }
    if !words.is_empty() && !words.split('|').any(|word| word == text) {
        return Err(format!("Field '{field}' is not an expected value"));
    }
    Ok(())
}

fn number(value: &Value, rest: &str, field: &str) -> Result<(), String> {
    let number = value.as_f64().ok_or_else(|| must_be(field, "a number"))?;
    let (min, max) = bounds(rest);
    if min.is_some_and(|min| number < min) {
        return Err(format!("Field '{field}' is less than the minimum value"));
    }
    if max.is_some_and(|max| number > max) {
        return Err(format!("Field '{field}' exceeds the maximum value"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_shape_that_a_model_names_is_in_it() {
        for service in SERVICES {
            let known: BTreeSet<&str> = service
                .lines
                .lines()
                .filter_map(|line| line.split(' ').next())
                .chain(BUILT_IN)
                .chain(["any"])
                .collect();
            for line in service.lines.lines() {
                let (head, rest) = line.split_once(' ').expect("two words");
                let named: Vec<&str> = match (head, rest.split_once(' ')) {
                    ("operation", Some((_, shape))) | (_, Some(("list" | "map", shape))) => {
                        vec![shape]
                    }
                    (_, Some(("structure", fields))) => fields
                        .split(' ')
                        .map(|field| field.split_once(':').expect("a shape").1)
                        .collect(),
                    (_, Some(("string" | "number", _)) | None) => Vec::new(),
                    other => panic!("{}: {line}: {other:?}", service.sdk),
                };
                for name in named {
                    assert!(known.contains(name), "{}: {name} in {line}", service.sdk);
                }
            }
        }
    }
}
