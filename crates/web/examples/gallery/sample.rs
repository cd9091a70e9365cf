//! Sample data, with a few hard cases (long words, markup in titles).

use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use stoa_core::view::{Finding, JobView, LogView, StepView, Verdict};
use stoa_model::{
    field::Invalid,
    id::{CustomerId, JobId, SiteId},
    job::{JobKind, JobState},
    site::{Health, SiteState},
    storage::StorageLevel,
};
use stoa_sites::view::{
    BlueprintView, CredentialView, LogLine, OwnerView, ServiceStats, SiteAction, SiteView, StorageView,
};
use stoa_web::{
    pages::{
        accounts::{login, register},
        core::{
            home,
            jobs::{
                show::{JobPage, Outcome, Progress},
                staff_list as staff_jobs,
            },
            staff_overview,
        },
        sites::{delete, list, login_link, logs, order, show, staff_list as staff_sites, staff_order, usage},
    },
    ui::{
        self,
        field::Problems,
        frame::{Frame, Theme, User},
    },
};
use uuid::Uuid;

pub const PAGES: &[&str] = &[
    "home",
    "login",
    "login-wrong",
    "login-in-clear",
    "staff-login",
    "register",
    "register-problems",
    "dashboard",
    "dashboard-empty",
    "order",
    "site",
    "site-revealed",
    "site-failed",
    "site-deleting",
    "site-busy",
    "logs",
    "usage",
    "danger",
    "login-link",
    "job-queued",
    "job-running",
    "job-unwinding",
    "job-ready",
    "job-failed",
    "job-stuck",
    "job-cancelled",
    "docs",
    "staff",
    "staff-jobs",
    "staff-sites",
    "staff-order",
    "error-not-found",
    "error-internal",
    "error-rate-limited",
];

pub fn frame(staff: Option<bool>, path: &str) -> Frame {
    let user = staff.map(|staff| User {
        email: "jane@harbour-street.example".into(),
        label: if staff { "admin".into() } else { "Harbour Street Roasters".into() },
        staff,
    });
    let (csrf, request_id) = ("x".repeat(43), "7f3a9c1be2d04c55a1b2".into());
    Frame {
        product: "Stoa".into(),
        user,
        csrf,
        theme: Theme::Auto,
        path: path.into(),
        request_id,
        is_unencrypted: false,
    }
}

pub fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

pub fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn site(n: u128, title: &str, state: SiteState, health: Health) -> SiteView {
    let label = title.to_lowercase().split(|c: char| !c.is_alphanumeric()).collect::<Vec<_>>().join("-");
    let actions = match state {
        SiteState::Active => {
            vec![SiteAction::Stop, SiteAction::Restart, SiteAction::Delete, SiteAction::LogIn]
        }
        SiteState::Stopped => vec![SiteAction::Start, SiteAction::Delete],
        SiteState::Failed => vec![SiteAction::Retry, SiteAction::Delete],
        SiteState::Deleting => vec![SiteAction::Undelete],
        _ => vec![],
    };
    let hostname = format!("{}.shops.example.com", label.trim_matches('-'));
    SiteView {
        suspensions: Vec::new(),
        id: SiteId::from_uuid(Uuid::from_u128(0x0193_4fd2_7c00_7000_8000_0000_0000_0000 + n)),
        customer: CustomerId::from_uuid(Uuid::from_u128(7)),
        owner: None,
        blueprint: "woocommerce".into(),
        blueprint_title: "WooCommerce".into(),
        title: title.into(),
        url: format!("https://{hostname}"),
        hostname,
        state,
        reason: None,
        health,
        health_at: Some(ago(20)),
        admin_user: "admin".into(),
        created_at: ago(86_400 * 3),
        purge_at: (state == SiteState::Deleting).then(|| ago(-6 * 86_400)),
        notices: vec![
            "The plugin “Stripe for WooCommerce” is not part of the image; install it in the store if you need it."
                .into(),
        ],
        job: matches!(state, SiteState::Provisioning).then(|| JobId::from_uuid(Uuid::from_u128(3))),
        actions,
    }
}

fn owner() -> Option<OwnerView> {
    Some(OwnerView { company: "Harbour Street & Daughters".into(), email: "jane@harbour-street.example".into() })
}

pub fn some_sites() -> Vec<SiteView> {
    let mut failed = site(4, "Second-hand Books", SiteState::Failed, Health::Unknown);
    failed.reason = Some("The database did not start within 60 seconds.".into());
    vec![
        site(1, "Harbour Street Roasters", SiteState::Active, Health::Healthy),
        site(2, "Nordlicht", SiteState::Provisioning, Health::Unknown),
        site(3, "<script>alert('x')</script> & Sons", SiteState::Active, Health::Unhealthy),
        failed,
        site(5, "Donaudampfschifffahrtsgesellschaftskapitänsmützen", SiteState::Stopped, Health::Down),
        site(6, "Winter Sale", SiteState::Deleting, Health::Unknown),
    ]
}

const STEPS: [(&str, &str, u64); 9] = [
    ("Prepare directories", "sites/0193…/0193…", 12),
    ("Make secrets", "4 secrets, sealed", 31),
    ("Render the stack", "2 services, 1 network, 2 volumes", 8),
    ("Start the containers", "web and db are up", 820),
    ("Publish the address", "harbour-street-roasters.shops.example.com", 4),
    ("Verify the store", "GET / answered 200 in 61 ms", 640),
    ("Save the logins", "1 login", 19),
    ("Schedule backups", "every 6 hours", 3),
    ("Send the welcome mail", "to jane@harbour-street.example", 40),
];

fn step(at: usize, n: usize, (title, detail, ms): (&str, &str, u64), state: JobState) -> StepView {
    let word = match state {
        JobState::Queued => "waiting",
        JobState::Succeeded => "done",
        JobState::Running if n < at => "done",
        JobState::Running if n == at => "running",
        JobState::Unwinding if n < at - 1 => "done",
        JobState::Unwinding if n == at - 1 => "undoing",
        JobState::Stuck if n == 3 => "undo_failed",
        JobState::Failed | JobState::Stuck | JobState::Unwinding if n == at => "failed",
        JobState::Cancelled | JobState::Failed | JobState::Stuck if n < at => "undone",
        _ => "waiting",
    };
    StepView {
        name: format!("step-{n}"),
        title: title.into(),
        state: word.into(),
        started_at: (word != "waiting").then(|| ago(2)),
        duration_ms: (word != "waiting").then_some(if word == "running" { 1_340 } else { ms }),
        detail: (word == "done").then(|| detail.into()),
        error: (word == "failed").then(|| "The store answered 503 for 60 seconds.".into()),
    }
}

fn job(state: JobState) -> JobView {
    let lines = [
        "network s-0193 made: 10.213.4.16/28",
        "container db started",
        "db: ready for connections",
        "container web started",
        "web: claimed in 210 ms",
    ];
    let failed = matches!(state, JobState::Failed | JobState::Stuck);
    JobView {
        id: JobId::from_uuid(Uuid::from_u128(0x0193_4fd2_7c00_7000_8000_0000_0000_0009)),
        site: site(1, "x", SiteState::Active, Health::Healthy).id,
        hostname: "harbour-street-roasters.shops.example.com".into(),
        site_title: "Harbour Street Roasters".into(),
        kind: JobKind::Create,
        title: "Create the site".into(),
        state,
        error: failed.then(|| "The store did not answer in time.".into()),
        error_detail: (state == JobState::Stuck)
            .then(|| "while removing network s-0193: network has active endpoints (container 5b1c…)".into()),
        advice: failed.then(|| {
            "Try again in a few minutes. If it fails once more, write to us and name the job's number.".into()
        }),
        can_cancel: matches!(state, JobState::Queued | JobState::Running),
        queued_at: ago(4),
        started_at: (state != JobState::Queued).then(|| ago(2)),
        ended_at: state.is_over().then(now),
        steps: STEPS.iter().enumerate().map(|(n, s)| step(5, n, *s, state)).collect(),
        log: if state == JobState::Queued {
            vec![]
        } else {
            lines
                .iter()
                .zip(0..)
                .map(|(l, seq)| LogView {
                    seq,
                    at: now() - SignedDuration::from_millis(1900 - seq * 300),
                    line: (*l).into(),
                })
                .collect()
        },
    }
}

fn blueprints() -> Vec<BlueprintView> {
    let one = |name: &str, title: &str, description: &str, notices: Vec<String>, available| BlueprintView {
        name: name.into(),
        title: title.into(),
        description: description.into(),
        notices,
        available,
    };
    vec![
        one(
            "woocommerce",
            "WooCommerce",
            "A WordPress store with catalogue, basket and checkout, ready to sell.",
            vec![
                "The plugin “Stripe for WooCommerce” is not part of the image; install it in the store if you need it."
                    .into(),
            ],
            true,
        ),
        one("ebuilder", "Site builder", "One small application for pages, posts and a contact form.", vec![], true),
        one("magento", "Magento", "A large catalogue with search and caching.", vec![], false),
    ]
}

fn problems() -> Problems {
    Problems::of_fields(vec![
        Invalid::new("email", "The part after the @ is not a valid domain."),
        Invalid::new("password", "Use at least 10 characters."),
        Invalid::new("subdomain", "This name is reserved. Please choose another one."),
    ])
}

fn order_fields(form: &order::OrderForm, problems: &Problems) -> order::OrderFields {
    order::OrderFields::with_base_domain("shops.example.com", form, blueprints(), problems)
}

pub fn page(name: &str, theme: Theme) -> Option<Response> {
    let themed = |staff, path: &str| Frame { theme, ..frame(staff, path) };
    if crate::edge::PAGES.contains(&name) {
        return crate::edge::page(name, &themed);
    }
    Some(match name.split('-').next()? {
        "home" => ui::ok(&home::HomePage { frame: themed(None, "/"), example: "your-name.shops.example.com".into() }),
        "login" | "register" | "order" => form_page(name, &themed),
        "dashboard" => {
            let sites = if name == "dashboard" { some_sites() } else { vec![] };
            let sites = sites.into_iter().map(|s| list::SiteCard::new(s, now())).collect();
            ui::ok(&list::DashboardPage { frame: themed(Some(false), "/dashboard"), sites, next: None, busy: false })
        }
        "site" | "logs" | "usage" | "danger" => site_page(name, &themed),
        "job" => job_page(name, &themed)?,

        "docs" => ui::ok(&stoa_web::api::core::docs::DocsPage::new(themed(None, "/api/docs"))),
        "staff" => staff_page(name, &themed)?,
        _ => return None,
    })
}

fn form_page(name: &str, themed: &dyn Fn(Option<bool>, &str) -> Frame) -> Response {
    match name {
        "login-link" => ui::ok(&login_link::LoginLinkPage {
            frame: themed(Some(false), "/"),
            title: "Harbour Street Roasters".into(),
            link: "/home".into(),
        }),
        "login" => {
            ui::ok(&login::LoginPage::new(themed(None, "/login"), false, &Default::default(), Problems::default()))
        }
        "login-in-clear" => {
            let frame = Frame { is_unencrypted: true, ..themed(None, "/login") };
            ui::ok(&login::LoginPage::new(frame, false, &Default::default(), Problems::default()))
        }
        "login-wrong" => ui::ok(&login::LoginPage::new(
            themed(None, "/login"),
            false,
            &Default::default(),
            Problems::general("E-mail address or password are wrong."),
        )),
        "register" => {
            let order = order_fields(&Default::default(), &Problems::default());
            ui::ok(&register::RegisterPage::new(
                themed(None, "/register"),
                &Default::default(),
                order,
                Problems::default(),
            ))
        }
        "register-problems" => {
            let order = order::OrderForm {
                subdomain: "admin".into(),
                title: "Harbour Street \"Roasters\"".into(),
                ..Default::default()
            };
            let fields = order_fields(&order, &problems());
            let form = register::RegisterForm {
                email: "jane@-".into(),
                company: "Harbour".into(),
                order,
                ..Default::default()
            };
            ui::ok(&register::RegisterPage::new(themed(None, "/register"), &form, fields, problems()))
        }
        _ => {
            let order = order_fields(&Default::default(), &Problems::default());
            ui::ok(&order::OrderPage { frame: themed(Some(false), "/sites/new"), problems: Problems::default(), order })
        }
    }
}

fn site_page(name: &str, themed: &dyn Fn(Option<bool>, &str) -> Frame) -> Response {
    let frame = themed(Some(false), "/sites/x");
    let sites = some_sites();
    let head = show::SiteHead::new(&sites[0]);
    match name {
        "logs" => {
            let line = |n: u32| LogLine {
                service: if n.is_multiple_of(3) { "db" } else { "web" }.into(),
                at: format!("2026-11-21T09:5{}:00Z", n % 10),
                line: format!("10.213.4.17 - - \"GET /shop/page/{n} HTTP/1.1\" 200 4312 \"Mozilla/5.0\""),
            };
            let (missing, tail, choices) = (None, 100, [100, 500, 2000]);
            let page = logs::LogPage { frame, head, has_lines: true, missing, tail, choices };
            logs::respond(&page, (0..40).map(line).collect(), ())
        }
        "usage" => ui::ok(&usage::UsagePage {
            frame,
            head,
            services: stats().into_iter().map(Into::into).collect(),
            missing: None,
            storage: usage::StorageLines::new(storage(), now()),
        }),
        "danger" => ui::ok(&delete::DeletePage::new(frame, head, "7 days".into(), "", Problems::default())),
        _ => {
            let n = match name {
                "site-busy" => 1,
                "site-failed" => 3,
                "site-deleting" => 5,
                _ => 0,
            };
            let revealed = (name == "site-revealed").then(|| (0, "kT7mPq2#vN9xWz4rBd8L".to_owned().into()));
            let credentials = vec![CredentialView {
                ordinal: 0,
                label: "Store administration".into(),
                url: format!("{}/wp-admin/", sites[0].url),
                username: "admin".into(),
            }];
            let history = [
                (3_600, "Restarted by jane@harbour-street.example"),
                (86_000, "The store became active"),
                (86_400, "Ordered"),
            ];
            let data = show::SiteData {
                credentials: Some(if n == 0 { credentials } else { vec![] }),
                jobs: vec![job(JobState::Succeeded), job(JobState::Failed)],
                history: history.iter().map(|(s, t)| (ago(*s), "x".into(), (*t).to_owned())).collect(),
                traffic: if name == "site-failed" { vec![] } else { crate::edge::busy(24) },
                storage: (n == 0).then(|| storage().message).flatten(),
                site: sites.into_iter().nth(n).unwrap(),
            };
            ui::ok(&show::SitePage::new(frame, data, revealed, now()))
        }
    }
}

fn storage() -> StorageView {
    StorageView {
        bytes: 86 << 26,
        limit: 6 << 30,
        level: StorageLevel::NearlyFull,
        message: Some("Storage is 90 % full: 5.4 GB of 6.0 GB. When it is full, uploads are refused.".into()),
        volumes: [("content".into(), 70 << 26), ("data".into(), 16 << 26)].into(),
        measured_at: Some(ago(140)),
        days: Vec::new(),
    }
}

fn stats() -> Vec<ServiceStats> {
    vec![
        ServiceStats { service: "web".into(), cpu_milli: 123, memory: 310 << 20, memory_limit: 1 << 30, pids: 14 },
        ServiceStats { service: "db".into(), cpu_milli: 18, memory: 460 << 20, memory_limit: 512 << 20, pids: 31 },
    ]
}

fn job_page(name: &str, themed: &dyn Fn(Option<bool>, &str) -> Frame) -> Option<Response> {
    let state = match name.strip_prefix("job-")? {
        "queued" => JobState::Queued,
        "running" => JobState::Running,
        "unwinding" => JobState::Unwinding,
        "ready" => JobState::Succeeded,
        "failed" => JobState::Failed,
        "stuck" => JobState::Stuck,
        _ => JobState::Cancelled,
    };
    let site_state =
        if matches!(state, JobState::Failed | JobState::Cancelled) { SiteState::Failed } else { SiteState::Active };
    let site = site(1, "Harbour Street Roasters", site_state, Health::Healthy);
    let progress = Progress::new(job(state), &site, "x".into(), state == JobState::Stuck, now());
    let live = progress.outcome == Outcome::Running;
    Some(ui::ok(&JobPage { frame: themed(Some(state == JobState::Stuck), "/jobs/x"), progress, live }))
}

fn staff_page(name: &str, themed: &dyn Fn(Option<bool>, &str) -> Frame) -> Option<Response> {
    let line = |state| staff_jobs::StaffJob::new(job(state), now());
    Some(match name {
        "staff-login" => {
            ui::ok(&login::LoginPage::new(themed(None, "/staff/login"), true, &Default::default(), Problems::default()))
        }
        "staff" => {
            let counts = vec![
                (SiteState::Active, 41),
                (SiteState::Provisioning, 1),
                (SiteState::Failed, 2),
                (SiteState::Stopped, 3),
            ];
            let finding = |check: &str, verdict, found: &str, remedy: Option<&str>| Finding {
                check: check.into(),
                verdict,
                found: found.into(),
                remedy: remedy.map(Into::into),
            };
            let findings = vec![
                finding("Docker engine", Verdict::Good, "28.5, answers in 3 ms", None),
                finding(
                    "Disk",
                    Verdict::Warning,
                    "11 GB of 80 GB free",
                    Some("Free some room, or move the data directory."),
                ),
                finding(
                    "Image of magento",
                    Verdict::Bad,
                    "stoa/magento:1 is not on the engine",
                    Some("Build it with `make images`."),
                ),
            ];
            ui::ok(&staff_overview::OverviewPage::new(
                themed(Some(true), "/staff"),
                counts,
                (vec![line(JobState::Stuck)], vec![line(JobState::Failed)]),
                2,
                findings,
            ))
        }
        "staff-jobs" => {
            let all = JobState::ALL.iter().map(|s| line(*s)).collect();
            ui::ok(&staff_jobs::JobsPage::new(themed(Some(true), "/staff/jobs"), None, all, Some("job_1".into()), true))
        }
        "staff-sites" => {
            let sites = some_sites()
                .into_iter()
                .map(|s| list::SiteCard::new(SiteView { owner: owner(), ..s }, now()))
                .collect();
            let frame = themed(Some(true), "/staff/sites");
            ui::ok(&staff_sites::SitesPage { frame, sites, next: None, may_order: true })
        }
        "staff-order" => {
            let order = order_fields(&Default::default(), &Problems::default());
            let frame = themed(Some(true), "/staff/sites/new");
            ui::ok(&staff_order::StaffOrderPage::new(frame, &Default::default(), order, Problems::default()))
        }
        _ => return None,
    })
}
