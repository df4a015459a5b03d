//! Files that a command calls must be what they were when the plan was made.

use std::fs::File;

use super::attempt::Site;
use super::durable;
use crate::machine::action::{Ended, Surroundings};

/// Looks at each file right before the command is started. Between this look and the start somebody with the rights to
/// write them could still change them; nothing in user space can rule that out.
///
/// # Errors
/// The first file that cannot be read, or is another one.
pub(super) fn hold(site: &Site, around: &Surroundings) -> Result<(), Ended> {
    for (path, wanted) in &around.pins {
        let read = File::open(site.path(path)).and_then(|mut file| durable::sha256_of(&mut file));
        match read {
            Ok(sha256) if sha256 == *wanted => {}
            Ok(sha256) => {
                let (was, is) = (short(wanted), short(&sha256));
                return Err(Ended::Failed(format!(
                    "policy: {path} was changed after the plan was made (sha256 {was}, now {is}), so it was not started"
                )));
            }
            Err(error) => {
                return Err(Ended::Failed(format!(
                    "policy: {path} cannot be read ({error}), so nobody can say that it is the one of the plan; it was not started"
                )));
            }
        }
    }
    Ok(())
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}
