//! How much an evaluation may do. A short path can name the same values a million times, and nobody waits for that.

/// Steps that one expression may take: about the values it looks at. A payload of the service's size needs a few ten thousand.
pub(crate) const EXPRESSION_STEPS_MAX: usize = 1_000_000;

/// Steps of all expressions of one template together.
pub(crate) const TEMPLATE_STEPS_MAX: usize = 10_000_000;

/// The steps that are left.
#[derive(Debug)]
pub(crate) struct Work {
    left: usize,
}

/// No steps are left.
#[derive(Debug)]
pub(crate) struct UsedUp;

impl Work {
    pub fn new(steps: usize) -> Self {
        Self { left: steps }
    }

    pub fn charge(&mut self, steps: usize) -> Result<(), UsedUp> {
        self.left = self.left.checked_sub(steps).ok_or(UsedUp)?;
        Ok(())
    }

    /// Does something with no more than so many of the steps.
    pub fn limited<T>(&mut self, steps: usize, act: impl FnOnce(&mut Self) -> T) -> T {
        let given = steps.min(self.left);
        let mut part = Self::new(given);
        let result = act(&mut part);
        self.left -= given - part.left;
        result
    }
}
