pub mod analyse;
pub mod corpus;
pub mod document;
pub mod figures;
pub mod index;
pub mod language;
pub mod payload;
pub mod research;
