//! The account's API tokens: create, list, revoke. A new secret is in the response to its creation and nowhere else.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use stoa_accounts::{MAX_TOKEN_DAYS, command::CreateToken, view::TokenView};
use stoa_core::RequestContext;
use stoa_model::{ability::Ability, id::TokenId};

use super::confirm::recent_context;
use crate::{
    app::App,
    extract::{body::Form, id::Id, permissions::LoggedIn},
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
        inputs::{Checkbox, Select},
        time::{Moment, day, moment},
    },
};

/// `/account/tokens`
#[derive(Template)]
#[template(path = "accounts/tokens.html")]
pub struct TokensPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// A token that was just created: its name and secret.
    pub created: Option<(String, String)>,
    /// The account's tokens.
    pub tokens: Vec<TokenRow>,
    /// Name of a new token.
    pub name: Field,
    /// What a new token may do.
    pub abilities: Vec<Checkbox>,
    /// Error message of the abilities.
    pub abilities_problem: Option<String>,
    /// Days until a new token expires.
    pub days: Select,
}

/// A token in the list.
pub struct TokenRow {
    /// Id.
    pub id: TokenId,
    /// Name.
    pub name: String,
    /// The start of its secret.
    pub prefix: String,
    /// What it may do.
    pub abilities: String,
    /// When it expires.
    pub expires: String,
    /// Whether it has expired.
    pub is_expired: bool,
    /// When it was last used.
    pub last_used: Option<Moment>,
}

impl TokenRow {
    fn new(token: TokenView, now: Timestamp) -> Self {
        Self {
            id: token.id,
            name: token.name,
            prefix: token.prefix,
            abilities: token.abilities.iter().map(|ability| ability.as_str()).collect::<Vec<_>>().join(", "),
            expires: token.expires_at.map_or_else(|| "never".into(), day),
            is_expired: token.expires_at.is_some_and(|end| end <= now),
            last_used: token.last_used_at.map(|at| moment(at, now)),
        }
    }
}

/// Input of the form: a field for each ability, because a checkbox that isn't checked is not sent.
#[derive(Deserialize, Default)]
pub struct TokenForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    days: String,
    #[serde(default)]
    read: String,
    #[serde(default)]
    secrets: String,
    #[serde(default)]
    write: String,
    #[serde(default)]
    deploy: String,
    #[serde(default)]
    billing: String,
    #[serde(default)]
    confirm_password: SecretString,
}

/// Field, label and hint of each ability.
const ABILITIES: [(Ability, &str, &str, &str); 5] = [
    (Ability::Read, "read", "Read", "See sites, domains, jobs and logs."),
    (Ability::ReadSecrets, "secrets", "Read secrets", "Show passwords of sites and open their admin."),
    (Ability::Write, "write", "Write", "Create, change and delete sites and domains."),
    (Ability::Deploy, "deploy", "Deploy", "Update the software of existing sites."),
    (Ability::Billing, "billing", "Billing", "See and change plans and invoices."),
];

const LIFETIMES: [(&str, &str); 4] = [("30", "30 days"), ("90", "90 days"), ("180", "180 days"), ("366", "1 year")];

impl TokenForm {
    fn is_checked(&self, ability: Ability) -> bool {
        let field = match ability {
            Ability::Read => &self.read,
            Ability::ReadSecrets => &self.secrets,
            Ability::Write => &self.write,
            Ability::Deploy => &self.deploy,
            Ability::Billing => &self.billing,
        };
        !field.is_empty()
    }

    /// What was typed, for the page that asks for the password first.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let chosen = ABILITIES.into_iter().filter(|(ability, ..)| self.is_checked(*ability));
        let chosen = chosen.map(|(_, field, ..)| (field, "yes".to_owned()));
        [("name", self.name.clone()), ("days", self.days.clone())].into_iter().chain(chosen).collect()
    }

    fn command(&self) -> CreateToken {
        CreateToken {
            name: self.name.clone(),
            abilities: Ability::ALL.into_iter().filter(|ability| self.is_checked(*ability)).collect(),
            // Anything but a number is refused as an expiry of no days.
            days: self.days.parse().unwrap_or(0),
        }
    }
}

/// `GET /account/tokens`
pub async fn show(State(app): State<App>, LoggedIn(cx): LoggedIn, frame: Frame) -> Result<Response, HttpError> {
    let form = TokenForm { read: "yes".into(), days: "90".into(), ..TokenForm::default() };
    Ok(ui::ok(&page(&app, &cx, frame, &form, Problems::default()).await?))
}

/// `POST /account/tokens`
pub async fn create(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    frame: Frame,
    Form(form): Form<TokenForm>,
) -> Result<Response, HttpError> {
    let cx = match recent_context(&app, cx, &frame, ("/account/tokens", form.fields()), &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    match app.control.accounts.create_token(&cx, form.command()).await {
        Ok(new) => {
            let empty = TokenForm { read: "yes".into(), days: "90".into(), ..TokenForm::default() };
            let page = page(&app, &cx, frame, &empty, Problems::default()).await?;
            let created = Some((new.token.name, new.secret.expose_secret().to_owned()));
            Ok(ui::ok(&TokensPage { created, ..page }))
        }
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let response = form_errors.response();
            Ok(response.page(&page(&app, &cx, frame, &form, form_errors.problems).await?))
        }
    }
}

/// `POST /account/tokens/{id}/revoke`
pub async fn revoke(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<TokenId>,
) -> Result<Response, HttpError> {
    app.control.accounts.revoke_token(&cx, id).await?;
    Ok(ui::see_other("/account/tokens").into_response())
}

async fn page(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    form: &TokenForm,
    problems: Problems,
) -> Result<TokensPage, HttpError> {
    let tokens = app.control.accounts.list_tokens(cx).await?;
    let checkbox = |(ability, field, label, hint)| Checkbox::new(field, label, form.is_checked(ability)).hint(hint);
    debug_assert_eq!(LIFETIMES[3].0.parse(), Ok(MAX_TOKEN_DAYS));
    Ok(TokensPage {
        frame,
        created: None,
        tokens: tokens.into_iter().map(|token| TokenRow::new(token, cx.now)).collect(),
        name: Field::text("name", "Name", &form.name)
            .hint("Which program will use it, such as \"CI\".")
            .with(&problems),
        abilities: ABILITIES.into_iter().map(checkbox).collect(),
        abilities_problem: problems.of("abilities").map(str::to_owned),
        days: Select::new("days", "Expires after", LIFETIMES, &form.days).with(&problems),
        problems,
    })
}
