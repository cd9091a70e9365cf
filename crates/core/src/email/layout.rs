//! How an e-mail looks: a calm letter in light and dark, without images, scripts or trackers.
//!
//! Styles are written at each element, because some programs drop style sheets; the sheet in the head only changes colors
//! for the dark. Lines are short and ASCII, so that the message needs no encoding that makes it hard to read.

use std::fmt::Write;

use stoa_model::text::EmailAddress;

use super::Block;

/// Everything that is on an e-mail.
pub(super) struct Page<'a> {
    pub(super) subject: &'a str,
    pub(super) product: &'a str,
    pub(super) support: Option<&'a EmailAddress>,
    pub(super) greets: bool,
    pub(super) blocks: &'a [Block],
}

const HEAD: &str = r#"<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
.ground { background: #121519 !important; }
.sheet { background: #1a1e24 !important; border-color: #333a44 !important; }
.ink { color: #e8e6e1 !important; }
.soft { color: #a9b0ba !important; }
.link { color: #8dbbee !important; }
.button { background: #8dbbee !important; color: #0c1a29 !important; }
}
</style>
"#;

const FONT: &str = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

impl Page<'_> {
    /// The text, for programs that show no HTML.
    pub(super) fn text(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        if self.greets {
            parts.push("Hi,".into());
        }
        let mut after_fact = false;
        for block in self.blocks {
            let is_fact = matches!(block, Block::Fact { .. } | Block::Secret { .. });
            let part = match block {
                Block::Paragraph(text) | Block::SmallPrint(text) => text.clone(),
                Block::Button { label, url } => format!("{label}:\n{url}"),
                Block::Fact { name, value } | Block::Secret { name, value } => format!("{name}: {value}"),
            };
            match parts.last_mut() {
                Some(last) if is_fact && after_fact => {
                    last.push('\n');
                    last.push_str(&part);
                }
                _ => parts.push(part),
            }
            after_fact = is_fact;
        }
        let support = self.support.map(|address| format!("\nQuestions? Write to {address}."));
        parts.push(format!("-- \n{}{}", self.product, support.unwrap_or_default()));
        parts.join("\n\n") + "\n"
    }

    /// The HTML.
    pub(super) fn html(&self) -> String {
        let (subject, product) = (escape(self.subject), escape(self.product));
        let mut rows = String::new();
        if self.greets {
            rows.push_str(&paragraph("Hi,"));
        }
        for block in self.blocks {
            rows.push_str(&match block {
                Block::Paragraph(text) => paragraph(&escape(text)),
                Block::Button { label, url } => button(&escape(label), &escape(url)),
                Block::Fact { name, value } | Block::Secret { name, value } => fact(&escape(name), value),
                Block::SmallPrint(text) => small(&escape(text)),
            });
        }
        let support = self.support.map_or_else(String::new, |address| {
            let address = escape(address.as_str());
            format!("<br>\nQuestions? Write to <a class=\"link\" style=\"color:#1b5790\"\n href=\"mailto:{address}\">{address}</a>.")
        });
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n{HEAD}<title>{subject}</title>\n</head>\n\
             <body class=\"ground\" style=\"margin:0;padding:0;background:#f7f6f2\">\n\
             <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\n\
             <tr><td align=\"center\" style=\"padding:32px 16px\">\n\
             <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"\n \
             style=\"max-width:560px;text-align:left\">\n\
             <tr><td class=\"ink\" style=\"{FONT};\n font-size:18px;font-weight:600;color:#1d2126;padding:0 4px 16px\">{product}</td></tr>\n\
             <tr><td class=\"sheet\" style=\"background:#ffffff;border:1px solid #dedbd2;\n border-radius:8px;padding:28px 28px 12px\">\n\
             {rows}</td></tr>\n\
             <tr><td class=\"soft\" style=\"{FONT};\n font-size:14px;line-height:1.5;color:#5b626b;padding:16px 4px 0\">{product}{support}</td></tr>\n\
             </table>\n</td></tr>\n</table>\n</body>\n</html>\n"
        )
    }
}

fn paragraph(html: &str) -> String {
    format!(
        "<p class=\"ink\" style=\"{FONT};\n font-size:16px;line-height:1.55;color:#1d2126;\n overflow-wrap:anywhere;word-break:break-word;margin:0 0 16px\">{html}</p>\n"
    )
}

fn small(html: &str) -> String {
    format!(
        "<p class=\"soft\" style=\"{FONT};\n font-size:14px;line-height:1.5;color:#5b626b;margin:0 0 16px\">{html}</p>\n"
    )
}

fn button(label: &str, url: &str) -> String {
    format!(
        "<p style=\"margin:8px 0 24px\"><a class=\"button\" style=\"{FONT};\n font-size:16px;font-weight:600;\
         line-height:1.3;display:inline-block;\n background:#1b5790;color:#ffffff;text-decoration:none;\
         padding:12px 22px;border-radius:6px\"\n href=\"{url}\">{label}</a></p>\n"
    )
}

fn fact(name: &str, value: &str) -> String {
    let shown = escape(value);
    let shown = if value.starts_with("https://") || value.starts_with("http://") {
        format!("<a class=\"link\" style=\"color:#1b5790;word-break:break-word\"\n href=\"{shown}\">{shown}</a>")
    } else {
        shown
    };
    format!(
        "<p class=\"ink\" style=\"{FONT};\n font-size:16px;line-height:1.5;color:#1d2126;\n overflow-wrap:anywhere;word-break:break-word;margin:0 0 12px\">\
         <span class=\"soft\" style=\"font-size:14px;color:#5b626b\">{name}</span><br>\n{shown}</p>\n"
    )
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("<br>\n"),
            other if other.is_ascii() => out.push(other),
            other => {
                let _ = write!(out, "&#{};", u32::from(other));
            }
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use stoa_model::mail::MailKind;

    use super::*;
    use crate::{
        Settings,
        email::{EmailBody, EmailDraft},
    };

    fn draft(body: EmailBody) -> EmailDraft {
        EmailDraft {
            key: "k".into(),
            kind: MailKind::Other,
            to: EmailAddress::parse("jane@example.com").expect("an address"),
            subject: "A <subject>".into(),
            body,
        }
    }

    fn settings() -> Settings {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 8080));
        let mut settings = Settings::trial("data".into(), "blueprints".into(), address);
        settings.support_email = EmailAddress::parse("help@stoa.example").ok();
        settings
    }

    #[test]
    fn what_is_kept_has_neither_secrets_nor_links() {
        let body = EmailBody::new("Log in.")
            .secret("Temporary password", "open sesame")
            .button("Log in", "https://a.example/x");
        let kept = draft(body).render_without_links(&settings());
        for text in [kept.text, kept.html] {
            assert!(!text.contains("sesame") && !text.contains("a.example/x"), "{text}");
            assert!(text.contains("[secret]") && text.contains("[link]"), "{text}");
        }
    }

    #[test]
    fn text_and_html_say_the_same() {
        let body = EmailBody::new("Your store is online.")
            .button("Open your store", "https://shop.example/?a=1&b=2")
            .fact("User name", "jane")
            .fact("Administration", "https://shop.example/wp-admin/")
            .small_print("Change the password.");
        let email = draft(body).render(&settings());
        assert_eq!(
            email.text,
            "Hi,\n\nYour store is online.\n\nOpen your store:\nhttps://shop.example/?a=1&b=2\n\nUser name: jane\n\
             Administration: https://shop.example/wp-admin/\n\nChange the password.\n\n-- \nStoa\n\
             Questions? Write to help@stoa.example.\n"
        );
        for part in [
            "href=\"https://shop.example/?a=1&amp;b=2\">Open your store</a>",
            "User name</span><br>\njane",
            "mailto:help@stoa.example",
            "<title>A &lt;subject&gt;</title>",
        ] {
            assert!(email.html.contains(part), "{part} in {}", email.html);
        }
        let lower = email.html.to_lowercase();
        for absent in ["<img", "<script", "url(", "<link", "@import", "@font-face"] {
            assert!(!lower.contains(absent), "{absent}: nothing is loaded, so nothing tracks");
        }
    }

    #[test]
    fn hostile_names_are_escaped_and_lines_stay_short() {
        let name = "<script>alert('x')</script> & \"Grüße\" 🛒";
        let email = draft(EmailBody::new(name).button(name, "https://x/\"><b>").fact(name, name)).render(&settings());
        assert!(!email.html.contains("<script") && !email.html.contains("<b>"), "{}", email.html);
        assert!(
            email.html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;Gr&#252;&#223;e&quot;")
        );
        assert!(email.html.is_ascii());
        assert!(email.html.lines().all(|line| line.len() < 900), "{}", email.html);
    }

    #[test]
    fn what_is_kept_has_no_secret_link() {
        let draft = draft(EmailBody::new("Reset it.").button("Choose a new password", "https://x/reset/SECRET"));
        assert!(draft.render(&settings()).text.contains("https://x/reset/SECRET"));
        let kept = draft.render_without_links(&settings());
        assert!(!format!("{kept:?}").contains("SECRET"), "{kept:?}");
        assert!(kept.text.contains("Choose a new password:\n[link]"), "{}", kept.text);
    }

    #[test]
    fn the_longest_email_is_not_clipped() {
        // Gmail clips at 102 kB. The longest is an alert about 20 certificates.
        let body = (0..20).fold(EmailBody::new("x"), |body, _| body.paragraph("x".repeat(500)));
        assert!(draft(body).render(&settings()).html.len() < 100_000);
    }
}
