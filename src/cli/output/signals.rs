//! Signals that end a run. While files are being written they wait, so that nothing half done is left; then the run ends of the signal, as it would
//! have. At all other times they do what they always do.

#[cfg(unix)]
pub(super) use self::unix::hold;
#[cfg(unix)]
pub(in crate::cli) use self::unix::writes_fail_instead_of_killing;

#[cfg(not(unix))]
pub(super) use self::elsewhere::hold;
#[cfg(not(unix))]
pub(in crate::cli) use self::elsewhere::writes_fail_instead_of_killing;

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, LazyLock};

    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
    use signal_hook::flag;
    use signal_hook::low_level::emulate_default_handler;

    /// Signals by which people and runners end a run.
    const ENDING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

    struct Watch {
        /// Nothing is being written: a signal ends the run at once.
        idle: Arc<AtomicBool>,
        /// The signal that came last; 0 is none.
        came: Arc<AtomicUsize>,
    }

    static WATCH: LazyLock<Watch> = LazyLock::new(|| {
        let watch = Watch { idle: Arc::new(AtomicBool::new(true)), came: Arc::default() };
        for signal in ENDING {
            let Ok(number) = usize::try_from(signal) else { continue };
            if is_ignored(number) {
                continue;
            }
            // Where it cannot be watched, the signal ends the run at once, as before.
            if flag::register_usize(signal, Arc::clone(&watch.came), number).is_ok() {
                let _ = flag::register_conditional_default(signal, Arc::clone(&watch.idle));
            }
        }
        watch
    });

    /// Signals wait while this lives.
    pub(in crate::cli::output) struct Held(());

    /// Makes signals wait.
    pub(in crate::cli::output) fn hold() -> Held {
        WATCH.idle.store(false, Ordering::SeqCst);
        Held(())
    }

    impl Held {
        /// One has come.
        pub(in crate::cli::output) fn came(&self) -> bool {
            WATCH.came.load(Ordering::SeqCst) != 0
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            WATCH.idle.store(true, Ordering::SeqCst);
            if let Some(signal) = i32::try_from(WATCH.came.load(Ordering::SeqCst)).ok().filter(|signal| *signal != 0) {
                let _ = emulate_default_handler(signal);
            }
        }
    }

    /// Whoever started the run wants it to outlive this signal (`nohup`, a job in the background). Only Linux tells.
    fn is_ignored(signal: usize) -> bool {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
        mask.is_some_and(|mask| (mask >> (signal - 1)) & 1 == 1)
    }

    /// A file that may grow no more (`ulimit -f`) is an error that can be told, and no silent end.
    pub(in crate::cli) fn writes_fail_instead_of_killing() {
        let _ = flag::register(SIGXFSZ, Arc::default());
    }
}

#[cfg(not(unix))]
mod elsewhere {
    pub(in crate::cli::output) struct Held(());

    pub(in crate::cli::output) fn hold() -> Held {
        Held(())
    }

    impl Held {
        pub(in crate::cli::output) fn came(&self) -> bool {
            false
        }
    }

    pub(in crate::cli) fn writes_fail_instead_of_killing() {}
}
