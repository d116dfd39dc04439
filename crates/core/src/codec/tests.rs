use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn what_is_written_is_read(a: u64, b: u32, c: bool, text in "\\PC{0,30}", list: Vec<u64>, maybe: Option<u16>) {
        let mut writer = Writer::versioned();
        writer.u64(a);
        writer.u32(b);
        writer.bool(c);
        writer.str(&text);
        writer.list(&list, |w, v| w.u64(*v));
        writer.option(maybe.as_ref(), |w, v| w.u16(*v));
        let bytes = writer.finish();
        let mut reader = Reader::versioned(&bytes).unwrap();
        prop_assert_eq!(reader.u64(), Ok(a));
        prop_assert_eq!(reader.u32(), Ok(b));
        prop_assert_eq!(reader.bool(), Ok(c));
        prop_assert_eq!(reader.str(), Ok(text));
        prop_assert_eq!(reader.list(Reader::u64), Ok(list));
        prop_assert_eq!(reader.option(Reader::u16), Ok(maybe));
        prop_assert!(reader.is_empty());
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes: Vec<u8>) {
        let mut reader = Reader::new(&bytes);
        while !reader.is_empty() && reader.list(|r| r.bytes()).is_ok() {}
        let mut reader = Reader::new(&bytes);
        while !reader.is_empty() && reader.u64().is_ok() {}
    }
}

#[test]
fn a_newer_format_is_named() {
    assert_eq!(
        Reader::versioned(&[FORMAT + 1, 0]).unwrap_err(),
        Corrupt::Newer { found: FORMAT + 1 }
    );
}
