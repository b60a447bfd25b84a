//! An incremental fetch session (KIP-227), as consumers keep it: only what has changed is asked for again.

use super::error;

/// The session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The broker's number for it, or 0.
    pub id: i32,
    /// 0 asks for a new one; each later request counts up.
    pub epoch: i32,
}

impl Session {
    /// Whether the next request names everything.
    pub fn is_new(self) -> bool {
        self.epoch == 0
    }

    /// After an answer: what the next request says. `Err` where the session is lost and the next asks for a new one.
    pub fn answered(&mut self, code: i16, id: i32) -> Result<(), i16> {
        if code != 0 {
            *self = Session::default();
            return Err(code);
        }
        // A broker that has no room for sessions answers 0, and is asked again each time.
        *self = match (self.epoch, id) {
            (0, 0) => Session::default(),
            (0, id) => Session { id, epoch: 1 },
            (i32::MAX, _) => Session { id: self.id, epoch: 1 },
            (epoch, _) => Session { id: self.id, epoch: epoch + 1 },
        };
        Ok(())
    }

    /// Whether an error is about the session alone.
    pub fn is_lost(code: i16) -> bool {
        error::SESSION_LOST.contains(&code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_count_up_and_start_again() {
        let mut session = Session::default();
        assert_eq!((session.answered(0, 9), session), (Ok(()), Session { id: 9, epoch: 1 }));
        assert_eq!((session.answered(0, 9), session), (Ok(()), Session { id: 9, epoch: 2 }));
        session.epoch = i32::MAX;
        assert_eq!((session.answered(0, 9), session.epoch), (Ok(()), 1));
        assert_eq!((session.answered(70, 0), session.is_new()), (Err(70), true));
        assert_eq!((session.answered(0, 0), session.is_new()), (Ok(()), true));
    }
}
