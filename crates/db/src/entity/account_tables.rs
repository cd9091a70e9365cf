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
        second_factor_at: Option<i64>,
    }
    tokens = "tokens" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        hash: Vec<u8>,
        actor: String,
        name: String,
        created_at: i64,
        expires_at: Option<i64>,
        last_used_at: Option<i64>,
        prefix: String,
        abilities: String,
    }
    totp = "totp" {
        #[sea_orm(primary_key, auto_increment = false)] subject: String,
        sealed: String,
        created_at: i64,
        confirmed_at: Option<i64>,
        last_step: i64,
    }
    recovery_codes = "recovery_codes" {
        #[sea_orm(primary_key, auto_increment = false)] subject: String,
        #[sea_orm(primary_key, auto_increment = false)] hash: Vec<u8>,
        created_at: i64,
        used_at: Option<i64>,
    }
    login_flows = "login_flows" {
        #[sea_orm(primary_key, auto_increment = false)] hash: Vec<u8>,
        subject: String,
        tries: i64,
        expires_at: i64,
    }
    login_failures = "login_failures" {
        #[sea_orm(primary_key, auto_increment = false)] account: String,
        failures: i64,
        last_at: i64,
    }
}
