use proptest::prelude::*;

use super::*;

/// Each file in `cases` has a twin `.expected`: the title, then the plain text.
#[test]
fn files_are_read_as_the_cases_say() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/document/cases");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(format) = Format::of(&name) else {
            continue;
        };
        let document = Document::parse(&name, format, std::fs::read_to_string(&path).unwrap());
        let expected = std::fs::read_to_string(format!("{}.expected", path.display())).unwrap();
        assert_eq!(
            format!("{}\n{}\n", document.title, document.text),
            expected,
            "{name}"
        );
        count += 1;
    }
    assert!(count >= 4);
}

#[test]
fn a_quotation_names_its_place_in_text_and_file() {
    let raw = "Title here\n\nOne two\n  three four.  Five six.";
    let document = Document::parse("a.txt", Format::Text, raw.to_owned());
    let quote = document.find("One two  three four.").unwrap();
    assert_eq!(quote.text, "One two three four.");
    assert_eq!(&document.text[quote.span[0]..quote.span[1]], quote.text);
    let [start, end] = quote.file_span.unwrap();
    assert_eq!(&raw[start..end], "One two\n  three four.");
    assert_eq!(document.find("One two three five."), None);
    assert_eq!(document.find(" "), None);
    let marked = Document::parse("a.md", Format::Markdown, "One *two* three.".to_owned());
    assert_eq!(marked.find("One two three.").unwrap().file_span, None);
}

#[test]
fn only_the_three_formats_are_read() {
    assert_eq!(Format::of("a/B.HTM"), Some(Format::Html));
    assert_eq!(Format::of("a.md"), Some(Format::Markdown));
    assert_eq!(Format::of("a.pdf"), None);
    assert_eq!(Format::of("md"), None);
}

proptest! {
    #[test]
    fn every_sentence_of_any_file_can_be_quoted(raw in "(?s)[a-z<>/&;#*`|.! \n-]{0,300}|.{0,200}") {
        for format in [Format::Text, Format::Markdown, Format::Html] {
            let document = Document::parse("x", format, raw.clone());
            for range in crate::language::sentences(&document.text) {
                let quote = document.quote(range.start, range.end).unwrap();
                if let Some([start, end]) = quote.file_span {
                    prop_assert_eq!(collapse(&raw[start..end]), quote.text);
                }
            }
        }
    }
}
