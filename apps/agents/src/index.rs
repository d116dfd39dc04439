//! A full-text index over the sentences of a corpus, in memory.

use std::ops::Range;

use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{
    Field, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::{Index, TantivyDocument, Term};

use crate::corpus::Corpus;
use crate::language;

const WRITER_BYTES: usize = 64 * 1024 * 1024;
const TOKENIZER: &str = "everstep";
/// What a topic word in the title of a source is worth, against one in the sentence itself.
const TITLE_WEIGHT: f32 = 0.4;

/// The index could not be built or asked; in memory this is a defect of the library or lack of memory.
#[derive(Debug, thiserror::Error)]
#[error("full-text index: {0}")]
pub struct Error(#[from] tantivy::TantivyError);

/// One sentence of the corpus.
#[derive(Debug, Clone)]
pub struct Sentence {
    /// Place of the document in [`Corpus::documents`].
    pub document: usize,
    pub range: Range<usize>,
    pub text: String,
    pub stems: Vec<String>,
}

/// A sentence that answers a query, with its BM25 score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Place in [`SentenceIndex::sentences`].
    pub sentence: usize,
    pub score: f32,
}

/// Every sentence of a corpus, and the index over them.
pub struct SentenceIndex {
    pub sentences: Vec<Sentence>,
    index: Index,
    number: Field,
    body: Field,
    title: Field,
}

impl SentenceIndex {
    /// Indexes the documents of `corpus` whose places are in `documents`.
    ///
    /// # Errors
    /// When the library fails.
    pub fn build(corpus: &Corpus, documents: &[usize]) -> Result<Self, Error> {
        let mut schema = Schema::builder();
        let options = TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer(TOKENIZER)
                .set_index_option(IndexRecordOption::WithFreqs),
        );
        let number = schema.add_u64_field("number", STORED);
        let body = schema.add_text_field("body", options.clone());
        let title = schema.add_text_field("title", options);
        let mut builder = Index::builder().schema(schema.build());
        let tokenizers = tantivy::tokenizer::TokenizerManager::default();
        tokenizers.register(TOKENIZER, language::analyzer());
        builder = builder.tokenizers(tokenizers);
        let mut writer = builder.single_segment_index_writer::<TantivyDocument>(
            tantivy::directory::RamDirectory::create(),
            WRITER_BYTES,
        )?;
        let sentences = sentences_of(corpus, documents);
        for (place, sentence) in sentences.iter().enumerate() {
            let mut row = TantivyDocument::default();
            row.add_u64(number, place as u64);
            row.add_text(body, &sentence.text);
            if let Some(document) = corpus.documents.get(sentence.document) {
                row.add_text(title, &document.title);
            }
            writer.add_document(row)?;
        }
        let index = writer.finalize()?;
        Ok(Self {
            sentences,
            index,
            number,
            body,
            title,
        })
    }

    /// The best `limit` sentences for the weighted stems, best first; equal scores in the order of the corpus.
    ///
    /// # Errors
    /// When the library fails.
    pub fn search(&self, stems: &[(String, f32)], limit: usize) -> Result<Vec<Hit>, Error> {
        if stems.is_empty() || limit == 0 || self.sentences.is_empty() {
            return Ok(Vec::new());
        }
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for (stem, weight) in stems {
            for (field, field_weight) in [(self.body, 1.0), (self.title, TITLE_WEIGHT)] {
                let term = Term::from_field_text(field, stem);
                let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
                clauses.push((
                    Occur::Should,
                    Box::new(BoostQuery::new(Box::new(query), weight * field_weight)),
                ));
            }
        }
        let searcher = self.index.reader()?.searcher();
        let found = searcher.search(
            &BooleanQuery::new(clauses),
            &TopDocs::with_limit(limit).order_by_score(),
        )?;
        let mut hits = Vec::with_capacity(found.len());
        for (score, address) in found {
            let row: TantivyDocument = searcher.doc(address)?;
            let place = row.get_first(self.number).and_then(|value| value.as_u64());
            if let Some(sentence) = place.and_then(|place| usize::try_from(place).ok()) {
                hits.push(Hit { sentence, score });
            }
        }
        hits.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then(a.sentence.cmp(&b.sentence))
        });
        Ok(hits)
    }

    /// Whether any sentence or title holds the stem.
    ///
    /// # Errors
    /// When the library fails.
    pub fn knows(&self, stem: &str) -> Result<bool, Error> {
        let hits = self.search(&[(stem.to_owned(), 1.0)], 1)?;
        Ok(!hits.is_empty())
    }
}

fn sentences_of(corpus: &Corpus, documents: &[usize]) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    for &place in documents {
        let Some(document) = corpus.documents.get(place) else {
            continue;
        };
        for range in language::sentences(&document.text) {
            let text = document.text.get(range.clone()).unwrap_or_default();
            sentences.push(Sentence {
                document: place,
                text: text.to_owned(),
                stems: language::content_stems(text),
                range,
            });
        }
    }
    sentences
}
