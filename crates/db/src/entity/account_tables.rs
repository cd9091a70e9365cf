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
        auth_epoch: i64,
        name: Option<String>,
        deactivated_at: Option<i64>,
        deleted_at: Option<i64>,
        password_expires_at: Option<i64>,
        last_login_at: Option<i64>,
        version: i64,
    }
    users = "users" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        email: String,
        claimed_email: Option<String>,
        password_hash: String,
        email_verified_at: Option<i64>,
        auth_epoch: i64,
        customer: Option<Uuid>,
        created_at: i64,
        close_at: Option<i64>,
    }
    members = "members" {
        #[sea_orm(primary_key, auto_increment = false)] customer: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] user_id: Uuid,
        role: String,
        created_at: i64,
    }
    one_time = "one_time" {
        #[sea_orm(primary_key, auto_increment = false)] hash: Vec<u8>,
        purpose: String,
        subject: String,
        email: String,
        binding: String,
        created_at: i64,
        expires_at: i64,
        used_at: Option<i64>,
    }
    invitations = "invitations" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        customer: Uuid,
        email: String,
        open_email: Option<String>,
        role: String,
        hash: Vec<u8>,
        inviter: Uuid,
        created_at: i64,
        expires_at: i64,
        ended_at: Option<i64>,
        outcome: Option<String>,
    }
    sessions = "sessions" {
        #[sea_orm(primary_key, auto_increment = false)] id_hash: Vec<u8>,
        actor: String,
        csrf: String,
        created_at: i64,
        seen_at: i64,
        second_factor_at: Option<i64>,
        public_id: Option<Uuid>,
        customer: Option<Uuid>,
        auth_epoch: Option<i64>,
        authenticated_at: Option<i64>,
        ends_at: Option<i64>,
        address: Option<String>,
        agent: Option<String>,
        viewed_customer: Option<Uuid>,
        staff_ends_at: Option<i64>,
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
    passkeys = "passkeys" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        subject: String,
        credential: Vec<u8>,
        name: String,
        public_key: String,
        created_at: i64,
        last_used_at: Option<i64>,
    }
    passkey_challenges = "passkey_challenges" {
        #[sea_orm(primary_key, auto_increment = false)] hash: Vec<u8>,
        subject: String,
        state: String,
        expires_at: i64,
    }
    customer_notes = "customer_notes" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        customer: Uuid,
        author: Uuid,
        text: String,
        created_at: i64,
    }
}
