//! Where questions to a core wait until it looks: a flag that it reads once a drain, and behind it the questions.
//!
//! Whoever asks puts the question down, raises the flag and rings the core; a core that sees the flag takes all
//! questions and answers each. Nobody waits for anybody else: the lock is held for a push or for a swap, and a core
//! never touches it unless it was asked. A question whose asker has gone is dropped by the next one that comes, so those
//! to a core that is stuck do not pile up.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot::Sender;

use super::report::Report;

/// What a core can be asked.
#[derive(Debug)]
pub enum Question {
    /// Does your loop turn? And would a client's write find room?
    Pulse(Sender<Pulse>),
    /// Everything that you counted, and how you stand.
    Report(Sender<Box<Report>>),
}

/// A core's loop has turned.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    /// The journal takes writes; where a core has no journal, it knows no reason against them.
    pub is_writable: bool,
}

impl Question {
    fn is_abandoned(&self) -> bool {
        match self {
            Question::Pulse(asker) => asker.is_closed(),
            Question::Report(asker) => asker.is_closed(),
        }
    }
}

/// The questions to one core.
#[derive(Debug, Default)]
pub struct Desk {
    is_asked: AtomicBool,
    questions: Mutex<Vec<Question>>,
}

impl Desk {
    /// Puts a question down; the core is to be rung.
    pub fn put(&self, question: Question) {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions.retain(|earlier| !earlier.is_abandoned());
        questions.push(question);
        self.is_asked.store(true, Ordering::SeqCst);
    }

    /// Whether questions wait.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::SeqCst)
    }

    /// Takes what waits.
    #[must_use]
    pub fn take(&self) -> Vec<Question> {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_asked.store(false, Ordering::SeqCst);
        mem::take(&mut questions)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn questions_to_a_stuck_core_do_not_pile_up() {
        let desk = Desk::default();
        assert!(!desk.is_asked());
        let (asker, mut answer) = oneshot::channel();
        desk.put(Question::Pulse(asker));
        for _ in 0..1_000 {
            let (gone, _) = oneshot::channel();
            desk.put(Question::Pulse(gone));
        }
        assert!(desk.is_asked());
        let questions = desk.take();
        assert_eq!(questions.len(), 2, "the one that is waited for, and the newest");
        assert!(!desk.is_asked() && desk.take().is_empty());
        for question in questions {
            let Question::Pulse(asker) = question else { panic!("only pulses were asked for") };
            // Nobody waits for the second one.
            let _ = asker.send(Pulse { is_writable: true });
        }
        assert!(answer.try_recv().expect("it was answered").is_writable);
    }
}
