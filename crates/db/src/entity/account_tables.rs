//! The tables of the area `accounts`.

tables! {
    customers = "customers" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        email: String,
        company: String,
        password_hash: String,
        created_at: i64,
    }
    staff = "staff" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        email: String,
        role: String,
        password_hash: String,
        created_at: i64,
    }
    sessions = "sessions" {
        #[sea_orm(primary_key, auto_increment = false)] id_hash: Vec<u8>,
        actor: String,
        csrf: String,
        created_at: i64,
        seen_at: i64,
    }
    tokens = "tokens" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        hash: Vec<u8>,
        actor: String,
        name: String,
        created_at: i64,
        expires_at: Option<i64>,
        last_used_at: Option<i64>,
    }
}
