//! Log groups and the names of their files.

const LAMBDA: &str = "/aws/lambda/";
/// What stands before the name of a group that is no function's.
const OTHER: char = '+';
/// Leaves room for a number and an ending below what file systems take.
const STEM_BYTES_MAX: usize = 200;

/// The log group of a function: `/aws/lambda/NAME`.
#[must_use]
pub fn function_group(function: &str) -> String {
    format!("{LAMBDA}{function}")
}

/// A group's name, out of itself or its ARN, which may end with `:*`.
#[must_use]
pub fn group_name(given: &str) -> &str {
    let name = given
        .split_once(":log-group:")
        .map_or(given, |(_, name)| name);
    name.strip_suffix(":*").unwrap_or(name)
}

/// AWS's alphabet of group names.
#[must_use]
pub fn is_group_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
    (1..=512).contains(&name.len()) && name.bytes().all(fits)
}

/// What the files of a group are called: a function's have its name, others a `+` and their name, whose marks are escaped. `None` for what can't be
/// the name of a group, or not of one that is kept here.
pub(crate) fn stem(group: &str) -> Option<String> {
    if !is_group_name(group) {
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if let Some(function) = group.strip_prefix(LAMBDA)
        && !function.is_empty()
        && function.bytes().all(plain)
    {
        return Some(function.to_owned()).filter(|stem| stem.len() <= STEM_BYTES_MAX);
    }
    let mut stem = String::from(OTHER);
    for byte in group.bytes() {
        if plain(byte) {
            stem.push(char::from(byte));
        } else {
            stem.push_str(&format!("%{byte:02x}"));
        }
    }
    Some(stem).filter(|stem| stem.len() <= STEM_BYTES_MAX)
}

/// The group whose files are called so.
pub(crate) fn group(stem: &str) -> Option<String> {
    let Some(escaped) = stem.strip_prefix(OTHER) else {
        let group = function_group(stem);
        return self::stem(&group)
            .is_some_and(|made| made == stem)
            .then_some(group);
    };
    let mut pieces = escaped.split('%');
    let mut group = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        group.push(char::from(u8::from_str_radix(code, 16).ok()?));
        group.push_str(rest);
    }
    is_group_name(&group).then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_stands_in_its_arn() {
        for (arn, expected) in [
            (
                "arn:aws:logs:us-east-1:000000000000:log-group:/aws/states/a:*",
                "/aws/states/a",
            ),
            ("arn:aws:logs:us-east-1:000000000000:log-group:a", "a"),
            ("a", "a"),
        ] {
            assert_eq!(group_name(arn), expected);
        }
    }

    #[test]
    fn a_group_and_its_stem_lead_to_each_other() {
        for (name, files) in [
            ("/aws/lambda/my-function_1", "my-function_1"),
            ("/aws/lambda/a/b", "+%2faws%2flambda%2fa%2fb"),
            ("/aws/lambda/", "+%2faws%2flambda%2f"),
            ("plain", "+plain"),
            ("a.b#c", "+a%2eb%23c"),
        ] {
            assert_eq!(stem(name).as_deref(), Some(files));
            assert_eq!(group(files).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_name_never_leaves_the_folder() {
        for name in ["", "a b", "ü", "a\0", "a:b"] {
            assert_eq!(stem(name), None, "{name}");
        }
        assert_eq!(
            stem("/aws/lambda/../../etc").as_deref(),
            Some("+%2faws%2flambda%2f%2e%2e%2f%2e%2e%2fetc")
        );
        assert_eq!(stem(&"a".repeat(300)), None);
        assert_eq!(group("a.b"), None);
    }
}
