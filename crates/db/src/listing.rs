//! Lists of screens: searched, filtered, sorted and paged by number, so that one can go to and fro and see how many
//! there are. What programs read is paged by [keys](crate::Page).

use sea_orm::{
    ColumnTrait,
    sea_query::{Expr, ExprTrait, Func, LikeExpr, SimpleExpr},
};

/// Part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows before it.
    pub offset: u64,
    /// Maximum number of rows.
    pub limit: u64,
}

impl Window {
    /// The first `limit` rows.
    pub const fn first(limit: u64) -> Self {
        Self { offset: 0, limit }
    }
}

/// A text to search for; `None` if it is blank.
pub(crate) fn needle(text: Option<&str>) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    let text = text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    Some(format!("%{text}%"))
}

/// Case-insensitive substring search in which no character is a wildcard. Beyond ASCII, SQLite distinguishes the case.
pub(crate) fn mentions(column: impl ColumnTrait, needle: &str) -> SimpleExpr {
    let lower = Func::lower(Expr::col((column.entity_name(), column)));
    Expr::from(lower).like(LikeExpr::new(needle).escape('!'))
}
