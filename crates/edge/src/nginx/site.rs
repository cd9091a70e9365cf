//! The file of one site: a server for each group of names with the same route and certificate.

use std::{collections::BTreeSet, net::SocketAddr, slice};

use stoa_model::{
    certificate::Certificate,
    host::Hostname,
    id::{CertificateId, SiteId},
    route::{Notice, RouteLimits, Target},
};

use super::{
    conf::{Arg, Conf, InvalidText},
    config::Settings,
    context::Context,
    pages,
};
use crate::{
    limits::{Refusal, for_one_client},
    page::Page,
    plan::HostGroup,
};

/// Idle connections to a site that each worker process of nginx keeps.
const IDLE_CONNECTIONS: u64 = 32;

/// The most that nginx's `limit_conn` can count; a higher limit is as good as none.
const MAX_IN_FLIGHT: u32 = 65_535;

/// How long a site may take to answer where the table sets no limit; as in the embedded edge.
pub(crate) const DEFAULT_RESPONSE_SECONDS: u64 = 600;

pub(crate) fn site_file(site: SiteId, groups: &[HostGroup<'_>], context: &Context<'_>) -> Result<String, InvalidText> {
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
        conf.block("upstream", &[upstream_name(site, *address, &upstreams)], |conf| {
            conf.line("server", &[Arg::address(*address)]);
            conf.line("keepalive", &[Arg::number(IDLE_CONNECTIONS)]);
        });
    }
    for group in groups {
        Server { site, group, context, upstreams: &upstreams }.write(&mut conf)?;
    }
    Ok(conf.finish())
}

/// The name of a site's upstream with this address. nginx compares each new name with all before it, so the
/// digits are reversed: ids of the same time begin alike but end at random.
fn upstream_name(site: SiteId, address: SocketAddr, all: &[SocketAddr]) -> Arg {
    let place = all.iter().position(|one| *one == address).unwrap_or(0);
    Arg::joined(&[Arg::reversed(site), Arg::amount("_stoa_", place as u64, "")])
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
        let moved_to = match group.target {
            Target::Redirect(to) => Some(self.origin(to)),
            _ => None,
        };
        conf.block("server", &[], |conf| {
            write_listen(conf, &config.http, https, &[]);
            conf.line("server_name", &group.hosts.iter().map(|host| Arg::host(host)).collect::<Vec<_>>());
            begin_server(conf, self.context.settings, Some(self.site), group.secure, moved_to);
            if let Some(tls) = tls {
                tls.write(conf, self.context.settings);
            }
            match group.target {
                Target::Upstream(address) => self.forward(conf, *address),
                Target::Notice(notice) => write_notice(conf, *notice),
                // `begin_server` has written it.
                Target::Redirect(_) => {}
            }
        });
        Ok(())
    }

    /// The origin of another name of the site: over HTTPS if it requires that, or if it supports HTTPS and
    /// the visitor uses it already.
    fn origin(&self, to: &Hostname) -> Arg {
        let (http, https) = self.context.settings.config.public_ports;
        let [scheme, port] = match self.context.plan.https_of(to) {
            (true, _) => [Arg::fixed("https://"), port(https, 443)],
            (false, true) => [Arg::fixed("$scheme://"), Arg::fixed("$stoa_port")],
            (false, false) => [Arg::fixed("http://"), port(http, 80)],
        };
        Arg::joined(&[scheme, Arg::host(to), port])
    }

    /// The domains above all names of the site that are in the chain of one of the group's.
    fn parent_domains(&self) -> BTreeSet<Arg> {
        let groups = self.context.plan.sites.get(&self.site).into_iter().flatten();
        let own: BTreeSet<Arg> = groups.flat_map(|group| &group.hosts).map(|host| Arg::host(host)).collect();
        let above = |host: &&Hostname| {
            let mut domains: Vec<_> = Arg::domains(host).collect();
            let last_own = domains.iter().rposition(|domain| own.contains(domain)).unwrap_or(0);
            domains.split_off(last_own + 1)
        };
        self.group.hosts.iter().flat_map(above).collect()
    }

    fn forward(&self, conf: &mut Conf, address: SocketAddr) {
        let limits = &self.group.limits;
        // 0 is no limit for nginx, so its lowest limit is one byte.
        let max_body = limits.max_body.clamp(1, i64::MAX.unsigned_abs());
        conf.line("client_max_body_size", &[Arg::number(max_body)]);
        pages::write_error_page(conf, 503, Page::Refused(Refusal::Busy));
        conf.block("location", &[Arg::fixed("/")], |conf| {
            write_limits(conf, limits);
            let seconds =
                if limits.response_seconds > 0 { limits.response_seconds.into() } else { DEFAULT_RESPONSE_SECONDS };
            write_proxy(conf, self.context.settings, seconds);
            for domain in self.parent_domains() {
                conf.line("proxy_cookie_domain", &[domain, Arg::fixed("$host")]);
            }
            conf.line("proxy_hide_header", &[Arg::fixed("Clear-Site-Data")]);
            let to = upstream_name(self.site, address, self.upstreams);
            conf.line("proxy_pass", &[Arg::joined(&[Arg::fixed("http://"), to])]);
        });
    }
}

/// What every location that forwards begins with. `seconds` is how long an upstream, or an upgraded
/// connection, may be silent.
pub(crate) fn write_proxy(conf: &mut Conf, settings: &Settings, seconds: u64) {
    conf.line("include", slice::from_ref(&settings.proxy));
    conf.line("proxy_read_timeout", &[Arg::amount("", seconds, "s")]);
}

/// Limits requests per second and open requests, for each client and for all together. (The embedded edge keeps the last
/// quarter for clients that use little; nginx can only count.)
fn write_limits(conf: &mut Conf, limits: &RouteLimits) {
    if limits.rate > 0 {
        let burst = limits.burst.max(1);
        for (zone, burst) in [(client_zone(limits.rate), for_one_client(burst)), (zone(limits.rate), burst)] {
            let mut arguments = vec![Arg::joined(&[Arg::fixed("zone="), zone])];
            // nginx counts the requests beyond the first, and rejects 0.
            if burst > 1 {
                arguments.push(Arg::amount("burst=", u64::from(burst) - 1, ""));
                arguments.push(Arg::fixed("nodelay"));
            }
            conf.line("limit_req", &arguments);
        }
    }
    if limits.in_flight > 0 && limits.in_flight <= MAX_IN_FLIGHT {
        let zones = [("stoa_client_open", for_one_client(limits.in_flight)), ("stoa_open", limits.in_flight)];
        for (zone, most) in zones {
            conf.line("limit_conn", &[Arg::fixed(zone), Arg::number(most.into())]);
        }
    }
}

/// The zone that counts sites with this rate.
pub(crate) fn zone(rate: u32) -> Arg {
    Arg::amount("stoa_rate_", rate.into(), "")
}

/// The zone that counts the clients of sites with this rate.
pub(crate) fn client_zone(rate: u32) -> Arg {
    Arg::amount("stoa_client_rate_", rate.into(), "")
}

fn write_notice(conf: &mut Conf, notice: Notice) {
    pages::write_error_page(conf, 503, Page::Notice(notice));
    conf.block("location", &[Arg::fixed("/")], |conf| conf.line("return", &[Arg::number(503)]));
}

/// A port as it appears in a URL: empty if it is the default of the scheme.
pub(crate) fn port(port: u16, usual: u16) -> Arg {
    if port == usual { Arg::fixed("") } else { Arg::amount(":", port.into(), "") }
}

/// Where a server listens.
pub(crate) fn write_listen(conf: &mut Conf, http: &[SocketAddr], https: &[SocketAddr], more: &[Arg]) {
    for address in http {
        conf.line("listen", &[&[Arg::address(*address)], more].concat());
    }
    for address in https {
        // The form for nginx before 1.25.1; later versions accept it with a warning.
        conf.line("listen", &[&[Arg::address(*address), Arg::fixed("ssl"), Arg::fixed("http2")], more].concat());
    }
}

/// What every server of ours begins with. `moved_to` is the origin of another name that all requests are redirected to.
/// Answers, redirects and pages are in the included file, which reads the variables that are set here.
pub(crate) fn begin_server(
    conf: &mut Conf,
    settings: &Settings,
    site: Option<SiteId>,
    secure: bool,
    moved_to: Option<Arg>,
) {
    let flag = |set: bool| Arg::fixed(if set { "1" } else { "\"\"" });
    conf.line("set", &[Arg::fixed("$stoa_site"), site.map_or(Arg::fixed("\"\""), Arg::site)]);
    conf.line("set", &[Arg::fixed("$stoa_secure"), flag(secure)]);
    conf.line("set", &[Arg::fixed("$stoa_moved"), flag(moved_to.is_some())]);
    conf.line("set", &[Arg::fixed("$stoa_to"), moved_to.unwrap_or(Arg::fixed("\"\""))]);
    conf.line("include", slice::from_ref(&settings.server));
}

/// The certificate of a server.
pub(crate) enum TlsFiles {
    /// That of the server for unknown hosts. A server without its own uses it, which costs nginx far less
    /// memory and time.
    Shared,
    /// Files of its own.
    Own { chain: Arg, key: Arg },
}

impl TlsFiles {
    pub(crate) fn of(certificate: &Certificate, context: &Context<'_>) -> Result<Self, InvalidText> {
        if context.shared_certificate == Some(certificate.id) {
            Ok(Self::Shared)
        } else {
            Self::own(certificate.id, context.settings)
        }
    }

    pub(crate) fn own(id: CertificateId, settings: &Settings) -> Result<Self, InvalidText> {
        let file = |extension| Arg::file(&settings.config.certificates, id, extension);
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
