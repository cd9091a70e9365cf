//! Money: what is sold at which price, who has subscribed to it, and what a site may therefore use.

pub mod access;
pub mod money;
pub mod plan;
pub mod subscription;
