//! Visitors: a steady load from inside the demo, for runbooks that judge a version by its traffic.

use std::sync::Mutex;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::load::{HIGHEST_RATE, LONGEST, LoadPlan, send, target};
use super::response::lock;
use super::server::Outcome;

/// Who visits now.
#[derive(Debug, Default)]
pub(super) struct Visitors(Mutex<Option<AbortHandle>>);

impl Visitors {
    /// So many requests per second to `url` for so long, instead of those that came before; none with a rate of 0.
    /// Must be called inside the runtime.
    pub(super) fn come(&self, url: String, rps: u32, duration: Duration) -> Outcome {
        if rps > HIGHEST_RATE || duration > LONGEST {
            let most = LONGEST.as_secs();
            return Err(format!("at most {HIGHEST_RATE} requests per second for at most {most} s"));
        }
        if let Some(before) = lock(&self.0).take() {
            before.abort();
        }
        if rps == 0 || duration.is_zero() {
            return Ok("nobody visits".to_owned());
        }
        let (to, path) = target(&url).map_err(|error| error.to_string())?;
        let said = format!("{rps} requests per second for {} s", duration.as_secs_f64());
        let plan = LoadPlan { url, rps, duration };
        let visit = tokio::spawn(async move { send(to, path, &plan, std::future::pending()).await });
        *lock(&self.0) = Some(visit.abort_handle());
        Ok(said)
    }
}
