//! `POST /sites/{id}/domains`: a domain is claimed; what to do then stands on its card.

use askama::{Template, filters::HtmlSafe};
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_control::command::AddDomain;

use super::show::{Typed, page, path_of};
use crate::{
    app::App,
    extract::{body::Form, rights::OwnSite},
    fault::Fault,
    ui::{
        self,
        area::Tick,
        field::{Field, Problems},
        frame::Frame,
        refusal::Refusal,
    },
};

/// What was typed; a box that is not ticked is not sent.
#[derive(Debug, Clone, Deserialize)]
pub struct AddForm {
    /// The domain.
    #[serde(default)]
    pub name: String,
    /// With `www.` before it too.
    #[serde(default)]
    pub www: Option<String>,
    /// As the main address, as soon as it works.
    #[serde(default)]
    pub main: Option<String>,
}

impl Default for AddForm {
    fn default() -> Self {
        Self { name: String::new(), www: None, main: Some("yes".into()) }
    }
}

impl From<&AddForm> for AddDomain {
    fn from(form: &AddForm) -> Self {
        Self { name: form.name.clone(), with_www: form.www.is_some(), main: form.main.is_some() }
    }
}

/// The form's fields.
#[derive(Template)]
#[template(path = "domains/add.html")]
pub struct AddFields {
    name: Field,
    www: Tick,
    main: Tick,
}

impl HtmlSafe for AddFields {}

impl AddFields {
    /// With what was typed before.
    pub fn new(form: &AddForm, problems: &Problems) -> Self {
        let name = Field::text("name", "Domain", &form.name)
            .hint("One that you own, like shop.example.com or example.com.")
            .with(problems);
        let www = Tick::new("www", "Also the same with www. before it", form.www.is_some());
        let main = Tick::new("main", "Make it my main address as soon as it works", form.main.is_some())
            .hint("Visitors of the other addresses are sent there.");
        Self { name, www, main }
    }
}

/// `POST /sites/{id}/domains`
pub async fn submit(
    State(app): State<App>,
    own: OwnSite,
    frame: Frame,
    Form(form): Form<AddForm>,
) -> Result<Response, Fault> {
    let refusal = match app.control.domain_add(&own.cx, own.site.id, AddDomain::from(&form)).await {
        Ok(added) => {
            let anchor = added.first().map(|domain| format!("#{}", domain.id)).unwrap_or_default();
            return Ok(ui::see_other(&format!("{}{anchor}", path_of(own.site.id))));
        }
        Err(error) => Refusal::of(error)?,
    };
    page(&app, own, frame, Typed { add: form, ..Typed::default() }, refusal).await
}
