//! Readers, batchers and writers of distributed Map states.

use std::sync::Arc;

use super::Reader;
use super::fields::Object;
use crate::definition::{
    CsvDelimiter, CsvHeaders, InputType, ItemBatcher, ItemReader, ManifestType, OutputType,
    Payload, QueryLanguage, ReaderConfig, ResultWriter, Transformation, WriterConfig,
};

/// A reader reads at most so many items.
const ITEMS_MAX: u64 = 100_000_000;
/// A batch has at most so many bytes.
const BATCH_BYTES_MAX: u64 = 262_144;

impl<'t> Reader<'t> {
    pub(super) fn item_reader(
        &mut self,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Option<ItemReader> {
        let reader = self.object(object, "ItemReader")?;
        self.called_fields(&reader, "ReaderConfig", language);
        self.required(&reader, &["Resource"]);
        let resource = self.resource(&reader);
        let payload = self.called_payload(&reader, language);
        let config = match reader.get("ReaderConfig") {
            Some(_) => {
                let config = self.object(&reader, "ReaderConfig")?;
                self.reader_config(&config, language)
            }
            None => ReaderConfig::default(),
        };
        Some(ItemReader {
            resource: resource?,
            payload,
            config,
        })
    }

    /// The fields of what is called like a task: a resource, what it gets, and how.
    fn called_fields(&mut self, object: &Object<'_, 't>, config: &str, language: QueryLanguage) {
        let (own, other) = match language {
            QueryLanguage::JsonPath => ("Parameters", "Arguments"),
            QueryLanguage::Jsonata => ("Arguments", "Parameters"),
        };
        self.fields_of_language(
            object,
            &["Comment", "Resource", config, own],
            &[other],
            language,
        );
    }

    fn called_payload(
        &mut self,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Option<Payload> {
        let name = match language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        self.payload(object, name, language)
    }

    fn reader_config(&mut self, config: &Object<'_, 't>, language: QueryLanguage) -> ReaderConfig {
        const INPUTS: [(&str, InputType); 5] = [
            ("CSV", InputType::Csv),
            ("JSON", InputType::Json),
            ("JSONL", InputType::Jsonl),
            ("PARQUET", InputType::Parquet),
            ("MANIFEST", InputType::Manifest),
        ];
        const DELIMITERS: [(&str, CsvDelimiter); 5] = [
            ("COMMA", CsvDelimiter::Comma),
            ("PIPE", CsvDelimiter::Pipe),
            ("SEMICOLON", CsvDelimiter::Semicolon),
            ("SPACE", CsvDelimiter::Space),
            ("TAB", CsvDelimiter::Tab),
        ];
        const MANIFESTS: [(&str, ManifestType); 2] = [
            ("S3_INVENTORY", ManifestType::S3Inventory),
            ("ATHENA_DATA", ManifestType::AthenaData),
        ];
        const TRANSFORMATIONS: [(&str, Transformation); 2] = [
            ("NONE", Transformation::None),
            ("LOAD_AND_FLATTEN", Transformation::LoadAndFlatten),
        ];
        const KNOWN: &[&str] = &[
            "InputType",
            "CSVHeaderLocation",
            "CSVHeaders",
            "CSVDelimiter",
            "ManifestType",
            "Transformation",
            "ItemsPointer",
            "MaxItems",
            "MaxItemsPath",
        ];
        let known = match language {
            QueryLanguage::JsonPath => KNOWN,
            QueryLanguage::Jsonata => KNOWN.split_last().map_or(KNOWN, |(_, known)| known),
        };
        self.fields_of_language(config, known, &["MaxItemsPath"], language);
        ReaderConfig {
            input_type: self.one_of(config, "InputType", &INPUTS),
            csv_headers: self.csv_headers(config),
            csv_delimiter: self
                .one_of(config, "CSVDelimiter", &DELIMITERS)
                .unwrap_or_default(),
            manifest_type: self.one_of(config, "ManifestType", &MANIFESTS),
            transformation: self.one_of(config, "Transformation", &TRANSFORMATIONS),
            items_pointer: self.text_setting(
                config,
                ["ItemsPointer", "ItemsPointerPath"],
                language,
            ),
            max_items: self.integer_setting(
                config,
                ["MaxItems", "MaxItemsPath"],
                language,
                0..=ITEMS_MAX,
            ),
        }
    }

    fn csv_headers(&mut self, config: &Object<'_, 't>) -> Option<CsvHeaders> {
        const LOCATIONS: [(&str, bool); 2] = [("FIRST_ROW", false), ("GIVEN", true)];
        let is_given = self.one_of(config, "CSVHeaderLocation", &LOCATIONS)?;
        if !is_given {
            return Some(CsvHeaders::FirstRow);
        }
        self.required(config, &["CSVHeaders"]);
        let items = self.array(config, "CSVHeaders")?;
        let list = config.place.field("CSVHeaders");
        let mut headers: Vec<Arc<str>> = Vec::new();
        for (index, node) in items.iter().enumerate() {
            match node.text() {
                Some(header) => headers.push(Arc::from(header)),
                None => self.wrong_type(node, &list.item(index), "String"),
            }
        }
        Some(CsvHeaders::Given(headers))
    }

    pub(super) fn item_batcher(
        &mut self,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Option<ItemBatcher> {
        const PATHS: [&str; 2] = ["MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath"];
        let batcher = self.object(object, "ItemBatcher")?;
        let mut known = vec!["MaxItemsPerBatch", "MaxInputBytesPerBatch", "BatchInput"];
        if language == QueryLanguage::JsonPath {
            known.extend(PATHS);
        }
        self.fields_of_language(&batcher, &known, &PATHS, language);
        let max_items = self.integer_setting(
            &batcher,
            ["MaxItemsPerBatch", "MaxItemsPerBatchPath"],
            language,
            0..=ITEMS_MAX,
        );
        let max_input_bytes = self.integer_setting(
            &batcher,
            ["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"],
            language,
            0..=BATCH_BYTES_MAX,
        );
        if !batcher
            .members
            .iter()
            .any(|member| member.name.starts_with("Max"))
        {
            self.error(
                batcher.node,
                &batcher.place,
                "One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]",
            );
        }
        Some(ItemBatcher {
            max_items,
            max_input_bytes,
            batch_input: self.payload(&batcher, "BatchInput", language),
        })
    }

    pub(super) fn result_writer(
        &mut self,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Option<ResultWriter> {
        let writer = self.object(object, "ResultWriter")?;
        self.called_fields(&writer, "WriterConfig", language);
        if writer.members.is_empty() {
            self.required(&writer, &["Resource"]);
        }
        let resource = self.resource(&writer);
        let payload = self.called_payload(&writer, language);
        let config = match writer.get("WriterConfig") {
            Some(_) => {
                let config = self.object(&writer, "WriterConfig")?;
                self.writer_config(&config)
            }
            None => WriterConfig::DEFAULT,
        };
        Some(ResultWriter {
            resource,
            payload,
            config,
        })
    }

    fn writer_config(&mut self, config: &Object<'_, 't>) -> WriterConfig {
        const TRANSFORMATIONS: [(&str, Transformation); 3] = [
            ("NONE", Transformation::None),
            ("COMPACT", Transformation::Compact),
            ("FLATTEN", Transformation::Flatten),
        ];
        const OUTPUTS: [(&str, OutputType); 2] =
            [("JSON", OutputType::Json), ("JSONL", OutputType::Jsonl)];
        self.known_fields(config, &["Transformation", "OutputType"]);
        let default = WriterConfig::DEFAULT;
        WriterConfig {
            transformation: self
                .one_of(config, "Transformation", &TRANSFORMATIONS)
                .unwrap_or(default.transformation),
            output_type: self
                .one_of(config, "OutputType", &OUTPUTS)
                .unwrap_or(default.output_type),
        }
    }
}
