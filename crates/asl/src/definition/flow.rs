//! How data passes through a state.

use everstep_expr::expression::Expression;
use everstep_expr::jsonata;
use everstep_expr::path::ReferencePath;
use everstep_expr::template::Template;

/// How data passes through a state, in its language.
#[derive(Debug)]
pub enum Flow {
    /// `InputPath` → `Parameters` → work → `ResultSelector` → `Assign`, `ResultPath` → `OutputPath`.
    JsonPath(Box<JsonPathFlow>),
    /// `Arguments` → work → `Assign`, `Output`.
    Jsonata(Box<JsonataFlow>),
}

/// The data fields of a JSONPath state. Those that its type does not have are as if they were absent.
#[derive(Debug, Default)]
pub struct JsonPathFlow {
    /// What of the state's input is its effective input.
    pub input_path: Selection,
    /// What is made of the effective input.
    pub parameters: Option<Template>,
    /// What is made of the raw result.
    pub result_selector: Option<Template>,
    /// Where in the input the result goes.
    pub result_path: ResultPath,
    /// What of that is the state's output.
    pub output_path: Selection,
    /// The variables that are set: an object of names.
    pub assign: Option<Template>,
}

/// The data fields of a JSONata state.
#[derive(Debug, Default)]
pub struct JsonataFlow {
    /// What the work gets. Absent: the state's input.
    pub arguments: Option<jsonata::Template>,
    /// The state's output. Absent: the result, or the input of a state that has none.
    pub output: Option<jsonata::Template>,
    /// The variables that are set: an object of names.
    pub assign: Option<jsonata::Template>,
}

/// `InputPath` and `OutputPath`.
#[derive(Debug, Default)]
pub enum Selection {
    /// All of it: `$`, or no such field.
    #[default]
    Whole,
    /// An empty object: `null`.
    Nothing,
    /// What the path finds in the data, the context object or a variable.
    Path(Expression),
}

/// `ResultPath`.
#[derive(Debug, Default)]
pub enum ResultPath {
    /// The result takes the place of the input: `$`, or no such field.
    #[default]
    Whole,
    /// The input stays as it is: `null`.
    Discard,
    /// The result becomes a part of the input.
    At(ReferencePath),
}

/// A template in the language of its state.
#[derive(Debug)]
pub enum Payload {
    /// With `.$` fields.
    JsonPath(Template),
    /// With `{% %}` strings.
    Jsonata(jsonata::Template),
}

/// A value that the definition holds, or tells where to find.
#[derive(Debug)]
pub enum Setting<T> {
    /// The value itself.
    Fixed(T),
    /// Found by the path: the fields that end in `Path`. JSONPath states only.
    Path(Expression),
    /// Computed. JSONata states only.
    Jsonata(jsonata::Program),
}
