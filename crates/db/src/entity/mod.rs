//! One entity per table. Entities never leave the crate: each module converts them to the model's types, and
//! reports rows that can't be converted.

/// A hash in a column that can be NULL: the macro below takes types with one parameter only.
pub type Bytes = Vec<u8>;

/// Declares one module per table. A column type is one identifier with at most one parameter, because the
/// derive macro parses types as text.
macro_rules! tables {
    ($($table:ident = $name:literal { $($(#[$attr:meta])* $field:ident: $type:tt $(<$inner:tt>)?,)* })*) => {$(
        pub mod $table {
            use sea_orm::entity::prelude::*;
            #[allow(unused_imports, reason = "few tables have such a column")]
            use crate::entity::Bytes;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
            #[sea_orm(table_name = $name)]
            pub struct Model { $($(#[$attr])* pub $field: $type $(<$inner>)?,)* }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    )*};
}

// After the macro: it is visible only below its definition.
mod account_tables;
mod billing_tables;
mod core_tables;
mod domain_tables;
mod site_tables;

pub use self::{account_tables::*, billing_tables::*, core_tables::*, domain_tables::*, site_tables::*};
