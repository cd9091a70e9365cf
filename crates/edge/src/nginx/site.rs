//! The file of one site: a server for each group of its names that are treated alike.

use std::{net::SocketAddr, slice};

use stoa_model::{
    certificate::Certificate,
    host::Hostname,
    id::{CertificateId, SiteId},
    route::{Notice, RouteLimits, Target},
};

use super::{
    conf::{Argument, Conf, InvalidText},
    config::Settings,
    pages,
    render::Context,
};
use crate::{limits::Refusal, page::Page, plan::HostGroup};

/// Idle connections to a site that each worker of nginx keeps.
const IDLE_CONNECTIONS: u64 = 32;

/// More than this nginx can't count (its `limit_conn`); so many are as good as no limit.
const MAX_IN_FLIGHT: u32 = 65_535;

/// How long a site may take where the table does not say, in seconds; as in the embedded edge.
pub(crate) const DEFAULT_RESPONSE_SECONDS: u64 = 600;

/// Writes the file.
pub(crate) fn file(site: SiteId, groups: &[HostGroup<'_>], context: &Context<'_>) -> Result<String, InvalidText> {
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
            conf.line("server", &[Argument::address(*address)]);
            conf.line("keepalive", &[Argument::number(IDLE_CONNECTIONS)]);
        });
    }
    for group in groups {
        Server { site, group, context, upstreams: &upstreams }.write(&mut conf)?;
    }
    Ok(conf.finish())
}

/// The name of a site's upstream with this address. nginx compares each new one with all before it,
/// so the digits come backwards: ids of the same time begin alike but end at random.
fn upstream(site: SiteId, address: SocketAddr, all: &[SocketAddr]) -> Argument {
    let place = all.iter().position(|one| *one == address).unwrap_or(0);
    Argument::joined(&[Argument::backwards(site), Argument::amount("_stoa_", place as u64, "")])
}

/// One group's server.
struct Server<'a> {
    site: SiteId,
    group: &'a HostGroup<'a>,
    context: &'a Context<'a>,
    upstreams: &'a [SocketAddr],
}

impl Server<'_> {
    fn write(&self, conf: &mut Conf) -> Result<(), InvalidText> {
        let (group, config) = (self.group, &self.context.settings.config);
        let tls = group.certificate.map(|certificate| TlsFiles::of(certificate, self.context)).transpose()?;
        let https = if tls.is_some() { config.https.as_slice() } else { &[] };
        let to = match group.target {
            Target::Redirect(to) => RedirectTarget::Elsewhere(self.origin(to)),
            _ if group.secure => RedirectTarget::Https,
            _ => RedirectTarget::Nowhere,
        };
        conf.block("server", &[], |conf| {
            write_listen(conf, &config.http, https, &[]);
            conf.line("server_name", &group.hosts.iter().map(|host| Argument::host(host)).collect::<Vec<_>>());
            begin_server(conf, self.context.settings, Some(self.site), group.secure, to);
            if let Some(tls) = tls {
                tls.write(conf, self.context.settings);
            }
            match group.target {
                Target::Upstream(address) => self.forward(conf, *address),
                Target::Notice(notice) => write_notice(conf, *notice),
                // `begin` has said all.
                Target::Redirect(_) => {}
            }
        });
        Ok(())
    }

    /// Where another name of the site is: over HTTPS if that is a must there, or if it can be and the
    /// visitor has it here.
    fn origin(&self, to: &Hostname) -> Argument {
        let (http, https) = self.context.settings.config.public_ports;
        let [scheme, port] = match self.context.plan.https_of(to) {
            (true, _) => [Argument::fixed("https://"), port(https, 443)],
            (false, true) => [Argument::fixed("$scheme://"), Argument::fixed("$stoa_port")],
            (false, false) => [Argument::fixed("http://"), port(http, 80)],
        };
        Argument::joined(&[scheme, Argument::host(to), port])
    }

    fn forward(&self, conf: &mut Conf, address: SocketAddr) {
        let limits = &self.group.limits;
        // For nginx 0 is no limit; so the least that it can limit to is one byte.
        let most = limits.max_body.clamp(1, i64::MAX.unsigned_abs());
        conf.line("client_max_body_size", &[Argument::number(most)]);
        pages::write_error_page(conf, 503, Page::Refused(Refusal::Busy));
        conf.block("location", &[Argument::fixed("/")], |conf| {
            write_limits(conf, limits);
            let seconds =
                if limits.response_seconds > 0 { limits.response_seconds.into() } else { DEFAULT_RESPONSE_SECONDS };
            write_proxy(conf, self.context.settings, seconds);
            let to = upstream(self.site, address, self.upstreams);
            conf.line("proxy_pass", &[Argument::joined(&[Argument::fixed("http://"), to])]);
        });
    }
}

/// What every location that forwards begins with; `seconds` is how long may pass without an answer,
/// or in an upgraded connection without a word.
pub(crate) fn write_proxy(conf: &mut Conf, settings: &Settings, seconds: u64) {
    conf.line("include", slice::from_ref(&settings.proxy));
    conf.line("proxy_read_timeout", &[Argument::amount("", seconds, "s")]);
}

/// How often, and how often at once, a site may be asked.
fn write_limits(conf: &mut Conf, limits: &RouteLimits) {
    if limits.rate > 0 {
        let mut words = vec![Argument::joined(&[Argument::fixed("zone="), zone(limits.rate)])];
        // nginx counts what may come beyond the first; and no number at all where nothing may.
        let beyond = limits.burst.saturating_sub(1);
        if beyond > 0 {
            words.push(Argument::amount("burst=", beyond.into(), ""));
            words.push(Argument::fixed("nodelay"));
        }
        conf.line("limit_req", &words);
    }
    if limits.in_flight > 0 && limits.in_flight <= MAX_IN_FLIGHT {
        conf.line("limit_conn", &[Argument::fixed("stoa_open"), Argument::number(limits.in_flight.into())]);
    }
}

/// The zone that sites with this rate are counted in.
pub(crate) fn zone(rate: u32) -> Argument {
    Argument::amount("stoa_rate_", rate.into(), "")
}

fn write_notice(conf: &mut Conf, notice: Notice) {
    pages::write_error_page(conf, 503, Page::Notice(notice));
    conf.block("location", &[Argument::fixed("/")], |conf| conf.line("return", &[Argument::number(503)]));
}

/// A port as it stands in an address; nothing if it is the scheme's own.
pub(crate) fn port(port: u16, usual: u16) -> Argument {
    if port == usual { Argument::fixed("") } else { Argument::amount(":", port.into(), "") }
}

/// Where a server listens.
pub(crate) fn write_listen(conf: &mut Conf, http: &[SocketAddr], https: &[SocketAddr], more: &[Argument]) {
    for address in http {
        conf.line("listen", &[&[Argument::address(*address)], more].concat());
    }
    for address in https {
        // As nginx before 1.25.1 wants it; later ones take it too, with a warning.
        conf.line(
            "listen",
            &[&[Argument::address(*address), Argument::fixed("ssl"), Argument::fixed("http2")], more].concat(),
        );
    }
}

/// Where visitors of a server are sent at once.
pub(crate) enum RedirectTarget {
    Nowhere,
    /// The same address over HTTPS, if they come without.
    Https,
    /// This origin.
    Elsewhere(Argument),
}

/// What every server of ours begins with. Its answers, redirects and pages are written once for all,
/// in the included file, and read the variables that are set here.
pub(crate) fn begin_server(
    conf: &mut Conf,
    settings: &Settings,
    site: Option<SiteId>,
    secure: bool,
    to: RedirectTarget,
) {
    let flag = |set: bool| Argument::fixed(if set { "1" } else { "\"\"" });
    let moved = matches!(to, RedirectTarget::Elsewhere(_));
    let to = match to {
        RedirectTarget::Nowhere => Argument::fixed("\"\""),
        // `$host` is one of the server's own names here.
        RedirectTarget::Https => {
            Argument::joined(&[Argument::fixed("https://$host"), port(settings.config.public_ports.1, 443)])
        }
        RedirectTarget::Elsewhere(origin) => origin,
    };
    conf.line("set", &[Argument::fixed("$stoa_site"), site.map_or(Argument::fixed("\"\""), Argument::site)]);
    conf.line("set", &[Argument::fixed("$stoa_secure"), flag(secure)]);
    conf.line("set", &[Argument::fixed("$stoa_moved"), flag(moved)]);
    conf.line("set", &[Argument::fixed("$stoa_to"), to]);
    conf.line("include", slice::from_ref(&settings.server));
}

/// The certificate of a server.
pub(crate) enum TlsFiles {
    /// That of the server for unknown hosts: a server without its own shows it, and costs nginx far
    /// less memory and time.
    Shared,
    /// Files of its own.
    Own { chain: Argument, key: Argument },
}

impl TlsFiles {
    pub(crate) fn of(certificate: &Certificate, context: &Context<'_>) -> Result<Self, InvalidText> {
        if context.shared == Some(certificate.id) {
            Ok(Self::Shared)
        } else {
            Self::own(certificate.id, context.settings)
        }
    }

    pub(crate) fn own(id: CertificateId, settings: &Settings) -> Result<Self, InvalidText> {
        let file = |extension| Argument::file(&settings.config.certificates, id, extension);
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
