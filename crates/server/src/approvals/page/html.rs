//! The pages' text. Everything that comes from outside goes through [`escape`].

use everstep_approval::{Approver, Decision, Described, Person, Seat, Verdict, Vote};
use everstep_core::Timestamp;
use serde_json::Value;

use super::inbox::Inbox;
use super::session::Session;
use super::{fields, value};
use crate::approvals::span::in_words;
use crate::rest::{Problem, time};

/// A text as a part of a page, an attribute's value too.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// What an approval's page is made of.
pub(super) struct Sheet<'a> {
    pub described: &'a Described,
    /// What is asked.
    pub content: &'a Value,
    pub person: &'a Person,
    pub now: Timestamp,
    /// Where its forms go.
    pub action: String,
    /// What they carry, where the address itself is not the proof.
    pub proof: Option<&'a str>,
    /// Whether this person is asked.
    pub asked: bool,
    pub problem: Option<&'a Problem>,
    /// What was sent, when it did not fit.
    pub sent: &'a [(String, String)],
}

fn document(title: &str, who: Option<(&str, bool)>, main: &str) -> String {
    let who = who.map_or_else(String::new, |(name, signed_in)| {
        let leave = match signed_in {
            true => {
                r#"<a href="/approvals/inbox">Inbox</a><form method="post" action="/approvals/sign-out"><button class="plain">Sign out</button></form>"#
            }
            false => "",
        };
        format!(r#"<div class="who"><span>{}</span>{leave}</div>"#, escape(name))
    });
    format!(
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>{title} · Everstep</title>
<link rel="stylesheet" href="/approvals/style.css">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><div class="mark"><span class="step" aria-hidden="true"></span>Everstep</div>{who}</header>
<main id="main">
{main}
</main>
</body>
</html>
"##,
        title = escape(title)
    )
}

pub(super) fn trouble(problem: &Problem) -> String {
    let main = format!(
        r#"<section class="card narrow"><h1>{}</h1><p class="lead">{}</p><p class="code">{}</p></section>"#,
        escape(problem.code.title()),
        escape(&problem.detail),
        problem.code
    );
    document(problem.code.title(), None, &main)
}

/// What somebody who decided by a link sees.
pub(super) fn thanks(described: &Described, name: &str) -> String {
    let state = &described.state;
    let own = state.votes.iter().rfind(|vote| vote.cast.by == name);
    let said = own.map_or("", |vote| match vote.cast.verdict {
        Verdict::Approve => "You have approved it.",
        Verdict::Reject => "You have rejected it.",
        Verdict::RequestChanges => "You have asked for changes.",
    });
    let stands = match &state.ended {
        Some(_) => "It is decided, and whoever waited for it goes on.",
        None => "Others are still to decide.",
    };
    let title = state
        .settings
        .as_ref()
        .map_or("", |settings| &settings.title);
    let main = format!(
        r#"<section class="card narrow" role="status">{}<h1>{}</h1><p class="lead">{said} {stands}</p><p>You can close this page. The link is used up.</p></section>"#,
        pill(state.status()),
        escape(title)
    );
    document(title, Some((name, false)), &main)
}

fn pill(status: &str) -> String {
    let word = status.replace('_', " ").to_lowercase();
    format!(r#"<p class="pill {}">{word}</p>"#, status.to_lowercase())
}

pub(super) fn sign_in(open: bool, next: &str, problem: Option<&str>) -> String {
    let fields = match open {
        true => {
            r#"<div class="field"><label for="name">Your name</label><input id="name" name="name" autocomplete="username" required></div>
<div class="field"><label for="groups">Your groups</label><p class="hint" id="groups.hint">With commas between them. This server was started for development and believes you.</p><input id="groups" name="groups" aria-describedby="groups.hint"></div>"#
        }
        false => {
            r#"<div class="field"><label for="key">Your API key</label><p class="hint" id="key.hint">The one that <code>everstep keys create</code> showed for you.</p><input id="key" name="key" type="password" autocomplete="current-password" required aria-describedby="key.hint"></div>"#
        }
    };
    let main = format!(
        r#"<section class="card narrow"><h1>Sign in</h1><p class="lead">to see what waits for your decision.</p>{}
<form method="post" action="/approvals/sign-in"><input type="hidden" name="next" value="{}">{fields}
<div class="buttons"><button class="primary">Sign in</button></div></form></section>"#,
        alert(problem),
        escape(next)
    );
    document("Sign in", None, &main)
}

fn alert(problem: Option<&str>) -> String {
    problem.map_or_else(String::new, |problem| {
        format!(
            r#"<div class="alert" role="alert"><strong>That was not taken.</strong> {}</div>"#,
            escape(problem)
        )
    })
}

pub(super) fn inbox(session: &Session, inbox: &Inbox, now: Timestamp) -> String {
    let rows: String = inbox
        .approvals
        .iter()
        .filter_map(|(id, described)| {
            let state = &described.state;
            let settings = state.settings.as_ref()?;
            let asker = settings.requester.as_deref().unwrap_or("nobody named");
            let voted = state
                .votes
                .iter()
                .any(|vote| vote.cast.by == session.person.name);
            let mark = match voted {
                true => r#"<span class="done">you have voted</span>"#,
                false => "",
            };
            Some(format!(
                r#"<li><a class="row" href="/approvals/{id}/page"><span class="title">{}</span><span class="meta">asked by {} · {} left{}</span>{mark}</a></li>"#,
                escape(&settings.title),
                escape(asker),
                in_words(state.due.since_ms(now)),
                match settings.round {
                    1 => String::new(),
                    round => format!(" · round {round}"),
                }
            ))
        })
        .collect();
    let list = match rows.is_empty() {
        true => r#"<p class="empty">Nothing waits for you.</p>"#.to_owned(),
        false => format!(r#"<ul class="inbox">{rows}</ul>"#),
    };
    let all = "<code>everstep approvals list --status pending</code> shows all of it.";
    let more = match inbox.more {
        Some(0) => String::new(),
        Some(count) => format!(r#"<p class="empty">{count} more wait. {all}</p>"#),
        None => format!(r#"<p class="empty">Many more wait. {all}</p>"#),
    };
    let main = format!(
        r#"<h1 class="page">Inbox</h1><p class="lead">What waits for a decision of {}, what is due first standing first.</p>{list}{more}"#,
        escape(&session.person.name)
    );
    document("Inbox", Some((&session.person.name, true)), &main)
}

/// One approval: what is asked, what can be said to it, and what was.
pub(super) fn approval(sheet: &Sheet<'_>) -> String {
    let state = &sheet.described.state;
    let Some(settings) = &state.settings else {
        return document("Approval", None, "");
    };
    let open = state.ended.is_none();
    let asker = match &settings.requester {
        Some(name) => format!("Asked by <strong>{}</strong>", escape(name)),
        None => "Asked".to_owned(),
    };
    let left = match open {
        true => format!(
            r#" · <span class="left">{} left</span>, until <time datetime="{due}">{}</time>"#,
            in_words(state.due.since_ms(sheet.now)),
            short(state.due),
            due = time(state.due)
        ),
        false => String::new(),
    };
    let round = match settings.round {
        1 => String::new(),
        round => format!(r#" <span class="round">round {round}</span>"#),
    };
    let own = state.is_own(&sheet.person.name);
    let may = open && sheet.asked && !own;
    let turn = match (open, may) {
        (true, true) => decision(sheet),
        (true, false) if own => {
            note("You have asked for this yourself: others decide it.").to_owned()
        }
        (true, false) => note("You are not among those who are asked."),
        (false, _) => ended(sheet),
    };
    let main = format!(
        r#"<div class="grid"><article class="card">{}{round}<h1>{}</h1><p class="meta">{asker} on <time datetime="{at}">{}</time>{left}</p>{}{}</article>
<aside>{turn}{}{}</aside></div>
<p class="digest">What is decided here has the digest <code>{}</code>. A decision about anything else is refused.</p>"#,
        pill(state.status()),
        escape(&settings.title),
        short(state.requested),
        super::body::content(sheet.content),
        super::body::comments(state),
        people(sheet),
        more(sheet, may),
        settings.digest.hex(),
        at = time(state.requested),
    );
    let signed_in = sheet.proof.is_some();
    document(
        &settings.title,
        Some((&sheet.person.name, signed_in)),
        &main,
    )
}

fn note(text: &str) -> String {
    format!(r#"<section class="card"><p class="note">{text}</p></section>"#)
}

/// A time without what nobody reads.
pub(super) fn short(at: Timestamp) -> String {
    let text = time(at);
    let (day, rest) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day} {} UTC", rest.get(..5).unwrap_or_default())
}

/// What every form of the page carries.
fn hidden(sheet: &Sheet<'_>) -> String {
    sheet.proof.map_or_else(String::new, |proof| {
        format!(
            r#"<input type="hidden" name="proof" value="{}">"#,
            escape(proof)
        )
    })
}

/// The form that decides.
fn decision(sheet: &Sheet<'_>) -> String {
    let state = &sheet.described.state;
    let digest = state
        .settings
        .as_ref()
        .map(|settings| settings.digest.hex());
    let schema = sheet.content.get("form").unwrap_or(&Value::Null);
    let sent = sheet.problem.map(|_| fields::values(schema, sheet.sent));
    let before = value(sheet.sent, "comment").unwrap_or_default();
    format!(
        r#"<section class="card decide"><h2>Your decision</h2>{}
<form method="post" action="{}">{}<input type="hidden" name="digest" value="{}">{}
<div class="field"><label for="comment">Comment</label><p class="hint" id="comment.hint">Feedback, a reason, or what is to be changed.</p><textarea id="comment" name="comment" rows="4" maxlength="16000" aria-describedby="comment.hint">{}</textarea></div>
<div class="buttons"><button class="approve" name="decision" value="approve">Approve</button><button class="changes" name="decision" value="request_changes" formnovalidate>Request changes</button><button class="reject" name="decision" value="reject" formnovalidate>Reject</button></div></form></section>"#,
        alert(sheet.problem.map(|problem| &*problem.detail)),
        escape(&sheet.action),
        hidden(sheet),
        digest.unwrap_or_default(),
        fields::show(schema, sent.as_ref()),
        escape(before)
    )
}

/// How it was decided.
fn ended(sheet: &Sheet<'_>) -> String {
    let state = &sheet.described.state;
    let Some(result) = everstep_approval::result(state) else {
        return String::new();
    };
    let text = |member: &str| {
        result
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let words = [text("feedback"), text("reason")].concat();
    let by = match text("approved_by") {
        "" => String::new(),
        names => format!(" by <strong>{}</strong>", escape(names)),
    };
    let said = match state.ended.as_ref().map(|ended| ended.decision) {
        Some(Decision::Approved) => "Approved",
        Some(Decision::Rejected) => "Rejected",
        Some(Decision::ChangesRequested) => "Changes were requested",
        Some(Decision::Expired) => "Its time is over",
        Some(Decision::Cancelled) | None => "Cancelled",
    };
    let problem = alert(sheet.problem.map(|problem| &*problem.detail));
    let at = state.ended.as_ref().map(|ended| short(ended.at));
    format!(
        r#"<section class="card decide"><h2>{said}{by}</h2>{problem}<p class="meta">on {}</p><p class="words">{}</p></section>"#,
        at.unwrap_or_default(),
        escape(&words)
    )
}

/// Who is asked, and who has said what.
fn people(sheet: &Sheet<'_>) -> String {
    let state = &sheet.described.state;
    let quorum = state
        .settings
        .as_ref()
        .map_or(1, |settings| settings.quorum);
    let votes: String = state.votes.iter().map(voted).collect();
    let seats: String = state
        .seats
        .iter()
        .filter(|seat| !has_voted(seat, &state.votes))
        .map(|seat| {
            let (name, sort) = match &seat.approver {
                Approver::User(name) => (name, ""),
                Approver::Group(name) => (name, r#" <span class="tag">group</span>"#),
            };
            let mark = if seat.escalated {
                r#" <span class="tag">escalation</span>"#
            } else {
                ""
            };
            format!("<li><span>{}{sort}{mark}</span></li>", escape(name))
        })
        .collect();
    let everybody = match state.asks_everybody() {
        true => "<li><span>Everybody with a name</span></li>",
        false => "",
    };
    let of = match quorum {
        1 => "One of them decides.".to_owned(),
        count => format!("{count} of them have to approve."),
    };
    format!(
        r#"<section class="card people"><h2>Who is asked</h2><p class="hint">{of}</p><ul>{votes}{seats}{everybody}</ul></section>"#
    )
}

fn has_voted(seat: &Seat, votes: &[Vote]) -> bool {
    let Approver::User(name) = &seat.approver else {
        return false;
    };
    votes.iter().any(|vote| vote.cast.by == *name)
}

fn voted(vote: &Vote) -> String {
    let (class, word) = match vote.cast.verdict {
        Verdict::Approve => ("approved", "approved"),
        Verdict::Reject => ("rejected", "rejected"),
        Verdict::RequestChanges => ("changes_requested", "asked for changes"),
    };
    format!(
        r#"<li><span><strong>{}</strong> <span class="said {class}">{word}</span></span></li>"#,
        escape(&vote.cast.by)
    )
}

/// What else can be done: ask, comment, hand on.
fn more(sheet: &Sheet<'_>, may: bool) -> String {
    let state = &sheet.described.state;
    if state.ended.is_some() {
        return String::new();
    }
    let (action, hidden) = (escape(&sheet.action), hidden(sheet));
    let delegation = state
        .settings
        .as_ref()
        .is_some_and(|settings| settings.delegation);
    let hand_on = match may && delegation && !state.asks_everybody() {
        true => format!(
            r#"<details class="card"><summary>Hand it on to somebody else</summary><form method="post" action="{action}">{hidden}
<div class="field"><label for="to">Their name</label><input id="to" name="to" required maxlength="128"></div>
<div class="field"><label for="why">Why</label><input id="why" name="text" maxlength="2000"></div>
<div class="buttons"><button name="decision" value="delegate">Hand on</button></div></form></details>"#
        ),
        false => String::new(),
    };
    format!(
        r#"<details class="card"><summary>Ask or comment, without deciding</summary><form method="post" action="{action}">{hidden}
<div class="field"><label for="text">Text</label><textarea id="text" name="text" rows="3" required maxlength="16000"></textarea></div>
<div class="buttons"><button name="decision" value="ask">Ask for information</button><button name="decision" value="comment">Comment</button></div></form></details>{hand_on}"#
    )
}
