//! The product: what people can ask for, the sagas that do it, and the reconcilers that keep it so.

pub mod command;
pub mod cx;
pub mod error;
pub mod keys;
pub mod password;
pub mod random;
pub mod settings;
pub mod throttle;
pub mod view;

pub use cx::Cx;
pub use error::{Error, Result};
