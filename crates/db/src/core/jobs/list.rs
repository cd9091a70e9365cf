//! Jobs as screens list them.

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select};
use stoa_model::job::{Job, JobKind, JobState};

use super::{read, without_plan};
use crate::{
    Conn, DbError,
    codec::Row,
    entity::{jobs, sites},
    listing::{Window, mentions, needle},
};

/// Which jobs a list shows; all by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those of this kind.
    pub kind: Option<JobKind>,
    /// Only those of sites with this text in their title or hostname.
    pub text: Option<String>,
}

/// A part of the filtered list, newest first.
pub async fn jobs_listed(c: &impl Conn, filter: &JobFilter, window: Window) -> Result<Vec<Job>, DbError> {
    let found = filtered(filter).order_by_desc(jobs::Column::Id).offset(window.offset).limit(window.limit);
    read(without_plan(found).all(c.raw()).await?)
}

/// How many jobs the filter finds in each state; states without jobs are left out.
pub async fn jobs_by_state(c: &impl Conn, filter: &JobFilter) -> Result<Vec<(JobState, u64)>, DbError> {
    let counted = filtered(filter)
        .select_only()
        .column(jobs::Column::State)
        .column_as(jobs::Column::Id.count(), "n")
        .group_by(jobs::Column::State);
    let rows: Vec<(String, i64)> = counted.into_tuple().all(c.raw()).await?;
    let read = Row { table: "jobs", id: &"(counts)" };
    rows.into_iter().map(|(state, n)| Ok((read.parse(&state)?, read.number(n)?))).collect()
}

fn filtered(filter: &JobFilter) -> Select<jobs::Entity> {
    let mut found = jobs::Entity::find();
    if let Some(state) = filter.state {
        found = found.filter(jobs::Column::State.eq(state.as_str()));
    }
    if let Some(kind) = filter.kind {
        found = found.filter(jobs::Column::Kind.eq(kind.as_str()));
    }
    if let Some(text) = needle(filter.text.as_deref()) {
        let of_site =
            Condition::any().add(mentions(sites::Column::Title, &text)).add(mentions(sites::Column::Hostname, &text));
        let sites = sites::Entity::find().select_only().column(sites::Column::Id).filter(of_site).into_query();
        found = found.filter(jobs::Column::Site.in_subquery(sites));
    }
    found
}
