//! The fuzz corpus, and texts made from it by a fixed generator, so that the fuzz targets' promises are held on stable too.

use super::{files, invariants, root};

#[test]
fn the_corpus_is_replayed() {
    let corpus = texts();
    assert!(corpus.len() >= 60, "only {} texts were found", corpus.len());
    corpus.iter().for_each(|text| invariants::all(text));
}

#[test]
fn mutated_sources_break_nothing() {
    let corpus = texts();
    let rounds = std::env::var("EVERSTEP_FUZZ_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(1500);
    let mut random = Random(
        std::env::var("EVERSTEP_FUZZ_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or(7),
    );
    for _ in 0..rounds {
        invariants::all(&random.mutated(&corpus));
    }
}

/// The corpus, the case files and the examples.
fn texts() -> Vec<String> {
    let folders = [
        "fuzz/corpus",
        "crates/afl/tests/cases",
        "examples/aws-lambda/afl",
    ];
    let all = folders
        .iter()
        .flat_map(|folder| files(&root().join(folder)));
    let sources = all.filter(|path| {
        path.extension()
            .is_none_or(|suffix| suffix == "afl" || suffix == "ffl")
    });
    sources
        .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned())
        .collect()
}

/// A small generator of its own: the same seed gives the same texts everywhere.
struct Random(u64);

const PIECES: [&str; 40] = [
    "\n",
    "\n",
    " ",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "#{",
    ",",
    ":",
    ";",
    ".",
    "=",
    "=>",
    "==",
    "++",
    "+",
    "-",
    "!",
    "&&",
    "\"",
    "\\",
    "/** d */",
    "// c\n",
    "/* b */",
    "$.",
    "$.a",
    "andThen ",
    "foreach x in $.a ",
    "when {",
    "case _ => ",
    "catch ",
    "yield ",
    "with ",
    " as m",
    "script {",
    "prompt {",
    "ü😀",
];

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    fn cut(&mut self, text: &str) -> usize {
        text.floor_char_boundary(self.next(text.len() + 1))
    }

    fn mutated(&mut self, corpus: &[String]) -> String {
        let mut text = corpus[self.next(corpus.len())].clone();
        if text.len() > 3000 {
            let start = self.cut(&text[..text.len() - 2000]);
            text = text[start..text.floor_char_boundary(start + 2000)].to_owned();
        }
        for _ in 0..=self.next(4) {
            let at = self.cut(&text);
            match self.next(4) {
                0 => {
                    let piece = PIECES[self.next(PIECES.len())];
                    text.insert_str(at, piece);
                }
                1 => {
                    let end = text.ceil_char_boundary((at + 1 + self.next(12)).min(text.len()));
                    text.replace_range(at..end, "");
                }
                2 => {
                    let other = &corpus[self.next(corpus.len())];
                    let from = self.cut(other);
                    let to = other.ceil_char_boundary((from + self.next(80)).min(other.len()));
                    text.insert_str(at, &other[from..to]);
                }
                _ => {
                    let end = text.ceil_char_boundary((at + self.next(60)).min(text.len()));
                    let piece = text[at..end].to_owned();
                    let to = self.cut(&text);
                    text.insert_str(to, &piece);
                }
            }
        }
        text
    }
}
