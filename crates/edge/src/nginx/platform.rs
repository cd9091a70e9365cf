//! The files that are not a site's: what all servers share, unknown hosts, the answers, the
//! portal, and the version.

use std::{collections::BTreeSet, slice};

use stoa_model::{id::CertificateId, route::RoutingTable};

use super::{
    conf::{Argument, Conf, InvalidText},
    config::Settings,
    pages,
    render::Context,
    site::{self, RedirectTarget, TlsFiles, begin_server, write_listen},
};
use crate::page::Page;

/// The longest path of an answer, in bytes; nginx must be told before how long they get.
const MAX_ANSWER_PATH_BYTES: usize = 512;

/// Where limits are counted: all visitors of a site together, so the site is the key. A zone a
/// rate, not a site: zones take memory of a fixed size.
pub(crate) fn limits(table: &RoutingTable) -> String {
    let mut conf = Conf::new();
    let rates: BTreeSet<u32> =
        table.routes.iter().map(|(_, route)| route.limits.rate).filter(|rate| *rate > 0).collect();
    conf.line("limit_conn_zone", &[Argument::fixed("$stoa_site"), Argument::fixed("zone=stoa_open:8m")]);
    for rate in rates {
        let zone = Argument::joined(&[Argument::fixed("zone="), site::zone(rate), Argument::fixed(":4m")]);
        conf.line(
            "limit_req_zone",
            &[Argument::fixed("$stoa_site"), zone, Argument::amount("rate=", rate.into(), "r/s")],
        );
    }
    conf.finish()
}

/// The format of the access log. The path is logged without its query: tokens live there.
pub(crate) fn log() -> String {
    let mut conf = Conf::new();
    conf.raw(include_str!("log.conf"));
    conf.finish()
}

/// What every server includes.
pub(crate) fn server(settings: &Settings) -> Result<String, InvalidText> {
    let mut conf = Conf::new();
    let log =
        [settings.log.clone(), Argument::fixed("stoa"), Argument::fixed("buffer=64k"), Argument::fixed("flush=1s")];
    conf.line("access_log", &log);
    conf.raw(include_str!("server.conf"));
    pages::write_location(&mut conf, &settings.pages)?;
    Ok(conf.finish())
}

/// What every server that forwards includes.
pub(crate) fn proxy() -> String {
    let mut conf = Conf::new();
    conf.raw(include_str!("proxy.conf"));
    conf.finish()
}

/// What every server with TLS includes.
pub(crate) fn tls_common() -> String {
    let mut conf = Conf::new();
    conf.raw(include_str!("tls.conf"));
    conf.finish()
}

/// Maps and answers.
pub(crate) fn platform(table: &RoutingTable, settings: &Settings, refused: &mut Vec<String>) -> String {
    let mut conf = Conf::new();
    conf.raw(include_str!("maps.conf"));
    pages::write_retry_map(&mut conf);
    let (http, https) = settings.config.public_ports;
    conf.block("map", &[Argument::fixed("$scheme"), Argument::fixed("$stoa_port")], |conf| {
        conf.line("default", &[Argument::fixed("\"\"")]);
        for (scheme, port, usual) in [("http", http, 80), ("https", https, 443)] {
            if port != usual {
                conf.line(scheme, &[site::port(port, usual)]);
            }
        }
    });
    let hsts = settings.config.hsts_seconds;
    let key = Argument::fixed("$scheme$stoa_secure$upstream_http_strict_transport_security");
    // What the site says itself wins: it may know more about its future.
    conf.block("map", &[key, Argument::fixed("$stoa_hsts")], |conf| {
        conf.line("default", &[Argument::fixed("\"\"")]);
        if hsts > 0 {
            conf.line("https1", &[Argument::amount("max-age=", hsts.into(), "")]);
        }
    });
    answers(&mut conf, table, refused);
    conf.finish()
}

/// The texts that are given on every host, by path. One that can't be written is left out, and
/// told of: it must not keep all others from being given.
fn answers(conf: &mut Conf, table: &RoutingTable, refused: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    conf.block("map", &[Argument::fixed("$stoa_reads$uri"), Argument::fixed("$stoa_answer")], |conf| {
        conf.line("default", &[Argument::fixed("\"\"")]);
        for (path, text) in &table.answers {
            let written = answer(path, text).and_then(|pair| {
                // nginx does not tell capitals here.
                if seen.insert(path.to_ascii_lowercase()) {
                    Ok(pair)
                } else {
                    Err("another differs only in its capitals".into())
                }
            });
            match written {
                Ok((key, value)) => conf.pair(&key, &value),
                Err(reason) => refused.push(format!("the answer at {path:?} is left out: {reason}")),
            }
        }
    });
}

fn answer(path: &str, text: &str) -> Result<(Argument, Argument), String> {
    if !path.starts_with('/') || path.len() > MAX_ANSWER_PATH_BYTES || path.contains([' ', '?', '#', '%']) {
        return Err(format!(
            "a path begins with a slash, needs no escapes and has at most {MAX_ANSWER_PATH_BYTES} characters"
        ));
    }
    // The 1 says that the request reads.
    let key = Argument::quoted(&format!("1{path}")).map_err(|error| error.to_string())?;
    Ok((key, Argument::quoted(text).map_err(|error| error.to_string())?))
}

/// Unknown hosts. Over TLS the handshake is refused for them: better none than another site's
/// certificate. The certificate that many sites share is that of the default server, as nginx gives
/// it to every server without its own; so there the handshake is refused by a server for any name.
pub(crate) fn unknown(settings: &Settings, shared: Option<CertificateId>) -> Result<String, InvalidText> {
    let (mut conf, config) = (Conf::new(), &settings.config);
    let default = || [Argument::fixed("default_server")];
    conf.block("server", &[], |conf| {
        write_listen(conf, &config.http, &[], &default());
        conf.line("server_name", &[Argument::fixed("_")]);
        begin_server(conf, settings, None, false, RedirectTarget::Nowhere);
        write_not_found(conf);
    });
    if config.https.is_empty() {
        return Ok(conf.finish());
    }
    let refusing = |conf: &mut Conf| {
        conf.line("include", slice::from_ref(&settings.tls));
        conf.line("ssl_reject_handshake", &[Argument::fixed("on")]);
    };
    let own = shared.map(|id| TlsFiles::own(id, settings)).transpose()?;
    let is_shared = own.is_some();
    conf.block("server", &[], |conf| {
        write_listen(conf, &[], &config.https, &default());
        conf.line("server_name", &[Argument::fixed("_")]);
        begin_server(conf, settings, None, false, RedirectTarget::Nowhere);
        match own {
            Some(tls) => tls.write(conf, settings),
            None => refusing(conf),
        }
        write_not_found(conf);
    });
    if is_shared {
        conf.block("server", &[], |conf| {
            write_listen(conf, &[], &config.https, &[]);
            conf.line("server_name", &[Argument::fixed("~^")]);
            begin_server(conf, settings, None, false, RedirectTarget::Nowhere);
            refusing(conf);
            write_not_found(conf);
        });
    }
    Ok(conf.finish())
}

/// 404 for everything.
fn write_not_found(conf: &mut Conf) {
    pages::write_error_page(conf, 404, Page::UnknownHost);
    conf.block("location", &[Argument::fixed("/")], |conf| conf.line("return", &[Argument::number(404)]));
}

/// The platform's own names, and what a wildcard covers without a route.
pub(crate) fn portal(context: &Context<'_>) -> Result<String, InvalidText> {
    let (mut conf, settings) = (Conf::new(), context.settings);
    let (config, certificates) = (&settings.config, &context.plan.certificates);
    for (parent, certificate) in &certificates.wildcards {
        let tls = TlsFiles::of(certificate, context)?;
        conf.block("server", &[], |conf| {
            write_listen(conf, &[], &config.https, &[]);
            conf.line("server_name", &[Argument::below(parent)]);
            begin_server(conf, settings, None, false, RedirectTarget::Nowhere);
            tls.write(conf, settings);
            write_not_found(conf);
        });
    }
    conf.block("upstream", &[Argument::fixed("stoa_platform")], |conf| {
        conf.line("server", &[Argument::address(config.platform)]);
        conf.line("keepalive", &[Argument::number(32)]);
    });
    for (name, word) in &settings.platform_hosts {
        let tls = certificates.find(name).map(|certificate| TlsFiles::of(certificate, context)).transpose()?;
        conf.block("server", &[], |conf| {
            write_listen(conf, &config.http, if tls.is_some() { &config.https } else { &[] }, &[]);
            conf.line("server_name", slice::from_ref(word));
            let to = if tls.is_some() { RedirectTarget::Https } else { RedirectTarget::Nowhere };
            begin_server(conf, settings, None, tls.is_some(), to);
            if let Some(tls) = tls {
                tls.write(conf, settings);
            }
            forward_to_platform(conf, settings);
        });
    }
    Ok(conf.finish())
}

/// Forwards to the platform's own handler, which limits bodies itself and streams what it knows.
fn forward_to_platform(conf: &mut Conf, settings: &Settings) {
    conf.line("client_max_body_size", &[Argument::number(0)]);
    conf.block("location", &[Argument::fixed("/")], |conf| {
        site::write_proxy(conf, settings, site::DEFAULT_RESPONSE_SECONDS);
        conf.line("proxy_buffering", &[Argument::fixed("off")]);
        conf.line("proxy_request_buffering", &[Argument::fixed("off")]);
        conf.line("proxy_pass", &[Argument::fixed("http://stoa_platform")]);
    });
}

/// Tells which configuration is live. `stamp` is one word of letters, digits and hyphens.
pub(crate) fn version(settings: &Settings, stamp: &Argument) -> String {
    let mut conf = Conf::new();
    conf.block("server", &[], |conf| {
        conf.line("listen", &[Argument::address(settings.config.version_at)]);
        conf.line("server_name", &[Argument::fixed("_")]);
        conf.line("access_log", &[Argument::fixed("off")]);
        conf.line("default_type", &[Argument::fixed("text/plain")]);
        conf.block("location", &[Argument::fixed("="), Argument::fixed("/stoa-version")], |conf| {
            conf.line("return", &[Argument::number(200), stamp.clone()]);
        });
        conf.block("location", &[Argument::fixed("/")], |conf| conf.line("return", &[Argument::number(404)]));
    });
    conf.finish()
}
