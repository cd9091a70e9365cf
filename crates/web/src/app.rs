//! The state shared by all handlers.

use stoa_control::Control;

/// The state of the router; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The service layer.
    pub control: Control,
}
