//! The persisted form of events. The numbers are stable and never reused.

use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_core::{Payload, Timestamp};

use crate::event::{Cast, Decision, Event, Remark, Verdict, Via};
use crate::settings::{Approver, Settings};

pub(crate) fn encode(event: &Event, to: &mut Writer) {
    match event {
        Event::Requested {
            id,
            settings,
            content,
        } => {
            to.u8(1);
            to.str(id);
            settings.write(to);
            to.option(content.as_ref(), |to, content| content.encode(to));
        }
        Event::Voted(cast) => {
            to.u8(2);
            encode_cast(cast, to);
        }
        Event::VotedLate(cast) => {
            to.u8(3);
            encode_cast(cast, to);
        }
        Event::Commented(remark) => {
            to.u8(4);
            to.str(&remark.by);
            to.str(&remark.text);
            to.bool(remark.asks);
            to.u8(remark.via as u8);
            text(to, remark.peer.as_ref());
        }
        Event::Delegated {
            from,
            to: heir,
            by,
            comment,
            via,
            peer,
        } => {
            to.u8(5);
            to.option(from.as_ref(), |to, approver| approver.encode(to));
            heir.encode(to);
            to.str(by);
            text(to, comment.as_ref());
            to.u8(*via as u8);
            text(to, peer.as_ref());
        }
        Event::LinkMade {
            number,
            approver,
            expires,
            by,
        } => {
            to.u8(6);
            to.u32(*number);
            to.str(approver);
            to.u64(expires.0);
            to.str(by);
        }
        _ => encode_of_time(event, to),
    }
}

/// What nobody in particular does.
fn encode_of_time(event: &Event, to: &mut Writer) {
    match event {
        Event::Reminded { count } => {
            to.u8(7);
            to.u32(*count);
        }
        Event::Escalated { to: asked, due } => {
            to.u8(8);
            to.list(asked, |to, approver| approver.encode(to));
            to.u64(due.0);
        }
        Event::Decided { decision } => {
            to.u8(9);
            to.u8(*decision as u8);
        }
        Event::Expired => to.u8(10),
        Event::Cancelled { reason, by, via } => {
            to.u8(11);
            to.str(reason);
            text(to, by.as_ref());
            to.u8(*via as u8);
        }
        Event::Requested { .. }
        | Event::Voted(_)
        | Event::VotedLate(_)
        | Event::Commented(_)
        | Event::Delegated { .. }
        | Event::LinkMade { .. } => {}
    }
}

pub(crate) fn decode(from: &mut Reader<'_>) -> Result<Event, Corrupt> {
    Ok(match from.u8()? {
        1 => Event::Requested {
            id: from.str()?,
            settings: Box::new(Settings::read(from)?),
            content: from.option(Payload::decode)?,
        },
        2 => Event::Voted(decode_cast(from)?),
        3 => Event::VotedLate(decode_cast(from)?),
        4 => Event::Commented(Remark {
            by: from.str()?,
            text: from.str()?,
            asks: from.bool()?,
            via: via(from)?,
            peer: from.option(Reader::str)?,
        }),
        5 => Event::Delegated {
            from: from.option(Approver::decode)?,
            to: Approver::decode(from)?,
            by: from.str()?,
            comment: from.option(Reader::str)?,
            via: via(from)?,
            peer: from.option(Reader::str)?,
        },
        6 => Event::LinkMade {
            number: from.u32()?,
            approver: from.str()?,
            expires: Timestamp(from.u64()?),
            by: from.str()?,
        },
        7 => Event::Reminded { count: from.u32()? },
        8 => Event::Escalated {
            to: from.list(Approver::decode)?,
            due: Timestamp(from.u64()?),
        },
        9 => {
            let number = from.u8()?;
            let decision = Decision::ALL
                .into_iter()
                .find(|decision| *decision as u8 == number);
            Event::Decided {
                decision: decision.ok_or(Corrupt::tag("decision", number))?,
            }
        }
        10 => Event::Expired,
        11 => Event::Cancelled {
            reason: from.str()?,
            by: from.option(Reader::str)?,
            via: via(from)?,
        },
        tag => return Err(Corrupt::tag("event of an approval", tag)),
    })
}

fn text(to: &mut Writer, text: Option<&String>) {
    to.option(text, |to, text| to.str(text));
}

fn via(from: &mut Reader<'_>) -> Result<Via, Corrupt> {
    let number = from.u8()?;
    let via = Via::ALL.into_iter().find(|via| *via as u8 == number);
    via.ok_or(Corrupt::tag("way of a vote", number))
}

fn encode_cast(cast: &Cast, to: &mut Writer) {
    to.str(&cast.by);
    to.u8(cast.verdict as u8);
    text(to, cast.comment.as_ref());
    to.option(cast.form.as_ref(), |to, form| to.bytes(form));
    to.u8(cast.via as u8);
    text(to, cast.peer.as_ref());
    to.option(cast.link.as_ref(), |to, link| to.u32(*link));
}

fn decode_cast(from: &mut Reader<'_>) -> Result<Cast, Corrupt> {
    let by = from.str()?;
    let number = from.u8()?;
    let verdict = Verdict::ALL
        .into_iter()
        .find(|verdict| *verdict as u8 == number);
    Ok(Cast {
        by,
        verdict: verdict.ok_or(Corrupt::tag("verdict", number))?,
        comment: from.option(Reader::str)?,
        form: from.option(Reader::bytes)?,
        via: via(from)?,
        peer: from.option(Reader::str)?,
        link: from.option(Reader::u32)?,
    })
}

#[cfg(test)]
mod tests;
