//! Jobs: the workers that carry them out, and what people see of them and may say to them.

mod commands;
mod finish;
mod view;
mod worker;

pub(crate) use worker::work;
