//! Numbers within their ranges.

use std::ops::RangeInclusive;

use super::Reader;
use super::fields::Object;
use super::place::Place;
use crate::document::{Data, Node};

impl<'t> Reader<'t> {
    pub(super) fn integer(
        &mut self,
        object: &Object<'_, 't>,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let node = object.get(name)?;
        self.integer_at(node, &object.place.field(name), range)
    }

    pub(super) fn integer_at(
        &mut self,
        node: &Node<'t>,
        place: &Place<'_>,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let digits = match node.data {
            Data::Number(number) => number.strip_prefix('-').unwrap_or(number),
            _ => "",
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.wrong_type(node, place, "Integer");
            return None;
        }
        let Data::Number(number) = node.data else {
            return None;
        };
        // What has too many digits is beyond every range.
        let value: i128 = number.parse().unwrap_or(if number.starts_with('-') {
            i128::MIN
        } else {
            i128::MAX
        });
        if value < i128::from(*range.start()) {
            self.error(node, place, format!("Minimum value is {}", range.start()));
            None
        } else if value > i128::from(*range.end()) {
            self.error(node, place, format!("Maximum value is {}", range.end()));
            None
        } else {
            u64::try_from(value).ok()
        }
    }

    pub(super) fn float_at(
        &mut self,
        node: &Node<'t>,
        place: &Place<'_>,
        range: RangeInclusive<f64>,
    ) -> Option<f64> {
        let number = match node.data {
            Data::Number(number) => number.parse::<f64>().ok(),
            _ => None,
        };
        match number {
            None => {
                self.wrong_type(node, place, "Float");
                None
            }
            Some(number) if number < *range.start() => {
                self.error(node, place, format!("Minimum value is {:?}", range.start()));
                None
            }
            Some(number) if number > *range.end() => {
                self.error(node, place, format!("Maximum value is {:?}", range.end()));
                None
            }
            Some(number) => Some(number),
        }
    }
}
