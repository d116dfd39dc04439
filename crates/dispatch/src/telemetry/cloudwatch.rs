//! Figures, as custom metrics of CloudWatch, through AWS's own client.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::DisplayErrorContext;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};

use crate::notify::Account;

/// One metric's figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    pub name: &'static str,
    pub measured: Measured,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// How often something happened since the figures before.
    Count(f64),
    /// How many there are.
    Level(f64),
    /// Seconds, each with how often it took so long: CloudWatch makes percentiles of them.
    Seconds(Vec<(f64, f64)>),
}

/// A namespace of metrics.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    client: Client,
    namespace: String,
    dimensions: Vec<Dimension>,
}

impl CloudWatch {
    /// `dimensions` are told with every figure.
    pub async fn open(
        namespace: String,
        account: &Account,
        dimensions: &[(String, String)],
    ) -> Self {
        let dimensions = dimensions
            .iter()
            .map(|(name, value)| Dimension::builder().name(name).value(value).build());
        Self {
            client: Client::new(&account.load().await),
            namespace,
            dimensions: dimensions.collect(),
        }
    }

    /// Sends figures; those that don't arrive are gone, the next ones are on their way soon.
    ///
    /// # Errors
    /// Why they did not arrive.
    pub async fn put(&self, data: &[Datum]) -> Result<(), String> {
        let data = data.iter().filter_map(|datum| self.datum(datum));
        let put = self.client.put_metric_data().namespace(&self.namespace);
        let put = put.set_metric_data(Some(data.collect()));
        put.send()
            .await
            .map(drop)
            .map_err(|error| DisplayErrorContext(error).to_string())
    }

    fn datum(&self, datum: &Datum) -> Option<MetricDatum> {
        let built = MetricDatum::builder()
            .metric_name(datum.name)
            .set_dimensions(Some(self.dimensions.clone()));
        Some(match &datum.measured {
            Measured::Count(count) => built.unit(StandardUnit::Count).value(*count).build(),
            Measured::Level(level) => built.unit(StandardUnit::None).value(*level).build(),
            // CloudWatch refuses a figure of nothing.
            Measured::Seconds(seconds) if seconds.is_empty() => return None,
            Measured::Seconds(seconds) => {
                let (values, counts) = seconds.iter().copied().unzip();
                built
                    .unit(StandardUnit::Seconds)
                    .set_values(Some(values))
                    .set_counts(Some(counts))
                    .build()
            }
        })
    }
}
