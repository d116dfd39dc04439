//! Patterns over the words of a line: `[ip, user, ..., status = 4*, bytes > 1000]`.

use super::Error;
use super::condition::Comparison;
use super::text::Text;

#[derive(Clone, Debug)]
pub(super) struct Words {
    before: Vec<Word>,
    /// Behind `...`, which stands for any number of words.
    after: Option<Vec<Word>>,
}

/// Alternatives, each of comparisons that all have to hold; none is any word.
#[derive(Clone, Debug, Default)]
struct Word(Vec<Vec<Comparison>>);

impl Words {
    pub(super) fn parse(text: &mut Text<'_>) -> Result<Words, Error> {
        let mut words = Words {
            before: Vec::new(),
            after: None,
        };
        loop {
            if text.take("...") {
                if words.after.replace(Vec::new()).is_some() {
                    return Err(text.error("a second ... ends"));
                }
            } else {
                let word = word(text)?;
                words.after.as_mut().unwrap_or(&mut words.before).push(word);
            }
            if text.take("]") {
                return Ok(words);
            }
            text.expect(',', "a comma or a closing bracket is missing")?;
        }
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let found = split(message);
        let fit = |words: &[Word], found: &[&str]| {
            words.len() == found.len()
                && words
                    .iter()
                    .zip(found)
                    .all(|(word, found)| word.fits(found))
        };
        match &self.after {
            None => fit(&self.before, &found),
            Some(after) => {
                let end = found.len().checked_sub(after.len());
                let begins = found.get(..self.before.len());
                end.filter(|end| *end >= self.before.len())
                    .and_then(|end| begins.zip(found.get(end..)))
                    .is_some_and(|(first, last)| fit(&self.before, first) && fit(after, last))
            }
        }
    }
}

fn word(text: &mut Text<'_>) -> Result<Word, Error> {
    let mut alternatives = Vec::new();
    let mut together = Vec::new();
    loop {
        text.skip_spaces();
        // Names are for people: a word is known by its place.
        text.plain(|c| c.is_whitespace() || ",]=!<>&|".contains(c));
        let ends = |c: char| c.is_whitespace() || ",]&|".contains(c);
        match Comparison::parse(text, ends)? {
            Some(comparison) => together.push(comparison),
            None => return Ok(Word::default()),
        }
        if text.take("||") {
            alternatives.push(std::mem::take(&mut together));
        } else if !text.take("&&") {
            alternatives.push(together);
            return Ok(Word(alternatives));
        }
    }
}

impl Word {
    fn fits(&self, found: &str) -> bool {
        let holds = |all: &Vec<Comparison>| all.iter().all(|one| one.fits_word(found));
        self.0.is_empty() || self.0.iter().any(holds)
    }
}

/// The words of a line; what stands between quotation marks or brackets is one.
fn split(message: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = message.trim_start();
    while !rest.is_empty() {
        let close = match rest.chars().next() {
            Some('"') => Some('"'),
            Some('[') => Some(']'),
            _ => None,
        };
        let inside = close.and_then(|close| rest.get(1..)?.split_once(close));
        let (word, behind) = match inside {
            Some(found) => found,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word);
        rest = behind.trim_start();
    }
    words
}
