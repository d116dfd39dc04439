//! Where in a definition something is, as the service writes it: `/States/Wait/Choices[0]/Next`.

use std::fmt;

/// A place, known by the way to it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'p> {
    Root,
    Field(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl<'p> Place<'p> {
    pub fn field(&'p self, name: &'p str) -> Place<'p> {
        Place::Field(self, name)
    }

    pub fn item(&'p self, index: usize) -> Place<'p> {
        Place::Item(self, index)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Field(parent, name) => {
                parent.write(f)?;
                write!(f, "/{name}")
            }
            Place::Item(parent, index) => {
                parent.write(f)?;
                write!(f, "[{index}]")
            }
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => f.write_str("/"),
            Place::Field(..) | Place::Item(..) => self.write(f),
        }
    }
}
