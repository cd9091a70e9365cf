//! Add a domain to a site; its card then says what to do.

use askama::{Template, filters::HtmlSafe};
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_domains::command::AddDomain;

use super::show::{FormInput, domains_path, page};
use crate::{
    app::App,
    extract::{body::Form, permissions::AccessibleSite},
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
        inputs::Checkbox,
    },
};

/// Input of the form; browsers don't send unchecked boxes.
#[derive(Debug, Clone, Deserialize)]
pub struct AddForm {
    /// The domain.
    #[serde(default)]
    pub name: String,
    /// Also with `www.` in front.
    #[serde(default)]
    pub www: Option<String>,
    /// Make it the main address as soon as it works.
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
    www: Checkbox,
    main: Checkbox,
}

impl HtmlSafe for AddFields {}

impl AddFields {
    /// The fields, with the previous input.
    pub fn new(form: &AddForm, problems: &Problems) -> Self {
        let name = Field::text("name", "Domain", &form.name)
            .hint("A domain you own, such as shop.example.com or example.com.")
            .with(problems);
        let www = Checkbox::new("www", "Also add the address with www.", form.www.is_some());
        let main = Checkbox::new("main", "Make it the main address as soon as it works", form.main.is_some())
            .hint("Other addresses will redirect to it.");
        Self { name, www, main }
    }
}

/// `POST /sites/{id}/domains`
pub async fn submit(
    State(app): State<App>,
    access: AccessibleSite,
    frame: Frame,
    Form(form): Form<AddForm>,
) -> Result<Response, HttpError> {
    let form_errors = match app.control.domains.add_domain(&access.cx, access.site.id, AddDomain::from(&form)).await {
        Ok(added) => {
            let anchor = added.first().map(|domain| format!("#{}", domain.id)).unwrap_or_default();
            return Ok(ui::see_other(&format!("{}{anchor}", domains_path(access.site.id))));
        }
        Err(error) => FormErrors::try_from(error)?,
    };
    page(&app, access, frame, FormInput { add: form, ..FormInput::default() }, form_errors).await
}
