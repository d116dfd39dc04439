//! Functions as AWS's calls name them: by name, by partial or by full ARN.

/// A function as somebody names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    pub name: String,
    /// `$LATEST`, a number or an alias.
    pub qualifier: Option<String>,
}

/// Why a text names no function here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAFunctionName {
    #[error("it is neither a function's name nor an ARN")]
    Malformed,
    #[error("the function is in another account or region")]
    Elsewhere,
    #[error("it has one qualifier, and another one was given beside it")]
    Contradicted,
}

const NAME_MAX: usize = 64;
const QUALIFIER_MAX: usize = 128;

impl FunctionName {
    /// Parses a name, a partial ARN (`ACCOUNT:function:NAME`, `function:NAME`) or an ARN, each with or without `:QUALIFIER`.
    ///
    /// # Errors
    /// The text names no function, or one of another account or region.
    pub fn parse(text: &str, region: &str, account: &str) -> Result<Self, NotAFunctionName> {
        let mut parts: Vec<&str> = text.split(':').collect();
        if parts.first() == Some(&"arn") {
            let [_, _, service, of_region, of_account, ..] = parts[..] else {
                return Err(NotAFunctionName::Malformed);
            };
            if service != "lambda" {
                return Err(NotAFunctionName::Malformed);
            }
            if of_region != region || of_account != account {
                return Err(NotAFunctionName::Elsewhere);
            }
            parts.drain(..5);
        } else if parts.len() > 2
            && parts
                .first()
                .is_some_and(|first| first.len() == 12 && first.bytes().all(|b| b.is_ascii_digit()))
        {
            if parts.first() != Some(&account) {
                return Err(NotAFunctionName::Elsewhere);
            }
            parts.drain(..1);
        }
        if parts.first() == Some(&"function") && parts.len() > 1 {
            parts.drain(..1);
        }
        let (name, qualifier) = match parts[..] {
            [name] => (name, None),
            [name, qualifier] => (name, Some(qualifier)),
            _ => return Err(NotAFunctionName::Malformed),
        };
        if !is_word(name, NAME_MAX) || qualifier.is_some_and(|qualifier| !is_qualifier(qualifier)) {
            return Err(NotAFunctionName::Malformed);
        }
        Ok(Self {
            name: name.to_owned(),
            qualifier: qualifier.map(str::to_owned),
        })
    }

    /// With a qualifier that was given beside the name, and must not say something else; an empty one says nothing.
    ///
    /// # Errors
    /// It is no qualifier, or the name has another one.
    pub fn qualified_by(mut self, qualifier: Option<&str>) -> Result<Self, NotAFunctionName> {
        let Some(qualifier) = qualifier.filter(|qualifier| !qualifier.is_empty()) else {
            return Ok(self);
        };
        if !is_qualifier(qualifier) {
            return Err(NotAFunctionName::Malformed);
        }
        let own = self.qualifier.as_deref();
        if own.is_some_and(|own| own != qualifier) {
            return Err(NotAFunctionName::Contradicted);
        }
        self.qualifier = Some(qualifier.to_owned());
        Ok(self)
    }
}

/// 1 to `max` characters of `[a-zA-Z0-9-_]`.
#[must_use]
pub fn is_word(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_qualifier(text: &str) -> bool {
    text == "$LATEST" || is_word(text, QUALIFIER_MAX)
}
