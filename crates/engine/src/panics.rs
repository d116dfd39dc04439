//! What a panic inside a turn said, with the place it came from.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The name of threads whose panics are kept for their executions' histories instead of being printed.
pub(crate) const LOOP_THREAD: &str = "everstep-loop";

/// Keeps the place and backtrace of panics on loop threads. Panics elsewhere go to the hook that was there before.
pub(crate) fn keep_on_loop_threads() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() == Some(LOOP_THREAD) {
                LAST.set(Some(format!("{info}\n{}", Backtrace::force_capture())));
            } else {
                before(info);
            }
        }));
    });
}

/// The panic's message, and its place and backtrace where they were kept.
pub(crate) fn describe(panic: &(dyn Any + Send)) -> String {
    LAST.take().unwrap_or_else(|| {
        let text = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "a panic without a message".to_owned())
    })
}
