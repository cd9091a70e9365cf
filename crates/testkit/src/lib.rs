//! A whole platform for one test: the real service layer over a real database, with a fake engine, a fake
//! edge, a clock that the test moves, and an inventory of everything that exists.
//!
//! ```no_run
//! # async fn example() {
//! let platform = stoa_testkit::TestPlatform::new().await;
//! let jane = platform.customer("jane").await;
//! let empty = platform.world().await;
//! let ordered = platform.order(&jane, "shop").await;
//! platform.run_until_idle().await;
//! assert_ne!(platform.world().await, empty);
//! # let _ = ordered; }
//! ```
//!
//! For tests only: everything here panics where a test should fail.

mod clock;
mod database;
pub mod knot;
pub mod pebble;
mod people;
mod platform;
mod port;
mod probe;
mod process;
mod relay;
pub mod stripe;
mod totp;
mod work;
mod world;

pub use clock::TestClock;
pub use people::{PASSWORD, shop, shop_plan};
pub use platform::{Builder, TestPlatform};
pub use port::free_port;
pub use probe::{FakeProbe, Forwarder};
pub use process::Process;
pub use relay::{FakeRelay, RelayedMail};
pub use totp::totp_code;
pub use work::Workers;
pub use world::World;
