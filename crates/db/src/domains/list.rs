//! Custom domains as screens list them.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use stoa_model::domain::{Domain, DomainState};

use super::read;
use crate::{
    Conn, DbError,
    codec::Row,
    entity::domains,
    listing::{Window, mentions, needle},
};

/// Which domains a list shows; all that are not removed by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainFilter {
    /// Only those in this state.
    pub state: Option<DomainState>,
    /// Only those with this text in their name.
    pub text: Option<String>,
}

/// A part of the filtered list, newest first.
pub async fn domains_listed(c: &impl Conn, filter: &DomainFilter, window: Window) -> Result<Vec<Domain>, DbError> {
    let found = filtered(filter).order_by_desc(domains::Column::Id).offset(window.offset).limit(window.limit);
    read(found.all(c.raw()).await?)
}

/// How many domains the filter finds in each state; states without domains are left out.
pub async fn domains_by_state(c: &impl Conn, filter: &DomainFilter) -> Result<Vec<(DomainState, u64)>, DbError> {
    let counted = filtered(filter)
        .select_only()
        .column(domains::Column::State)
        .column_as(domains::Column::Id.count(), "n")
        .group_by(domains::Column::State);
    let rows: Vec<(String, i64)> = counted.into_tuple().all(c.raw()).await?;
    let read = Row { table: "domains", id: &"(counts)" };
    rows.into_iter().map(|(state, n)| Ok((read.parse(&state)?, read.number(n)?))).collect()
}

fn filtered(filter: &DomainFilter) -> Select<domains::Entity> {
    let mut found = domains::Entity::find().filter(domains::Column::State.ne(DomainState::Removed.as_str()));
    if let Some(state) = filter.state {
        found = found.filter(domains::Column::State.eq(state.as_str()));
    }
    if let Some(text) = needle(filter.text.as_deref()) {
        found = found.filter(mentions(domains::Column::Name, &text));
    }
    found
}
