use serde::Deserialize;
use serde_json::json;

use super::{Client, quoted_passages};
use crate::analyse::Analysis;
use crate::research::Findings;

const ROLE: &str = "You are a careful analyst. You are given numbered evidence and computed insights, each with the numbers of its \
    evidence. Answer one JSON object {\"summary\": string, \"insights\": [{\"place\": integer, \"insight\": string}]} that phrases \
    the insight at each place (counted from 0) in one or two sentences. Use only the evidence. Put nothing between quotation \
    marks that is not copied word for word from it.";

#[derive(Deserialize)]
struct Answer {
    summary: String,
    insights: Vec<AnsweredInsight>,
}

#[derive(Deserialize)]
struct AnsweredInsight {
    place: usize,
    insight: String,
}

/// Lets the model phrase the summary and the insights; figures, contradictions and gaps stay computed.
pub(crate) async fn refine(model: &Client, findings: &Findings, analysis: &mut Analysis) {
    let outcome = try_refine(model, findings, analysis).await;
    model.note_into(&mut analysis.metadata, &outcome);
}

async fn try_refine(
    model: &Client,
    findings: &Findings,
    analysis: &mut Analysis,
) -> Result<usize, String> {
    if analysis.key_insights.is_empty() {
        return Err("there is nothing to ask about".to_owned());
    }
    let evidence: Vec<_> = analysis
        .evidence
        .iter()
        .map(|item| json!({"n": item.n, "sentence": item.quote.text}))
        .collect();
    let insights: Vec<_> = analysis
        .key_insights
        .iter()
        .map(|item| json!({"insight": item.insight, "evidence": item.evidence}))
        .collect();
    let question = json!({
        "topic": analysis.topic, "evidence": evidence, "insights": insights,
        "summary": analysis.summary, "research_summary": findings.executive_summary,
    });
    let answer: Answer = model.ask(ROLE, &question).await?;
    let is_honest = |text: &str| {
        !text.trim().is_empty()
            && quoted_passages(text).iter().all(|passage| {
                analysis
                    .evidence
                    .iter()
                    .any(|item| item.quote.text.contains(passage))
            })
    };
    let answered = answer.insights.len() + 1;
    let mut accepted: Vec<(usize, String)> = answer
        .insights
        .into_iter()
        .filter(|item| item.place < analysis.key_insights.len() && is_honest(&item.insight))
        .map(|item| (item.place, item.insight))
        .collect();
    let summary = Some(answer.summary).filter(|text| is_honest(text));
    let kept = accepted.len() + usize::from(summary.is_some());
    if kept == 0 {
        return Err(format!(
            "none of its {answered} texts keeps to the evidence"
        ));
    }
    for (place, text) in accepted.drain(..) {
        if let Some(insight) = analysis.key_insights.get_mut(place) {
            insight.insight = text;
        }
    }
    if let Some(summary) = summary {
        analysis.summary = summary;
    }
    Ok(answered - kept)
}
