//! `everstep approvals`: what people are asked, and what they answer.

mod show;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Context, read_json, segment};
use crate::output::{self, Format};

#[derive(Subcommand)]
pub enum Approvals {
    /// List approvals, newest first
    List {
        /// PENDING, APPROVED, REJECTED, CHANGES_REQUESTED, EXPIRED or CANCELLED
        #[arg(long)]
        status: Option<String>,
        /// Those that ask this person; `me` is the holder of the key
        #[arg(long)]
        approver: Option<String>,
        /// Those that ask this group
        #[arg(long)]
        group: Option<String>,
    },
    /// Show an approval: what is asked, who is asked, and who has said what
    Show(Named),
    /// Ask people, as a JSON document says
    Ask {
        /// What is asked of whom: text, @FILE, or - for standard input
        request: String,
    },
    /// Approve
    Approve(Decide),
    /// Reject
    Reject(Decide),
    /// Ask for changes: whoever asked does it again and asks anew
    Changes(Decide),
    /// Write something without deciding
    Comment {
        #[command(flatten)]
        named: Named,
        /// The text
        text: String,
        /// It is a question: whoever asked is told
        #[arg(long)]
        ask: bool,
        #[command(flatten)]
        who: Who,
    },
    /// Hand a place on to somebody else
    Delegate {
        #[command(flatten)]
        named: Named,
        /// Whom: a name, or group:NAME
        #[arg(long)]
        to: String,
        /// Whose place, when it is not one's own: for administrators
        #[arg(long)]
        from: Option<String>,
        /// Why
        #[arg(long)]
        comment: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Make a link that lets somebody without an account decide once
    Link {
        #[command(flatten)]
        named: Named,
        /// For whom it is
        #[arg(long)]
        approver: String,
        /// How long it is good, such as 45m or 12h; a day, when nothing is said
        #[arg(long, value_name = "TIME")]
        expires_in: Option<String>,
    },
    /// Take a question back
    Cancel {
        #[command(flatten)]
        named: Named,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Show who did what, when and by which way
    Audit(Named),
}

/// Which approval.
#[derive(Args)]
pub struct Named {
    /// Id or name of the approval
    id: String,
}

/// Who decides, where no key says so.
#[derive(Args)]
pub struct Who {
    /// Who decides, at a server that asks for no key; without it whoever is logged in here
    #[arg(long)]
    by: Option<String>,
    /// A group that they are in, at a server that asks for no key; may be given several times
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
}

#[derive(Args)]
pub struct Decide {
    #[command(flatten)]
    named: Named,
    /// Feedback, the reason, or what is to be changed
    #[arg(long)]
    comment: Option<String>,
    /// Values of the form as JSON: text, @FILE, or - for standard input
    #[arg(long)]
    form: Option<String>,
    /// Digest of what is decided; without it that of what stands there now, which is shown
    #[arg(long)]
    digest: Option<String>,
    #[command(flatten)]
    who: Who,
}

impl Named {
    fn path(&self, rest: &str) -> String {
        format!("/approvals/{}{rest}", segment(&self.id))
    }
}

impl Who {
    /// A name is said where it was given, and where no key says it.
    fn add(&self, client: &crate::client::Client, body: &mut Value) {
        let Some(body) = body.as_object_mut() else {
            return;
        };
        let login = || std::env::var("USER").ok();
        let by = self.by.clone();
        let by = by.or_else(|| login().filter(|_| !client.has_chosen_key()));
        if let Some(by) = by.filter(|by| !by.is_empty()) {
            body.insert("by".to_owned(), by.into());
        }
        if !self.groups.is_empty() {
            body.insert("groups".to_owned(), json!(self.groups));
        }
    }
}

impl Approvals {
    pub fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::List {
                status,
                approver,
                group,
            } => list(
                context,
                &[("status", status), ("approver", approver), ("group", group)],
            ),
            Self::Show(named) => {
                let shown = context.client()?.get(&named.path(""))?;
                show::one(context.format, &shown)
            }
            Self::Ask { request } => {
                let body = read_json(&request)?.get().to_owned();
                let shown = context.client()?.post_raw("/approvals", Some(body))?;
                match context.format {
                    Format::Json => output::json(&shown),
                    Format::Table => output::line(show::text(&shown, "/id")),
                }
            }
            Self::Approve(decide) => decide.run(context, "approve"),
            Self::Reject(decide) => decide.run(context, "reject"),
            Self::Changes(decide) => decide.run(context, "request_changes"),
            Self::Comment {
                named,
                text,
                ask,
                who,
            } => {
                let body = json!({ "text": text, "asks": ask });
                let who = Who {
                    groups: Vec::new(),
                    ..who
                };
                post(context, &named.path("/comments"), body, Some(&who))
            }
            Self::Delegate {
                named,
                to,
                from,
                comment,
                who,
            } => {
                let body = json!({ "to": to, "from": from, "comment": comment });
                post(context, &named.path("/delegate"), body, Some(&who))
            }
            Self::Link {
                named,
                approver,
                expires_in,
            } => link(context, &named, &approver, expires_in),
            Self::Cancel { named, reason, who } => {
                let who = Who {
                    groups: Vec::new(),
                    ..who
                };
                let body = json!({ "reason": reason });
                post(context, &named.path("/cancel"), body, Some(&who))
            }
            Self::Audit(named) => show::audit(context, &named.path("/audit")),
        }
    }
}

impl Decide {
    fn run(self, context: &Context, decision: &str) -> Result<()> {
        let client = context.client()?;
        let digest = match self.digest {
            Some(digest) => digest,
            None => {
                let shown = client.get(&self.named.path(""))?;
                let digest = show::text(&shown, "/digest");
                output::note(format!(
                    "{}: {} (digest {digest})",
                    self.named.id,
                    show::text(&shown, "/title")
                ));
                digest
            }
        };
        let form = self.form.map(|form| read_json(&form)).transpose()?;
        let form: Option<Value> = form
            .map(|form| serde_json::from_str(form.get()))
            .transpose()?;
        let body = json!({
            "decision": decision, "digest": digest, "comment": self.comment, "form": form,
        });
        post(context, &self.named.path("/decide"), body, Some(&self.who))
    }
}

/// Does it, and tells where the approval stands then.
fn post(context: &Context, path: &str, mut body: Value, who: Option<&Who>) -> Result<()> {
    let client = context.client()?;
    if let Some(who) = who {
        who.add(&client, &mut body);
    }
    let shown = client.post(path, &body)?;
    match context.format {
        Format::Json => output::json(&shown),
        Format::Table => output::line(show::text(&shown, "/status")),
    }
}

fn link(
    context: &Context,
    named: &Named,
    approver: &str,
    expires_in: Option<String>,
) -> Result<()> {
    let body = json!({ "approver": approver, "expires_in": expires_in });
    let made = context.client()?.post(&named.path("/links"), &body)?;
    match context.format {
        Format::Json => output::json(&made),
        Format::Table => {
            output::note(format!(
                "Whoever has this link decides once for {approver}, until {}.",
                show::text(&made, "/expires_at")
            ));
            output::line(show::text(&made, "/url"))
        }
    }
}

fn list(context: &Context, wanted: &[(&str, Option<String>)]) -> Result<()> {
    let client = context.client()?;
    let wanted: String = wanted
        .iter()
        .filter_map(|(name, value)| Some(format!("&{name}={}", segment(value.as_deref()?))))
        .collect();
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/approvals?limit=200{wanted}{cursor}"))?;
        let found = page.get("approvals").and_then(Value::as_array);
        rows.extend(found.into_iter().flatten().cloned());
        match page.get("next").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    if context.format == Format::Json {
        return output::json(&json!({ "approvals": rows }));
    }
    output::table(
        &[
            ("ID", "/id"),
            ("STATUS", "/status"),
            ("TITLE", "/title"),
            ("REQUESTER", "/requester"),
            ("DUE", "/due_at"),
        ],
        &rows,
    )
}
