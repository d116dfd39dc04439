//! Machine 2: the Amazon States Language.

pub mod machine;
