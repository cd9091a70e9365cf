//! What every handler is given.

use stoa_control::Control;

/// The state of the router; a cheap clone.
#[derive(Clone)]
pub struct App {
    /// The service layer.
    pub control: Control,
}
