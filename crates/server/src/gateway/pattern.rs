//! Which route a method and a path take.

use std::collections::BTreeMap;

use hyper::Method;

use crate::options::Route;
use crate::query;

/// A route that fits, with what its braces took, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub route: &'a Route,
    pub parameters: BTreeMap<&'a str, String>,
}

/// The first route that fits.
pub(super) fn find<'a>(routes: &'a [Route], method: &Method, path: &str) -> Option<Found<'a>> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let fits = |route: &Route| route.method == "ANY" || route.method == method.as_str();
    routes.iter().filter(|route| fits(route)).find_map(|route| {
        Some(Found {
            parameters: parameters(&route.path, &segments)?,
            route,
        })
    })
}

fn parameters<'a>(pattern: &'a str, segments: &[&str]) -> Option<BTreeMap<&'a str, String>> {
    let mut found = BTreeMap::new();
    let mut left = segments.iter();
    for part in pattern.trim_matches('/').split('/') {
        match part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
        {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => {
                    let rest: Vec<&str> = left.by_ref().copied().collect();
                    if rest.is_empty() {
                        return None;
                    }
                    found.insert(name, query::decode(&rest.join("/"))?);
                }
                None => {
                    found.insert(
                        name,
                        query::decode(left.next().filter(|segment| !segment.is_empty())?)?,
                    );
                }
            },
            None if left.next() == Some(&part) => {}
            None => return None,
        }
    }
    left.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, path: &str, expected: Option<&[(&str, &str)]>) {
        let routes = [Route {
            method: "GET".to_owned(),
            path: pattern.to_owned(),
            function: "f".to_owned(),
        }];
        let found = find(&routes, &Method::GET, path).map(|found| found.parameters);
        let expected = expected.map(|pairs| {
            pairs
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect()
        });
        assert_eq!(found, expected, "{pattern} {path}");
    }

    #[test]
    fn patterns_take_whole_segments() {
        check("/workflows", "/workflows", Some(&[]));
        check("/workflows", "/workflows/", Some(&[]));
        check(
            "/workflows/{id}",
            "/workflows/a%2Fb",
            Some(&[("id", "a/b")]),
        );
        check("/workflows/{id}", "/workflows", None);
        check("/workflows/{id}", "/workflows/a/b", None);
        check(
            "/workflows/{id}/approve",
            "/workflows/7/approve",
            Some(&[("id", "7")]),
        );
        check("/files/{path+}", "/files/a/b", Some(&[("path", "a/b")]));
        check("/files/{path+}", "/files", None);
    }

    #[test]
    fn the_first_route_of_the_method_wins() {
        let route = |method: &str, function: &str| Route {
            method: method.to_owned(),
            path: "/x".to_owned(),
            function: function.to_owned(),
        };
        let routes = [route("POST", "a"), route("ANY", "b"), route("GET", "c")];
        let function =
            |method: Method| find(&routes, &method, "/x").map(|found| found.route.function.clone());
        assert_eq!(function(Method::POST).as_deref(), Some("a"));
        assert_eq!(function(Method::GET).as_deref(), Some("b"));
    }
}
