//! The file of one site: a server for each group of its names that are treated alike.

use std::{net::SocketAddr, slice};

use stoa_model::{
    id::SiteId,
    route::{Notice, RouteLimits, Target},
};

use super::{
    conf::{BadWord, Conf, Word},
    config::Settings,
    pages,
};
use crate::{
    limits::Refusal,
    page::Page,
    plan::{Group, Plan},
};

/// Idle connections to a site that each worker of nginx keeps.
const IDLE: u64 = 32;

/// More than this nginx can't count (its `limit_conn`); so many are as good as no limit.
const MOST_IN_FLIGHT: u32 = 65_535;

/// How long a site may take where the table does not say, in seconds; as in the embedded edge.
pub(crate) const PATIENCE: u64 = 600;

/// Writes the file.
pub(crate) fn file(
    site: SiteId,
    groups: &[Group<'_>],
    plan: &Plan<'_>,
    settings: &Settings,
) -> Result<String, BadWord> {
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
        Server { site, group, plan, settings, upstreams: &upstreams }.write(&mut conf)?;
    }
    Ok(conf.finish())
}

/// The name of a site's upstream with this address.
fn upstream(site: SiteId, address: SocketAddr, all: &[SocketAddr]) -> Word {
    let place = all.iter().position(|one| *one == address).unwrap_or(0);
    Word::joined(&[Word::fixed("stoa_"), Word::site(site), Word::amount("_", place as u64, "")])
}

/// One group's server, or two where plain HTTP leads to HTTPS.
struct Server<'a> {
    site: SiteId,
    group: &'a Group<'a>,
    plan: &'a Plan<'a>,
    settings: &'a Settings,
    upstreams: &'a [SocketAddr],
}

impl Server<'_> {
    fn write(&self, conf: &mut Conf) -> Result<(), BadWord> {
        let config = &self.settings.config;
        // A name that leads to another one does so at once, without HTTPS of its own in between.
        let apart = self.group.secure && !matches!(self.group.target, Target::Redirect(_));
        if apart {
            self.server(conf, &config.http, &[], |conf| {
                conf.block("location", &[Word::fixed("/")], |conf| redirect(conf, &self.https_of_itself()));
            })?;
        }
        let https = if self.group.certificate.is_some() { config.https.as_slice() } else { &[] };
        self.server(conf, if apart { &[] } else { &config.http }, https, |conf| self.content(conf))
    }

    fn server(
        &self,
        conf: &mut Conf,
        http: &[SocketAddr],
        https: &[SocketAddr],
        content: impl FnOnce(&mut Conf),
    ) -> Result<(), BadWord> {
        let mut keys = None;
        if let Some(certificate) = self.group.certificate.filter(|_| !https.is_empty()) {
            let directory = &self.settings.config.certificates;
            keys = Some([Word::file(directory, certificate.id, "crt")?, Word::file(directory, certificate.id, "key")?]);
        }
        let secure = self.group.secure && !https.is_empty();
        conf.block("server", &[], |conf| {
            listen(conf, http, https, &[]);
            conf.line("server_name", &self.group.hosts.iter().map(|host| Word::host(host)).collect::<Vec<_>>());
            begin(conf, self.settings, Some(self.site), secure);
            if let Some([chain, key]) = keys {
                tls(conf, self.settings, chain, key);
            }
            content(conf);
        });
        Ok(())
    }

    fn content(&self, conf: &mut Conf) {
        match self.group.target {
            Target::Upstream(address) => self.forward(conf, *address),
            Target::Notice(notice) => notice_(conf, *notice),
            Target::Redirect(to) => {
                let (secure, covered) = self.plan.https_of(to);
                let mut origin = match (secure, covered) {
                    (true, _) => self.origin_https(),
                    (false, true) => vec![Word::fixed("$scheme://"), Word::fixed("$stoa_port")],
                    (false, false) => vec![Word::fixed("http://"), port(self.settings.config.public_ports.0, 80)],
                };
                origin.insert(1, Word::host(to));
                origin.push(Word::fixed("$request_uri"));
                conf.block("location", &[Word::fixed("/")], |conf| redirect(conf, &Word::joined(&origin)));
            }
        }
    }

    /// Scheme and port of HTTPS; the host comes between.
    fn origin_https(&self) -> Vec<Word> {
        vec![Word::fixed("https://"), port(self.settings.config.public_ports.1, 443)]
    }

    /// The same address over HTTPS. `$host` is one of the server's own names here.
    fn https_of_itself(&self) -> Word {
        let mut origin = self.origin_https();
        origin.insert(1, Word::fixed("$host"));
        origin.push(Word::fixed("$request_uri"));
        Word::joined(&origin)
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
            forwarding(conf, self.settings, seconds);
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

fn notice_(conf: &mut Conf, notice: Notice) {
    pages::show(conf, 503, Page::Notice(notice));
    conf.block("location", &[Word::fixed("/")], |conf| conf.line("return", &[Word::number(503)]));
}

/// 301 for reading; for anything else 308, which keeps method and body (RFC 9110 15.4.9). An hour
/// in caches: a site that gives up its name or HTTPS is not stuck with it.
pub(crate) fn redirect(conf: &mut Conf, to: &Word) {
    conf.line("add_header", &[Word::fixed("Cache-Control"), Word::fixed("max-age=3600")]);
    conf.line(
        "add_header",
        &[Word::fixed("Strict-Transport-Security"), Word::fixed("$stoa_hsts"), Word::fixed("always")],
    );
    conf.block("if", &[Word::fixed("($stoa_reads)")], |conf| conf.line("return", &[Word::number(301), to.clone()]));
    conf.line("return", &[Word::number(308), to.clone()]);
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

/// What every server of ours begins with.
pub(crate) fn begin(conf: &mut Conf, settings: &Settings, site: Option<SiteId>, secure: bool) {
    conf.line("set", &[Word::fixed("$stoa_site"), site.map_or(Word::fixed("\"\""), Word::site)]);
    conf.line("set", &[Word::fixed("$stoa_secure"), Word::fixed(if secure { "1" } else { "\"\"" })]);
    conf.line("include", slice::from_ref(&settings.server));
}

/// The certificate that a server shows.
pub(crate) fn tls(conf: &mut Conf, settings: &Settings, chain: Word, key: Word) {
    conf.line("include", slice::from_ref(&settings.tls));
    conf.line("ssl_certificate", &[chain]);
    conf.line("ssl_certificate_key", &[key]);
}
