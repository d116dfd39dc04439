//! The context object.

use everstep_core::Timestamp;
use everstep_expr::json::{Map, Value};

use super::event::{FrameId, StateKind};
use super::settings::Settings;
use super::state::{State, Visit};

/// The context object of a frame's state. `item` is the item of an iteration that is about to begin, else that of the iteration around.
pub(crate) fn build(
    state: &State,
    frame: FrameId,
    token: Option<&str>,
    item: Option<(u32, Value)>,
) -> Value {
    let mut context = Map::with_capacity(4);
    if let Some(settings) = &state.settings {
        context.insert("Execution", execution(state, settings));
        let arn = &settings.state_machine_arn;
        let name = arn.rsplit(':').next().unwrap_or_default();
        let machine = [("Id", text(arn)), ("Name", text(name))];
        context.insert("StateMachine", machine.into_iter().collect::<Map>().into());
    }
    if let Some(visit) = state.visit(frame) {
        context.insert("State", of_state(visit));
    }
    if let Some((index, value)) = item.or_else(|| item_around(state, frame)) {
        let item = [("Index", Value::from(i64::from(index))), ("Value", value)];
        let item: Value = item.into_iter().collect::<Map>().into();
        context.insert("Map", [("Item", item)].into_iter().collect::<Map>().into());
    }
    if let Some(token) = token {
        let task = [("Token", text(token))];
        context.insert("Task", task.into_iter().collect::<Map>().into());
    }
    context.into()
}

fn execution(state: &State, settings: &Settings) -> Value {
    let input = state
        .input
        .as_ref()
        .map(|input| input.value().clone())
        .unwrap_or_default();
    let mut execution = Map::with_capacity(7);
    execution.insert("Id", text(&settings.execution_arn));
    execution.insert("Input", input);
    execution.insert("StartTime", time(state.started));
    // An Express execution is kept under its name and its id; here it has its name alone.
    let name = settings.execution_arn.split(':').nth(7);
    execution.insert("Name", text(name.unwrap_or(&state.name)));
    execution.insert("RoleArn", text(&settings.role_arn));
    // Of an Express execution that somebody waits for, nothing is kept that could be redriven.
    if !settings.sync {
        execution.insert("RedriveCount", i64::from(state.redrives).into());
    }
    if let Some(at) = state.redriven {
        execution.insert("RedriveTime", time(at));
    }
    execution.into()
}

fn of_state(visit: &Visit) -> Value {
    let mut state = Map::with_capacity(3);
    state.insert("Name", visit.name.clone().into());
    state.insert("EnteredTime", time(visit.entered_at));
    if visit.kind == StateKind::Task {
        state.insert("RetryCount", i64::from(visit.retry_count()).into());
    }
    state.into()
}

/// The item of the nearest iteration that the frame belongs to.
fn item_around(state: &State, mut frame: FrameId) -> Option<(u32, Value)> {
    loop {
        let seat = state.frame(frame)?.seat?;
        let fan = state.fan(seat.frame)?;
        if let Some(items) = &fan.items {
            let place = usize::try_from(seat.index).ok()?;
            let item = items.value().as_array()?.get(place)?;
            return Some((seat.index, item.clone()));
        }
        frame = seat.frame;
    }
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn time(at: Timestamp) -> Value {
    shown(at).into()
}

/// As RFC 3339 with milliseconds.
pub(crate) fn shown(at: Timestamp) -> String {
    let (days, of_day) = (at.0 / 86_400_000, at.0 % 86_400_000);
    // Days since 0000-03-01, in eras of 400 years that begin with a March: a leap day is then the last day of its year.
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (seconds, milliseconds) = (of_day / 1_000, of_day % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Instant;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_time_reads_as_it_was_shown(at in 0u64..253_402_300_800_000) {
            let at = Timestamp(at);
            prop_assert_eq!(Instant::parse(&shown(at)).map(Instant::timestamp), Some(at));
        }
    }
}
