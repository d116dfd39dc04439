//! The data fields of states.

use super::Reader;
use super::fields::Object;
use crate::definition::{Flow, JsonPathFlow, JsonataFlow, QueryLanguage};

impl<'t> Reader<'t> {
    /// How data passes through a state. Fields that its type does not have are absent.
    pub(super) fn flow(&mut self, object: &Object<'_, 't>, language: QueryLanguage) -> Flow {
        self.assigned_names(object);
        match language {
            QueryLanguage::JsonPath => Flow::JsonPath(Box::new(JsonPathFlow {
                input_path: self.selection(object, "InputPath"),
                parameters: self.json_path_template(object, "Parameters"),
                result_selector: self.json_path_template(object, "ResultSelector"),
                result_path: self.result_path(object),
                output_path: self.selection(object, "OutputPath"),
                assign: self.json_path_template(object, "Assign"),
            })),
            QueryLanguage::Jsonata => Flow::Jsonata(Box::new(JsonataFlow {
                arguments: self.jsonata_template(object, "Arguments"),
                output: self.jsonata_template(object, "Output"),
                assign: self.jsonata_template(object, "Assign"),
            })),
        }
    }
}
