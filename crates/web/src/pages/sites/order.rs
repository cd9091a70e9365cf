//! Ordering a store: the fields that registration and `/sites/new` share.

use askama::{Template, filters::HtmlSafe};
use axum::{extract::State, response::Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use stoa_core::{RequestContext, Settings};
use stoa_sites::{command::OrderSite, view::BlueprintView};

use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        permissions::Customer,
        stale_form::Resubmission,
    },
    http_error::HttpError,
    return_path::percent_encode,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

/// The fields of an order.
#[derive(Template)]
#[template(path = "sites/order_fields.html")]
pub struct OrderFields {
    choices: Vec<Choice>,
    problem: Option<String>,
    subdomain: Field,
    title: Field,
    admin_user: Field,
    admin_password: Field,
    open: bool,
}

impl HtmlSafe for OrderFields {}

/// A blueprint to choose.
struct Choice {
    view: BlueprintView,
    checked: bool,
}

/// Input of the form.
#[derive(Deserialize, Default, Clone)]
pub struct OrderForm {
    /// Blueprint's name.
    #[serde(default)]
    pub blueprint: String,
    /// Subdomain.
    #[serde(default)]
    pub subdomain: String,
    /// Title.
    #[serde(default)]
    pub title: String,
    /// Administrator's login name.
    #[serde(default)]
    pub admin_user: String,
    /// Administrator's password; it is not shown again.
    #[serde(default)]
    pub admin_password: SecretString,
}

/// Query of `/sites/new`.
#[derive(Deserialize, Default)]
pub struct OrderQuery {
    #[serde(flatten)]
    order: OrderForm,
    /// Whether the person signed up although they had an account.
    #[serde(default)]
    known: String,
}

impl OrderForm {
    /// `/sites/new` with these fields, for somebody who turned out to have an account.
    pub fn page(&self) -> String {
        let typed = [
            ("blueprint", &self.blueprint),
            ("subdomain", &self.subdomain),
            ("title", &self.title),
            ("admin_user", &self.admin_user),
        ];
        let typed = typed.map(|(name, value)| format!("&{name}={}", percent_encode(value)));
        format!("/sites/new?known=yes{}", typed.concat())
    }
}

impl From<&OrderForm> for OrderSite {
    fn from(form: &OrderForm) -> Self {
        let OrderForm { blueprint, subdomain, title, admin_user, admin_password } = form.clone();
        Self { blueprint, subdomain, title, admin_user, admin_password, ..Self::default() }
    }
}

impl OrderFields {
    /// The fields, with the previous input. The first available blueprint is preselected; the service layer lists
    /// stores first, which is what most people want.
    pub fn new(form: &OrderForm, blueprints: Vec<BlueprintView>, settings: &Settings, problems: &Problems) -> Self {
        Self::with_base_domain(&settings.base_domain.to_string(), form, blueprints, problems)
    }

    /// Like [`new`](Self::new), for a base domain.
    pub fn with_base_domain(base: &str, form: &OrderForm, blueprints: Vec<BlueprintView>, problems: &Problems) -> Self {
        let first = blueprints.iter().find(|b| b.available).map(|b| b.name.clone());
        let selected = if form.blueprint.is_empty() { first.unwrap_or_default() } else { form.blueprint.clone() };
        let choose = |view: BlueprintView| Choice { checked: view.available && view.name == selected, view };
        let subdomain = Field::text("subdomain", "Address", &form.subdomain)
            .hint("3 to 40 letters, digits and hyphens.")
            .suffix(format!(".{base}"))
            .checked("address")
            .with(problems);
        let title = Field::text("title", "Store name", &form.title)
            .hint("The name visitors will see.")
            .checked("value")
            .derives("subdomain")
            .with(problems);
        let admin_user = Field::text("admin_user", "Admin username", &form.admin_user)
            .hint("Leave empty for “admin”. Some types of stores use your e-mail address instead.")
            .optional()
            .checked("value")
            .with(problems);
        let admin_password = Field::new_password("admin_password", "Admin password")
            .hint("At least 8 characters. Leave empty and we'll generate one, which your dashboard shows.")
            .optional()
            .with(problems);
        let typed = !form.admin_user.is_empty() || !form.admin_password.expose_secret().is_empty();
        let open = typed || ["admin_user", "admin_password"].iter().any(|field| problems.of(field).is_some());
        let problem = problems.of("blueprint").map(str::to_owned);
        let choices = blueprints.into_iter().map(choose).collect();
        Self { choices, problem, subdomain, title, admin_user, admin_password, open }
    }
}

/// `/sites/new`
#[derive(Template)]
#[template(path = "sites/order.html")]
pub struct OrderPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// Whether the person signed up although they had an account.
    pub is_known: bool,
    /// The fields.
    pub order: OrderFields,
}

/// `GET /sites/new`
pub async fn show(
    State(app): State<App>,
    Customer(cx): Customer,
    frame: Frame,
    Query(query): Query<OrderQuery>,
) -> Result<Response, HttpError> {
    if let Some(page) = own_site(&app, &cx, &query.order).await {
        return Ok(ui::see_other(&page));
    }
    let page = build(&app, &cx, frame, &query.order, Problems::default()).await?;
    Ok(ui::ok(&OrderPage { is_known: !query.known.is_empty(), ..page }))
}

/// The page of the customer's site that this form has ordered before: it was sent twice, or its answer was lost.
async fn own_site(app: &App, cx: &RequestContext, form: &OrderForm) -> Option<String> {
    if form.subdomain.is_empty() {
        return None;
    }
    let site = app.control.sites.find(cx, &form.subdomain).await.ok()?;
    (site.title == form.title).then(|| site.job.map_or(format!("/sites/{}", site.id), |job| format!("/jobs/{job}")))
}

/// `POST /sites/new`
pub async fn submit(
    State(app): State<App>,
    Customer(cx): Customer,
    frame: Frame,
    Resubmission(is_stale): Resubmission,
    Form(form): Form<OrderForm>,
) -> Result<Response, HttpError> {
    if is_stale {
        return page(&app, &cx, frame, &form, Resubmission::form_errors()).await;
    }
    let form_errors = match app.control.sites.order(&cx, OrderSite::from(&form), None).await {
        Ok(ordered) => return Ok(ui::see_other(&format!("/jobs/{}", ordered.job))),
        Err(error) => FormErrors::try_from(error)?,
    };
    if let Some(page) = own_site(&app, &cx, &form).await {
        return Ok(ui::see_other(&page));
    }
    page(&app, &cx, frame, &form, form_errors).await
}

async fn page(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    form: &OrderForm,
    form_errors: FormErrors,
) -> Result<Response, HttpError> {
    let response = form_errors.response();
    Ok(response.page(&build(app, cx, frame, form, form_errors.problems).await?))
}

async fn build(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    form: &OrderForm,
    problems: Problems,
) -> Result<OrderPage, HttpError> {
    let blueprints = app.control.sites.list_blueprints(cx).await?;
    let order = OrderFields::new(form, blueprints, app.control.settings(), &problems);
    Ok(OrderPage { frame, problems, is_known: false, order })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(typed: &str) -> Vec<String> {
        let view = |(name, available): (&str, bool)| BlueprintView {
            name: name.into(),
            title: name.into(),
            description: String::new(),
            notices: Vec::new(),
            available,
        };
        let blueprints = [("magento", false), ("woocommerce", true), ("ebuilder", true)].map(view);
        let form = OrderForm { blueprint: typed.into(), ..OrderForm::default() };
        let fields = OrderFields::with_base_domain("stoa.test", &form, blueprints.into(), &Problems::default());
        fields.choices.into_iter().filter(|c| c.checked).map(|c| c.view.name).collect()
    }

    #[test]
    fn the_first_available_blueprint_is_preselected() {
        assert_eq!(chosen(""), ["woocommerce"]);
    }

    #[test]
    fn the_selection_is_kept_unless_it_is_unavailable() {
        assert_eq!(chosen("ebuilder"), ["ebuilder"]);
        assert_eq!(chosen("magento"), [""; 0]);
    }
}
