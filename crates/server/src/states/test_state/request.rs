//! What TestState is asked.

use std::sync::Arc;

use everstep_asl::machine::ErrorOutput;
use everstep_asl::test_state::{Configuration, FieldValidation, Level, Mock, Request};
use serde::Deserialize;

use super::super::constraints::Constraints;
use super::super::document;
use super::super::errors::Error;
use super::super::machines::DEFINITION_MAX;

const DATA_MAX: usize = 262_144;
const NAME_MAX: usize = 80;
const ERROR_MAX: usize = 256;
const CAUSE_MAX: usize = 32_768;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TestIn {
    definition: Option<String>,
    role_arn: Option<String>,
    input: Option<String>,
    inspection_level: Option<String>,
    reveal_secrets: Option<bool>,
    variables: Option<String>,
    state_name: Option<String>,
    mock: Option<MockIn>,
    context: Option<String>,
    state_configuration: Option<ConfigurationIn>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MockIn {
    result: Option<String>,
    error_output: Option<ErrorIn>,
    field_validation_mode: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ErrorIn {
    error: Option<String>,
    cause: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigurationIn {
    retrier_retry_count: Option<i64>,
    error_caused_by_state: Option<String>,
    map_iteration_failure_count: Option<i64>,
    map_item_reader_data: Option<String>,
}

impl TestIn {
    /// # Errors
    /// [`Error::Validation`] with every bound that is broken, [`Error::InvalidArn`], or [`Error::InvalidInput`].
    pub fn check(&self) -> Result<(), Error> {
        let definition = self.definition.as_ref();
        let mut constraints = Constraints::default();
        constraints
            .required("definition", definition)
            .secret("definition", definition, 1, DEFINITION_MAX)
            .text("roleArn", self.role_arn.as_ref(), 1, 256)
            .secret("input", self.input.as_ref(), 0, DATA_MAX)
            .word(
                "inspectionLevel",
                self.inspection_level.as_ref(),
                &["INFO", "DEBUG", "TRACE"],
            )
            .secret("variables", self.variables.as_ref(), 0, DATA_MAX)
            .secret("stateName", self.state_name.as_ref(), 1, NAME_MAX)
            .secret("context", self.context.as_ref(), 0, DATA_MAX);
        if let Some(mock) = &self.mock {
            mock.check(&mut constraints);
        }
        if let Some(configuration) = &self.state_configuration {
            configuration.check(&mut constraints);
        }
        constraints.done()?;
        if let Some(arn) = &self.role_arn
            && !arn.starts_with("arn:")
        {
            return Err(Error::InvalidArn(arn.clone()));
        }
        match self.input.as_deref() {
            Some(text) => document::check(text).map_err(Error::InvalidInput),
            None => Ok(()),
        }
    }

    pub fn reveals_secrets(&self) -> bool {
        self.reveal_secrets.unwrap_or(false)
    }

    pub fn level(&self) -> Level {
        match self.inspection_level.as_deref() {
            Some("TRACE") => Level::Trace,
            Some("DEBUG") => Level::Debug,
            _ => Level::Info,
        }
    }

    pub fn request(&self) -> Request<'_> {
        let configuration = self.state_configuration.as_ref();
        Request {
            definition: self.definition.as_deref().unwrap_or_default(),
            state_name: self.state_name.as_deref(),
            input: self.input.as_deref(),
            context: self.context.as_deref(),
            variables: self.variables.as_deref(),
            mock: self.mock.as_ref().map(MockIn::mock),
            configuration: configuration
                .map(ConfigurationIn::configuration)
                .unwrap_or_default(),
            role_arn: self.role_arn.as_deref(),
            reveal_secrets: self.reveals_secrets(),
        }
    }
}

impl MockIn {
    fn check(&self, constraints: &mut Constraints) {
        let output = self.error_output.as_ref();
        let error = output.and_then(|output| output.error.as_ref());
        let cause = output.and_then(|output| output.cause.as_ref());
        constraints
            .secret("mock.result", self.result.as_ref(), 0, DATA_MAX)
            .secret("mock.errorOutput.error", error, 0, ERROR_MAX)
            .secret("mock.errorOutput.cause", cause, 0, CAUSE_MAX)
            .word(
                "mock.fieldValidationMode",
                self.field_validation_mode.as_ref(),
                &["STRICT", "PRESENT", "NONE"],
            );
    }

    fn mock(&self) -> Mock<'_> {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        Mock {
            result: self.result.as_deref(),
            error_output: self.error_output.as_ref().map(|output| ErrorOutput {
                error: text(&output.error),
                cause: text(&output.cause),
            }),
            validation: match self.field_validation_mode.as_deref() {
                Some("PRESENT") => FieldValidation::Present,
                Some("NONE") => FieldValidation::None,
                _ => FieldValidation::Strict,
            },
        }
    }
}

impl ConfigurationIn {
    fn check(&self, constraints: &mut Constraints) {
        const MAX: i64 = i32::MAX as i64;
        let (state, data) = (
            self.error_caused_by_state.as_ref(),
            self.map_item_reader_data.as_ref(),
        );
        constraints
            .number(
                "stateConfiguration.retrierRetryCount",
                self.retrier_retry_count,
                0,
                MAX,
            )
            .secret("stateConfiguration.errorCausedByState", state, 1, NAME_MAX)
            .number(
                "stateConfiguration.mapIterationFailureCount",
                self.map_iteration_failure_count,
                0,
                MAX,
            )
            .secret("stateConfiguration.mapItemReaderData", data, 0, DATA_MAX);
    }

    fn configuration(&self) -> Configuration<'_> {
        // Within the bounds that were checked.
        let count = |count: Option<i64>| count.and_then(|count| u32::try_from(count).ok());
        Configuration {
            retrier_retry_count: count(self.retrier_retry_count),
            error_caused_by_state: self.error_caused_by_state.as_deref(),
            map_iteration_failure_count: count(self.map_iteration_failure_count),
            map_item_reader_data: self.map_item_reader_data.as_deref(),
        }
    }
}
