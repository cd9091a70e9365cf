//! Reading certificates, and checking those that customers upload.

mod chains;
mod forms;
mod made;
mod uploads;
