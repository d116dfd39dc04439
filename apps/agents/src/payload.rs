//! What comes in: the parameters of a request, read leniently, because people and other programs write them.

use serde_json::{Map, Value};

/// How much the researcher reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    Basic,
    #[default]
    Comprehensive,
    Deep,
}

impl Depth {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Comprehensive => "comprehensive",
            Self::Deep => "deep",
        }
    }
}

/// The parameters that the agents honour; others are ignored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    pub depth: Depth,
    /// Paths or titles; empty means every source.
    pub sources: Vec<String>,
    /// Most key findings; the depth decides when it is absent.
    pub max_results: Option<usize>,
    /// Most words of a text that is written.
    pub word_limit: Option<usize>,
}

impl Parameters {
    /// Reads `parameters` of a payload. An absent or null member means the default.
    ///
    /// # Errors
    /// A sentence naming the member that has the wrong shape.
    pub fn read(value: Option<&Value>) -> Result<Self, String> {
        let members = match value {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Object(members)) => members,
            Some(_) => return Err("Parameters must be a dictionary".to_owned()),
        };
        Ok(Self {
            depth: depth(members)?,
            sources: sources(members)?,
            max_results: count(members, "max_results")?,
            word_limit: count(members, "word_limit")?,
        })
    }

    /// Most key findings.
    pub fn findings_max(&self) -> usize {
        self.max_results.unwrap_or(match self.depth {
            Depth::Basic => 10,
            Depth::Comprehensive => 40,
            Depth::Deep => 120,
        })
    }
}

fn depth(members: &Map<String, Value>) -> Result<Depth, String> {
    match members.get("depth") {
        None | Some(Value::Null) => Ok(Depth::default()),
        Some(Value::String(name)) => match name.as_str() {
            "basic" => Ok(Depth::Basic),
            "comprehensive" => Ok(Depth::Comprehensive),
            "deep" => Ok(Depth::Deep),
            other => Err(format!(
                "parameters.depth must be basic, comprehensive or deep, not {other}"
            )),
        },
        Some(_) => Err("parameters.depth must be a string".to_owned()),
    }
}

fn sources(members: &Map<String, Value>) -> Result<Vec<String>, String> {
    match members.get("sources") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(names)) => names
            .iter()
            .map(|name| name.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| "parameters.sources must be a list of strings".to_owned()),
        Some(_) => Err("parameters.sources must be a list of strings".to_owned()),
    }
}

/// A positive whole number. Data parts travel through protobuf's Struct, where 10 becomes 10.0, so that counts too.
fn count(members: &Map<String, Value>, name: &str) -> Result<Option<usize>, String> {
    let wrong = || format!("parameters.{name} must be a positive whole number");
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => {
            let value = number.as_f64().ok_or_else(wrong)?;
            if value >= 1.0 && value.fract() == 0.0 && value <= 1e9 {
                Ok(Some(value as usize))
            } else {
                Err(wrong())
            }
        }
        Some(_) => Err(wrong()),
    }
}

/// Data parts may have travelled through protobuf's Struct, whose only number is a double: 10 arrives as 10.0. Turns such
/// numbers back into whole ones, so that places and counts can be read as what they are.
pub fn whole_numbers(value: Value) -> Value {
    /// Above this a double no longer tells neighbouring whole numbers apart.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(double)
                if number.is_f64() && double.fract() == 0.0 && double.abs() < EXACT_MAX =>
            {
                Value::from(double as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, whole_numbers(member)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests;
