//! Children that end with their parent, however that ends.

use std::io::Read as _;

/// Returns when standard input closes: whoever holds its other end has ended.
pub async fn gone() {
    let (closed, wait) = tokio::sync::oneshot::channel();
    // A thread of its own: a blocked read must not hold up the runtime's shutdown.
    std::thread::spawn(move || {
        let mut ignored = [0; 256];
        let mut input = std::io::stdin().lock();
        while matches!(input.read(&mut ignored), Ok(read) if read > 0) {}
        let _ = closed.send(());
    });
    let _ = wait.await;
}

/// Returns when the process is asked to end: Ctrl-C, SIGTERM, or, when `with_stdin`, the end of its parent.
pub async fn asked_to_end(with_stdin: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    let orphaned = async {
        if with_stdin {
            gone().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate => {}
        () = orphaned => {}
    }
}
