//! The file of one site: a server for each group of its names that are treated alike.

use std::{net::SocketAddr, slice};

use stoa_model::{
    certificate::Certificate,
    host::Hostname,
    id::{CertificateId, SiteId},
    route::{Notice, RouteLimits, Target},
};

use super::{
    conf::{BadWord, Conf, Word},
    config::Settings,
    pages,
    render::Context,
};
use crate::{limits::Refusal, page::Page, plan::Group};

/// Idle connections to a site that each worker of nginx keeps.
const IDLE: u64 = 32;

/// More than this nginx can't count (its `limit_conn`); so many are as good as no limit.
const MOST_IN_FLIGHT: u32 = 65_535;

/// How long a site may take where the table does not say, in seconds; as in the embedded edge.
pub(crate) const PATIENCE: u64 = 600;

/// Writes the file.
pub(crate) fn file(site: SiteId, groups: &[Group<'_>], context: &Context<'_>) -> Result<String, BadWord> {
    let mut conf = Conf::new();
    let mut upstreams: Vec<SocketAddr> = Vec::new();
    for group in groups {
        if let Target::Upstream(address) = group.target
            && !upstreams.contains(address)
        {
            upstreams.push(*address);
        }
    }
    for address in &upstreams {
        conf.block("upstream", &[upstream(site, *address, &upstreams)], |conf| {
            conf.line("server", &[Word::address(*address)]);
            conf.line("keepalive", &[Word::number(IDLE)]);
        });
    }
    for group in groups {
        Server { site, group, context, upstreams: &upstreams }.write(&mut conf)?;
    }
    Ok(conf.finish())
}

/// The name of a site's upstream with this address. nginx compares each new one with all before it,
/// so the digits come backwards: ids of the same time begin alike but end at random.
fn upstream(site: SiteId, address: SocketAddr, all: &[SocketAddr]) -> Word {
    let place = all.iter().position(|one| *one == address).unwrap_or(0);
    Word::joined(&[Word::backwards(site), Word::amount("_stoa_", place as u64, "")])
}

/// One group's server.
struct Server<'a> {
    site: SiteId,
    group: &'a Group<'a>,
    context: &'a Context<'a>,
    upstreams: &'a [SocketAddr],
}

impl Server<'_> {
    fn write(&self, conf: &mut Conf) -> Result<(), BadWord> {
        let (group, config) = (self.group, &self.context.settings.config);
        let tls = group.certificate.map(|certificate| Tls::of(certificate, self.context)).transpose()?;
        let https = if tls.is_some() { config.https.as_slice() } else { &[] };
        let to = match group.target {
            Target::Redirect(to) => To::Elsewhere(self.origin(to)),
            _ if group.secure => To::Https,
            _ => To::Nowhere,
        };
        conf.block("server", &[], |conf| {
            listen(conf, &config.http, https, &[]);
            conf.line("server_name", &group.hosts.iter().map(|host| Word::host(host)).collect::<Vec<_>>());
            begin(conf, self.context.settings, Some(self.site), group.secure, to);
            if let Some(tls) = tls {
                tls.write(conf, self.context.settings);
            }
            match group.target {
                Target::Upstream(address) => self.forward(conf, *address),
                Target::Notice(notice) => show_notice(conf, *notice),
                // `begin` has said all.
                Target::Redirect(_) => {}
            }
        });
        Ok(())
    }

    /// Where another name of the site is: over HTTPS if that is a must there, or if it can be and the
    /// visitor has it here.
    fn origin(&self, to: &Hostname) -> Word {
        let (http, https) = self.context.settings.config.public_ports;
        let [scheme, port] = match self.context.plan.https_of(to) {
            (true, _) => [Word::fixed("https://"), port(https, 443)],
            (false, true) => [Word::fixed("$scheme://"), Word::fixed("$stoa_port")],
            (false, false) => [Word::fixed("http://"), port(http, 80)],
        };
        Word::joined(&[scheme, Word::host(to), port])
    }

    fn forward(&self, conf: &mut Conf, address: SocketAddr) {
        let limits = &self.group.limits;
        // For nginx 0 is no limit; so the least that it can limit to is one byte.
        let most = limits.max_body.clamp(1, i64::MAX.unsigned_abs());
        conf.line("client_max_body_size", &[Word::number(most)]);
        pages::show(conf, 503, Page::Refused(Refusal::Busy));
        conf.block("location", &[Word::fixed("/")], |conf| {
            restrain(conf, limits);
            let seconds = if limits.response_seconds > 0 { limits.response_seconds.into() } else { PATIENCE };
            forwarding(conf, self.context.settings, seconds);
            let to = upstream(self.site, address, self.upstreams);
            conf.line("proxy_pass", &[Word::joined(&[Word::fixed("http://"), to])]);
        });
    }
}

/// What every location that forwards begins with; `seconds` is how long may pass without an answer,
/// or in an upgraded connection without a word.
pub(crate) fn forwarding(conf: &mut Conf, settings: &Settings, seconds: u64) {
    conf.line("include", slice::from_ref(&settings.proxy));
    conf.line("proxy_read_timeout", &[Word::amount("", seconds, "s")]);
}

/// How often, and how often at once, a site may be asked.
fn restrain(conf: &mut Conf, limits: &RouteLimits) {
    if limits.rate > 0 {
        let mut words = vec![Word::joined(&[Word::fixed("zone="), zone(limits.rate)])];
        // nginx counts what may come beyond the first; and no number at all where nothing may.
        let beyond = limits.burst.saturating_sub(1);
        if beyond > 0 {
            words.push(Word::amount("burst=", beyond.into(), ""));
            words.push(Word::fixed("nodelay"));
        }
        conf.line("limit_req", &words);
    }
    if limits.in_flight > 0 && limits.in_flight <= MOST_IN_FLIGHT {
        conf.line("limit_conn", &[Word::fixed("stoa_open"), Word::number(limits.in_flight.into())]);
    }
}

/// The zone that sites with this rate are counted in.
pub(crate) fn zone(rate: u32) -> Word {
    Word::amount("stoa_rate_", rate.into(), "")
}

fn show_notice(conf: &mut Conf, notice: Notice) {
    pages::show(conf, 503, Page::Notice(notice));
    conf.block("location", &[Word::fixed("/")], |conf| conf.line("return", &[Word::number(503)]));
}

/// A port as it stands in an address; nothing if it is the scheme's own.
pub(crate) fn port(port: u16, usual: u16) -> Word {
    if port == usual { Word::fixed("") } else { Word::amount(":", port.into(), "") }
}

/// Where a server listens.
pub(crate) fn listen(conf: &mut Conf, http: &[SocketAddr], https: &[SocketAddr], more: &[Word]) {
    for address in http {
        conf.line("listen", &[&[Word::address(*address)], more].concat());
    }
    for address in https {
        // As nginx before 1.25.1 wants it; later ones take it too, with a warning.
        conf.line("listen", &[&[Word::address(*address), Word::fixed("ssl"), Word::fixed("http2")], more].concat());
    }
}

/// Where visitors of a server are sent at once.
pub(crate) enum To {
    Nowhere,
    /// The same address over HTTPS, if they come without.
    Https,
    /// This origin.
    Elsewhere(Word),
}

/// What every server of ours begins with. Its answers, redirects and pages are written once for all,
/// in the included file, and read the variables that are set here.
pub(crate) fn begin(conf: &mut Conf, settings: &Settings, site: Option<SiteId>, secure: bool, to: To) {
    let flag = |set: bool| Word::fixed(if set { "1" } else { "\"\"" });
    let moved = matches!(to, To::Elsewhere(_));
    let to = match to {
        To::Nowhere => Word::fixed("\"\""),
        // `$host` is one of the server's own names here.
        To::Https => Word::joined(&[Word::fixed("https://$host"), port(settings.config.public_ports.1, 443)]),
        To::Elsewhere(origin) => origin,
    };
    conf.line("set", &[Word::fixed("$stoa_site"), site.map_or(Word::fixed("\"\""), Word::site)]);
    conf.line("set", &[Word::fixed("$stoa_secure"), flag(secure)]);
    conf.line("set", &[Word::fixed("$stoa_moved"), flag(moved)]);
    conf.line("set", &[Word::fixed("$stoa_to"), to]);
    conf.line("include", slice::from_ref(&settings.server));
}

/// The certificate of a server.
pub(crate) enum Tls {
    /// That of the server for unknown hosts: a server without its own shows it, and costs nginx far
    /// less memory and time.
    Shared,
    /// Files of its own.
    Own { chain: Word, key: Word },
}

impl Tls {
    pub(crate) fn of(certificate: &Certificate, context: &Context<'_>) -> Result<Self, BadWord> {
        if context.shared == Some(certificate.id) {
            Ok(Self::Shared)
        } else {
            Self::own(certificate.id, context.settings)
        }
    }

    pub(crate) fn own(id: CertificateId, settings: &Settings) -> Result<Self, BadWord> {
        let file = |extension| Word::file(&settings.config.certificates, id, extension);
        Ok(Self::Own { chain: file("crt")?, key: file("key")? })
    }

    pub(crate) fn write(self, conf: &mut Conf, settings: &Settings) {
        if let Self::Own { chain, key } = self {
            conf.line("include", slice::from_ref(&settings.tls));
            conf.line("ssl_certificate", &[chain]);
            conf.line("ssl_certificate_key", &[key]);
        }
    }
}
