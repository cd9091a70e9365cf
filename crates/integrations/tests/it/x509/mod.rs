//! Reading certificates, and checking those that customers upload.

mod chains;
mod fixture;
mod forms;
mod uploads;
