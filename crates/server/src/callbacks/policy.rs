//! What is asked of those who answer callbacks, as the operator set it.

/// How callbacks are taken.
#[derive(Clone, Debug)]
pub struct Callbacks {
    /// `Access-Control-Allow-Origin` of every answer in the seeds' shape.
    pub cors_origin: String,
}

impl Default for Callbacks {
    fn default() -> Self {
        Self {
            cors_origin: "*".to_owned(),
        }
    }
}
