//! What TestState answers.

use everstep_asl::machine::flow::Point;
use everstep_asl::test_state::{ErrorDetails, HttpRequest, HttpResponse, Inspection, Report};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReportWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inspection_data: Option<InspectionWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_state: Option<&'a str>,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InspectionWire<'a> {
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_arguments: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_input_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_parameters: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_result_selector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_result_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ResponseWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<DetailsWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_items_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_item_selector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_item_batcher: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_items_pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tolerated_failure_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tolerated_failure_percentage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_concurrency: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DetailsWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    catch_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_backoff_interval_seconds: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestWire<'a> {
    protocol: &'a str,
    method: &'a str,
    url: &'a str,
    headers: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseWire<'a> {
    protocol: &'a str,
    status_code: &'a str,
    status_message: &'a str,
    headers: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}

pub(super) fn shown(report: &Report) -> ReportWire<'_> {
    let inspection = report.inspection.as_ref();
    ReportWire {
        output: report.output.as_ref().map(|output| report.text(output)),
        error: report.failure.error.as_deref(),
        cause: report.failure.cause.as_deref(),
        inspection_data: inspection.map(|inspection| inspected(report, inspection)),
        next_state: report.next_state.as_deref(),
        status: report.status.as_str(),
    }
}

fn inspected<'a>(report: &'a Report, inspection: &'a Inspection) -> InspectionWire<'a> {
    let text = |data: Option<&_>| data.map(|data| report.text(data));
    let passed = |point| text(inspection.passed.get(&point));
    InspectionWire {
        input: report.text(&inspection.input),
        after_arguments: passed(Point::Arguments),
        after_input_path: passed(Point::InputPath),
        after_parameters: passed(Point::Parameters),
        result: text(inspection.result.as_ref()),
        after_result_selector: passed(Point::ResultSelector),
        after_result_path: passed(Point::ResultPath),
        request: inspection.request.as_ref().map(request),
        response: inspection.response.as_ref().map(response),
        variables: text(inspection.variables.as_ref()),
        error_details: inspection.error.map(details),
        after_items_path: passed(Point::ItemsPath),
        after_item_selector: text(inspection.after_item_selector.as_ref()),
        after_item_batcher: text(inspection.after_item_batcher.as_ref()),
        after_items_pointer: text(inspection.after_items_pointer.as_ref()),
        tolerated_failure_count: inspection.tolerated_failure_count,
        tolerated_failure_percentage: inspection.tolerated_failure_percentage,
        max_concurrency: inspection.max_concurrency,
    }
}

const fn details(error: ErrorDetails) -> DetailsWire {
    DetailsWire {
        catch_index: error.catch_index,
        retry_index: error.retry_index,
        retry_backoff_interval_seconds: error.retry_backoff_interval_seconds,
    }
}

fn request(request: &HttpRequest) -> RequestWire<'_> {
    RequestWire {
        protocol: &request.protocol,
        method: &request.method,
        url: &request.url,
        headers: &request.headers,
        body: request.body.as_deref(),
    }
}

fn response(response: &HttpResponse) -> ResponseWire<'_> {
    ResponseWire {
        protocol: &response.protocol,
        status_code: &response.status_code,
        status_message: &response.status_message,
        headers: &response.headers,
        body: response.body.as_deref(),
    }
}
