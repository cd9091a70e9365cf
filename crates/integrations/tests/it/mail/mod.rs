//! Delivery over SMTP: to real servers, and to a scripted one for faults that no real one produces on demand.

mod faults;
mod real;
mod scripted;

use std::{path::PathBuf, time::Duration};

use stoa_integrations::mail::{Email, Mailer, Security, Sender, Smtp, SmtpConfig};
use stoa_model::{mail::MailKind, text::EmailAddress};

/// A mailer for a server on this machine.
fn mailer(port: u16, security: Security, roots: Option<PathBuf>, login: Option<(&str, &str)>) -> Mailer {
    mailer_of(config(port, security, roots, login))
}

fn config(port: u16, security: Security, roots: Option<PathBuf>, login: Option<(&str, &str)>) -> SmtpConfig {
    SmtpConfig {
        host: "localhost".into(),
        port,
        security,
        login: login.map(|(user, password)| (user.to_owned(), password.to_owned().into())),
        roots,
        hello: "stoa.example".into(),
        timeout: Duration::from_secs(60),
    }
}

fn mailer_of(config: SmtpConfig) -> Mailer {
    let address = EmailAddress::parse("noreply@stoa.example").expect("an address");
    Mailer::Smtp { server: Smtp::new(config).expect("good roots"), from: Sender { address, name: "Stoa".into() } }
}

fn email(to: &str) -> Email {
    Email {
        key: format!("welcome/{to}"),
        kind: MailKind::Welcome,
        to: EmailAddress::parse(to).expect("an address"),
        subject: "Café Łódź is online 🛒".into(),
        text: "Hi,\n\n.a line with a dot in front, Grüße".into(),
        html: "<p>Hi,</p><p>Grüße</p>".into(),
    }
}
