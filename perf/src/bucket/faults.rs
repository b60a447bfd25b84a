//! What goes wrong, and how often.

use std::str::FromStr;

use super::latency::Dice;

/// One way to go wrong; nothing is done in any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 503 SlowDown.
    SlowDown,
    /// 500 InternalError.
    Internal,
    /// The connection breaks.
    Reset,
}

/// The share of requests that meet each fault.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    shares: Vec<(Fault, f64)>,
}

impl Faults {
    /// The fault of the next request, or none.
    pub fn draw(&self, dice: &mut Dice) -> Option<Fault> {
        if self.shares.is_empty() {
            return None;
        }
        let mut rest = dice.uniform();
        for (fault, share) in &self.shares {
            if rest < *share {
                return Some(*fault);
            }
            rest -= share;
        }
        None
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Faults, String> {
        let mut shares = Vec::new();
        for item in text.split(',').filter(|item| !item.is_empty()) {
            let (name, share) = item.split_once('=').ok_or_else(|| format!("{item} is not WHAT=SHARE"))?;
            let fault = match name {
                "503" => Fault::SlowDown,
                "500" => Fault::Internal,
                "reset" => Fault::Reset,
                _ => return Err(format!("{name} is not one of 503, 500 and reset")),
            };
            let share = share.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
            shares.push((fault, share.ok_or_else(|| format!("{item} is not a share between 0 and 1"))?));
        }
        if shares.iter().map(|(_, share)| share).sum::<f64>() > 1.0 {
            return Err(format!("{text} is more than all requests"));
        }
        Ok(Faults { shares })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_often_as_asked() {
        let faults = Faults::from_str("503=0.1,reset=0.02").expect("two shares");
        let mut dice = Dice::new(1, 2);
        let drawn: Vec<Option<Fault>> = (0..50_000).map(|_| faults.draw(&mut dice)).collect();
        let share = |fault| drawn.iter().filter(|drawn| **drawn == Some(fault)).count() as f64 / drawn.len() as f64;
        assert!((share(Fault::SlowDown) - 0.1).abs() < 0.01);
        assert!((share(Fault::Reset) - 0.02).abs() < 0.004);
        assert!(share(Fault::Internal) == 0.0);
    }

    #[test]
    fn nothing_and_nonsense() {
        assert_eq!(Faults::from_str("").expect("no faults").draw(&mut Dice::new(1, 2)), None);
        for wrong in ["503", "503=2", "404=0.1", "503=-1", "503=0.7,500=0.7"] {
            assert!(Faults::from_str(wrong).is_err(), "{wrong}");
        }
    }
}
