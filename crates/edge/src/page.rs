//! What the edge says itself: one calm page for people, RFC 9457 problem details for programs.
//!
//! Nothing on a page comes from the request, so nothing can be injected into it, and each page is rendered
//! once, when the edge starts.

mod content;
mod format;
mod render;

pub(crate) use self::{
    content::Page,
    format::PageFormat,
    render::{RenderedPages, content_security_policy},
};
