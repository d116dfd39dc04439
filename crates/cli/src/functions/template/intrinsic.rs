//! CloudFormation's functions, as far as a function's properties need them on one machine.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{KIND, scalar};

const ACCOUNT: &str = "000000000000";

/// What references may name.
pub(super) struct Scope<'a> {
    region: &'a str,
    parameters: BTreeMap<String, Value>,
    /// Logical id to name, of every function.
    functions: BTreeMap<String, String>,
    stack: String,
}

impl<'a> Scope<'a> {
    pub(super) fn of(template: &Value, resources: &Map<String, Value>, region: &'a str) -> Self {
        let parameters = template.get("Parameters").and_then(Value::as_object);
        let defaults = parameters
            .into_iter()
            .flatten()
            .filter_map(|(name, parameter)| {
                Some((name.clone(), parameter.get("Default")?.clone()))
            });
        let mut scope = Self {
            region,
            parameters: defaults.collect(),
            functions: BTreeMap::new(),
            stack: "everstep".to_owned(),
        };
        for (id, resource) in resources {
            if resource.get("Type").and_then(Value::as_str) == Some(KIND) {
                let given = resource.pointer("/Properties/FunctionName");
                let name = given
                    .and_then(|name| scope.resolve(name).ok())
                    .and_then(|name| scalar(&name));
                scope
                    .functions
                    .insert(id.clone(), name.unwrap_or_else(|| id.clone()));
            }
        }
        scope
    }

    /// A function's name by its logical id.
    pub(super) fn name(&self, id: &str) -> String {
        self.functions
            .get(id)
            .cloned()
            .unwrap_or_else(|| id.to_owned())
    }

    /// The value with every reference in it replaced. One that cannot be is an error that names it.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            Value::Object(members) => {
                if let Some((name, argument)) = only(members)
                    && (name == "Ref" || name.starts_with("Fn::"))
                {
                    return self.call(name, argument);
                }
                let resolved = members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.resolve(value)?)));
                resolved
                    .collect::<Result<Map<_, _>, String>>()
                    .map(Value::Object)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Value, String> {
        match name {
            "Ref" => {
                let id = argument.as_str().ok_or("a Ref names nothing")?;
                self.reference(id).ok_or_else(|| unknown("Ref", id))
            }
            "Fn::GetAtt" => {
                let (id, attribute) = match argument {
                    Value::String(text) => text.split_once('.').unwrap_or((text, "")),
                    Value::Array(parts) => match parts.as_slice() {
                        [Value::String(id), Value::String(attribute)] => (&**id, &**attribute),
                        _ => return Err("a Fn::GetAtt names nothing".to_owned()),
                    },
                    _ => return Err("a Fn::GetAtt names nothing".to_owned()),
                };
                self.attribute(id, attribute)
                    .map(Value::String)
                    .ok_or_else(|| unknown("Fn::GetAtt", &format!("{id}.{attribute}")))
            }
            "Fn::Sub" => match argument {
                Value::String(text) => self.substitute(text, &Map::new()),
                Value::Array(parts) => match parts.as_slice() {
                    [Value::String(text), Value::Object(own)] => self.substitute(text, own),
                    _ => Err("a Fn::Sub has no text".to_owned()),
                },
                _ => Err("a Fn::Sub has no text".to_owned()),
            },
            "Fn::Join" => self.join(argument),
            other => Err(format!("{other} is not understood here")),
        }
    }

    fn join(&self, argument: &Value) -> Result<Value, String> {
        let Some([Value::String(between), Value::Array(parts)]) =
            argument.as_array().map(Vec::as_slice)
        else {
            return Err("a Fn::Join has no list".to_owned());
        };
        let parts = parts.iter().map(|part| {
            scalar(&self.resolve(part)?).ok_or_else(|| "a part of a Fn::Join is no text".to_owned())
        });
        Ok(parts.collect::<Result<Vec<_>, _>>()?.join(between).into())
    }

    fn reference(&self, id: &str) -> Option<Value> {
        let pseudo = match id {
            "AWS::Region" => self.region,
            "AWS::AccountId" => ACCOUNT,
            "AWS::Partition" => "aws",
            "AWS::StackName" => &self.stack,
            "AWS::URLSuffix" => "amazonaws.com",
            _ => {
                let function = self.functions.get(id).cloned().map(Value::String);
                return function.or_else(|| self.parameters.get(id).cloned());
            }
        };
        Some(pseudo.into())
    }

    fn attribute(&self, id: &str, attribute: &str) -> Option<String> {
        let name = self.functions.get(id)?;
        (attribute == "Arn")
            .then(|| format!("arn:aws:lambda:{}:{ACCOUNT}:function:{name}", self.region))
    }

    /// `${X}`, `${X.Arn}`, and `${!X}` for a literal `${X}`.
    fn substitute(&self, text: &str, own: &Map<String, Value>) -> Result<Value, String> {
        let mut done = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            done.push_str(before);
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| format!("{text} has a ${{ without an end"))?;
            let name = name.trim();
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                done.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let value = match own.get(name) {
                Some(value) => Some(self.resolve(value)?),
                None => match name.split_once('.') {
                    Some((id, attribute)) => self.attribute(id, attribute).map(Value::String),
                    None => self.reference(name),
                },
            };
            let value = value.as_ref().and_then(scalar);
            done.push_str(&value.ok_or_else(|| unknown("Fn::Sub", name))?);
        }
        done.push_str(rest);
        Ok(done.into())
    }
}

fn only(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut all = members.iter();
    let (name, value) = all.next()?;
    all.next().is_none().then_some((name.as_str(), value))
}

fn unknown(what: &str, name: &str) -> String {
    format!(
        "{what} names {name}, which is no function, parameter with a default or pseudo parameter of this template"
    )
}
