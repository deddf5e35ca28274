//! One line on standard error when a run takes long and somebody watches; it goes away when the run ends.

use std::io::{self, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::console::Console;

/// Faster runs say nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows its line while it lives.
#[derive(Debug)]
pub(super) struct Progress {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts waiting.
    pub(super) fn start(console: &Console, line: String) -> Self {
        if !console.watched() {
            return Self { done: None, thread: None };
        }
        let (done, over) = mpsc::channel::<()>();
        let work = move || {
            if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let mut err = io::stderr().lock();
                let _ = write!(err, "{line} ...").and_then(|()| err.flush());
                drop(err);
                let _ = over.recv();
                let mut err = io::stderr().lock();
                let _ = write!(err, "\r{:1$}\r", "", line.chars().count() + 4).and_then(|()| err.flush());
            }
        };
        Self { done: Some(done), thread: thread::Builder::new().spawn(work).ok() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
