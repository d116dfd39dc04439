//! Limits where the library has none. What multiplies the length of a text is replaced by functions that look at the length first.

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::{EvaluatorError, HostFnResult};
use jsonata_core::functions;
use jsonata_core::value::JValue;

use super::functions::{Supply, builtin, failure};
use super::walk;

/// The operator `&` as a function; no program can write the name.
pub(super) const CONCATENATE: &str = "&";

/// Puts the guarded functions into the tree, and the context into calls that leave it out: our functions do not see it.
pub(super) fn install(ast: &mut AstNode) {
    let mut left = vec![ast];
    while let Some(node) = left.pop() {
        replace(node);
        walk::children_mut(node, &mut |child| left.push(child));
    }
}

fn replace(node: &mut AstNode) {
    match node {
        AstNode::Binary {
            op: BinaryOp::Concatenate,
            lhs,
            rhs,
        } => {
            let operands =
                [lhs, rhs].map(|operand| std::mem::replace(&mut **operand, AstNode::Undefined));
            *node = AstNode::Function {
                name: CONCATENATE.to_owned(),
                args: operands.into(),
                is_builtin: true,
            };
        }
        AstNode::FunctionApplication(call) => {
            if let AstNode::Function { name, args, .. } = &mut **call
                && args.is_empty()
                && name == "toMillis"
            {
                args.push(AstNode::variable(""));
            }
        }
        _ => {}
    }
}

pub(super) fn concatenate(supply: &Supply, args: &[JValue]) -> HostFnResult {
    let mut joined = String::new();
    for arg in args {
        match arg {
            JValue::String(text) => joined.push_str(text),
            other => joined.push_str(&text(other, supply.limits.bytes)?),
        }
        if joined.len() > supply.limits.bytes {
            return Err(too_long(supply.limits.bytes));
        }
    }
    Ok(JValue::string(joined))
}

pub(super) fn pad(supply: &Supply, args: &[JValue]) -> HostFnResult {
    if let Some(JValue::Number(width)) = args.get(1) {
        // A character takes up to four bytes.
        if width.abs() > (supply.limits.bytes / 4) as f64 {
            return Err(too_long(supply.limits.bytes));
        }
    }
    builtin("pad", args)
}

/// What `$string` makes of the value; nothing for undefined.
pub(super) fn text(value: &JValue, bytes_max: usize) -> Result<String, EvaluatorError> {
    measure(value, bytes_max)?;
    match functions::string::string(value, None)? {
        JValue::String(text) => Ok(text.to_string()),
        _ => Ok(String::new()),
    }
}

/// Fails if the text of the value is longer. A value whose parts are shared may stand for more text than there is memory.
fn measure(value: &JValue, bytes_max: usize) -> Result<(), EvaluatorError> {
    let mut bytes = 0_usize;
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        bytes += match value {
            JValue::String(text) => text.len() + 1,
            JValue::Array(items) => {
                left.extend(items.iter());
                2
            }
            JValue::Object(members) => {
                left.extend(members.values());
                members.keys().map(|key| key.len() + 4).sum::<usize>() + 2
            }
            _ => 1,
        };
        // What waits is counted too, so that the list itself stays short.
        if bytes + left.len() > bytes_max {
            return Err(too_long(bytes_max));
        }
    }
    Ok(())
}

fn too_long(bytes_max: usize) -> EvaluatorError {
    failure(format!("A string is longer than {bytes_max} bytes"))
}
