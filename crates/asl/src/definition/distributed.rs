//! What only distributed Map states have: readers, batchers, writers.

use std::sync::Arc;

use super::{Payload, Resource, Setting};

/// Reads the items from outside.
#[derive(Debug)]
pub struct ItemReader {
    /// What reads: `s3:getObject` or `s3:listObjectsV2`.
    pub resource: Resource,
    /// What is read: `Parameters` or `Arguments`.
    pub payload: Option<Payload>,
    /// How it is read.
    pub config: ReaderConfig,
}

/// How items are read.
#[derive(Debug, Default)]
pub struct ReaderConfig {
    /// What kind of data it is. Absent where objects are only listed.
    pub input_type: Option<InputType>,
    /// Where a CSV's column names are.
    pub csv_headers: Option<CsvHeaders>,
    /// What is between a CSV's columns.
    pub csv_delimiter: CsvDelimiter,
    /// What kind of manifest it is.
    pub manifest_type: Option<ManifestType>,
    /// What is done with listed objects.
    pub transformation: Option<Transformation>,
    /// The JSON pointer to the items in an object.
    pub items_pointer: Option<Setting<Arc<str>>>,
    /// At most so many items are read.
    pub max_items: Option<Setting<u64>>,
}

/// Kinds of data with items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputType {
    /// Comma-separated values.
    Csv,
    /// An array, or an object with an array inside.
    Json,
    /// A value in each line.
    Jsonl,
    /// Columns.
    Parquet,
    /// A list of files with items.
    Manifest,
}

/// Where a CSV's column names are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CsvHeaders {
    /// In its first row.
    FirstRow,
    /// Here.
    Given(Vec<Arc<str>>),
}

/// What is between a CSV's columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CsvDelimiter {
    /// `,`
    #[default]
    Comma,
    /// `|`
    Pipe,
    /// `;`
    Semicolon,
    /// One space.
    Space,
    /// One tab.
    Tab,
}

impl CsvDelimiter {
    /// The character.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            CsvDelimiter::Comma => b',',
            CsvDelimiter::Pipe => b'|',
            CsvDelimiter::Semicolon => b';',
            CsvDelimiter::Space => b' ',
            CsvDelimiter::Tab => b'\t',
        }
    }
}

/// Kinds of manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestType {
    /// What an S3 inventory writes.
    S3Inventory,
    /// What an Athena query writes.
    AthenaData,
}

/// What is done with listed objects, or with results before they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transformation {
    /// Nothing.
    None,
    /// Listed objects are loaded, and their items are the items.
    LoadAndFlatten,
    /// Only the outputs are written.
    Compact,
    /// Only the outputs are written, and arrays among them are joined.
    Flatten,
}

/// Gives several items to one iteration.
#[derive(Debug)]
pub struct ItemBatcher {
    /// How many items.
    pub max_items: Option<BatchLimit>,
    /// How many bytes.
    pub max_input_bytes: Option<BatchLimit>,
    /// What every batch gets beside its items: `BatchInput`.
    pub batch_input: Option<Payload>,
}

/// A limit of a batch.
pub type BatchLimit = Setting<u64>;

/// Writes the results outside.
#[derive(Debug)]
pub struct ResultWriter {
    /// What writes: `s3:putObject`. Absent: results are only transformed.
    pub resource: Option<Resource>,
    /// Where to: `Parameters` or `Arguments`.
    pub payload: Option<Payload>,
    /// In which form.
    pub config: WriterConfig,
}

/// The form of written results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterConfig {
    /// What is done with the results first.
    pub transformation: Transformation,
    /// How they are written.
    pub output_type: OutputType,
}

impl WriterConfig {
    /// Results as they are, in an array.
    pub const DEFAULT: WriterConfig = WriterConfig {
        transformation: Transformation::None,
        output_type: OutputType::Json,
    };
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputType {
    /// As an array.
    Json,
    /// Each in a line.
    Jsonl,
}
