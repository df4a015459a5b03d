//! Visitors: a steady load from inside the demo, for runbooks that judge a version by its traffic.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use super::load::{HIGHEST_RATE, LONGEST, LoadPlan, send, target};
use super::response::lock;
use super::server::Outcome;

/// Who visits now: told, they leave.
#[derive(Debug, Default)]
pub(super) struct Visitors(Mutex<Option<Arc<Notify>>>);

impl Visitors {
    /// So many requests per second to `url` for so long, instead of those that came before; none with a rate of 0. Once they
    /// are gone `tell` is told what they saw. Must be called inside the runtime.
    pub(super) fn come(
        &self,
        url: String,
        rps: u32,
        duration: Duration,
        tell: impl FnOnce(&str) + Send + 'static,
    ) -> Outcome {
        if rps > HIGHEST_RATE || duration > LONGEST {
            let most = LONGEST.as_secs();
            return Err(format!("at most {HIGHEST_RATE} requests per second for at most {most} s"));
        }
        if let Some(before) = lock(&self.0).take() {
            before.notify_one();
        }
        if rps == 0 || duration.is_zero() {
            return Ok("nobody visits".to_owned());
        }
        let (to, path) = target(&url).map_err(|error| error.to_string())?;
        let said = format!("{rps} requests per second for {} s", duration.as_secs_f64());
        let (plan, leave) = (LoadPlan { url, rps, duration }, Arc::new(Notify::new()));
        *lock(&self.0) = Some(Arc::clone(&leave));
        let wanted = said.clone();
        tokio::spawn(async move {
            let report = send(to, path, &plan, leave.notified()).await;
            let lines: Vec<String> = report.to_string().lines().map(str::to_owned).collect();
            tell(&format!("{wanted}: {}", lines.join("; ")));
        });
        Ok(said)
    }
}
