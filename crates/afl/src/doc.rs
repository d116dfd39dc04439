//! Doc comments: `/** description, @param name text, @return name text */`.

/// What a doc comment says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Doc {
    /// The text without tags, lines kept.
    pub description: String,
    /// `@param` tags: name and text.
    pub params: Vec<(String, String)>,
    /// `@return` and `@returns` tags: name and text.
    pub returns: Vec<(String, String)>,
}

/// Reads the text of a doc comment, delimiters included.
#[must_use]
pub fn read(comment: &str) -> Doc {
    let mut doc = Doc::default();
    let mut description: Vec<&str> = Vec::new();
    for line in lines(comment) {
        match tag(line) {
            Some((true, name, text)) => doc.params.push((name.to_owned(), text.to_owned())),
            Some((false, name, text)) => doc.returns.push((name.to_owned(), text.to_owned())),
            None => description.push(line),
        }
    }
    doc.description = description.join("\n").trim().to_owned();
    doc
}

/// The lines of a doc comment without delimiters, indentation and leading stars.
pub fn lines(comment: &str) -> impl Iterator<Item = &str> {
    let inner = comment.strip_prefix("/**").unwrap_or(comment);
    let inner = inner.strip_suffix("*/").unwrap_or(inner);
    inner.split('\n').map(|line| {
        let line = line.trim();
        line.strip_prefix('*')
            .map_or(line, |rest| rest.strip_prefix(' ').unwrap_or(rest))
    })
}

/// A tag line as (is it a parameter, name, text).
fn tag(line: &str) -> Option<(bool, &str, &str)> {
    let rest = line.strip_prefix('@')?;
    let word = rest.split(char::is_whitespace).next()?;
    let is_param = match word {
        "param" => true,
        "return" | "returns" => false,
        _ => return None,
    };
    let rest = rest.get(word.len()..)?.trim_start();
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    let (name, text) = rest.split_at_checked(end)?;
    let described = text.starts_with(char::is_whitespace);
    (!name.is_empty() && described).then(|| (is_param, name, text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_from_text() {
        let doc =
            read("/**\n * Adds.\n *\n * @param a  first\n * @returns sum the sum\n * @param\n */");
        assert_eq!(doc.description, "Adds.\n\n@param");
        assert_eq!(doc.params, [("a".to_owned(), "first".to_owned())]);
        assert_eq!(doc.returns, [("sum".to_owned(), "the sum".to_owned())]);
    }
}
