//! The files that belong to no site: what all servers share, unknown hosts, answers, the portal, and the
//! version.

use std::{collections::BTreeSet, slice};

use stoa_model::{id::CertificateId, route::RoutingTable};

use super::{
    conf::{Arg, Conf, InvalidText},
    config::Settings,
    context::Context,
    pages,
    site::{self, TlsFiles, begin_server, write_listen},
};
use crate::{limits::for_one_client, page::Page};

/// nginx must know in advance how long the paths of answers get (`map_hash_bucket_size`).
const MAX_ANSWER_PATH_BYTES: usize = 512;

/// The zones that limits are counted in: for all visitors of a site together, and for each client network of a site.
/// There is a zone per rate and not per site, because each takes a fixed amount of memory.
pub(crate) fn limits(rates: &BTreeSet<u32>) -> String {
    let mut conf = Conf::new();
    let zones = [("$stoa_site", "stoa_open", "8m"), ("$stoa_site$stoa_client", "stoa_client_open", "8m")];
    for (key, name, size) in zones {
        let zone = Arg::joined(&[Arg::fixed("zone="), Arg::fixed(name), Arg::fixed(":"), Arg::fixed(size)]);
        conf.line("limit_conn_zone", &[Arg::fixed(key), zone]);
    }
    for &rate in rates {
        for (key, zone, rate) in [
            ("$stoa_site", site::zone(rate), rate),
            ("$stoa_site$stoa_client", site::client_zone(rate), for_one_client(rate)),
        ] {
            let zone = Arg::joined(&[Arg::fixed("zone="), zone, Arg::fixed(":4m")]);
            conf.line("limit_req_zone", &[Arg::fixed(key), zone, Arg::amount("rate=", rate.into(), "r/s")]);
        }
    }
    conf.finish()
}

/// The format of the access log. The path is logged without its query: tokens live there.
pub(crate) fn log() -> String {
    let mut conf = Conf::new();
    conf.raw(include_str!("log.conf"));
    conf.finish()
}

/// Included by every server.
pub(crate) fn server(settings: &Settings) -> Result<String, InvalidText> {
    let mut conf = Conf::new();
    let log = [settings.log.clone(), Arg::fixed("stoa"), Arg::fixed("buffer=64k"), Arg::fixed("flush=1s")];
    conf.line("access_log", &log);
    conf.raw(include_str!("server.conf"));
    pages::write_location(&mut conf, &settings.pages)?;
    Ok(conf.finish())
}

/// Included by every server that forwards.
pub(crate) fn proxy() -> String {
    let mut conf = Conf::new();
    conf.raw(include_str!("proxy.conf"));
    conf.finish()
}

/// Included by every server with TLS.
pub(crate) fn tls_common() -> String {
    let mut conf = Conf::new();
    conf.raw(include_str!("tls.conf"));
    conf.finish()
}

/// Maps and answers.
pub(crate) fn platform(table: &RoutingTable, settings: &Settings, left_out: &mut Vec<String>) -> String {
    let mut conf = Conf::new();
    conf.raw(include_str!("maps.conf"));
    pages::write_retry_map(&mut conf);
    let (http, https) = settings.config.public_ports;
    conf.block("map", &[Arg::fixed("$scheme"), Arg::fixed("$stoa_port")], |conf| {
        conf.line("default", &[Arg::fixed("\"\"")]);
        for (scheme, port, usual) in [("http", http, 80), ("https", https, 443)] {
            if port != usual {
                conf.line(scheme, &[site::port(port, usual)]);
            }
        }
    });
    conf.block("map", &[Arg::fixed("$scheme"), Arg::fixed("$stoa_https_port")], |conf| {
        conf.line("default", &[Arg::joined(&[Arg::fixed("\""), site::port(https, 443), Arg::fixed("\"")])]);
    });
    let hsts = settings.config.hsts_seconds;
    let key = Arg::fixed("$scheme$stoa_secure$upstream_http_strict_transport_security");
    // The site's own field wins.
    conf.block("map", &[key, Arg::fixed("$stoa_hsts")], |conf| {
        conf.line("default", &[Arg::fixed("\"\"")]);
        if hsts > 0 {
            conf.line("https1", &[Arg::amount("max-age=", hsts.into(), "")]);
        }
    });
    answers(&mut conf, table, left_out);
    conf.finish()
}

/// The texts that are served on every host, by path. One that can't be written is left out and reported,
/// so that it does not affect the others.
fn answers(conf: &mut Conf, table: &RoutingTable, left_out: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    conf.block("map", &[Arg::fixed("$stoa_reads$uri"), Arg::fixed("$stoa_answer")], |conf| {
        conf.line("default", &[Arg::fixed("\"\"")]);
        for (path, text) in &table.answers {
            let written = answer(path, text).and_then(|pair| {
                // A `map` ignores case.
                if seen.insert(path.to_ascii_lowercase()) {
                    Ok(pair)
                } else {
                    Err("another one differs only in upper and lower case".into())
                }
            });
            match written {
                Ok((key, value)) => conf.pair(&key, &value),
                Err(reason) => left_out.push(format!("the answer at {path:?} is left out: {reason}")),
            }
        }
    });
}

fn answer(path: &str, text: &str) -> Result<(Arg, Arg), String> {
    if !path.starts_with('/') || path.len() > MAX_ANSWER_PATH_BYTES || path.contains([' ', '?', '#', '%']) {
        return Err(format!(
            "a path begins with a slash, needs no escapes and has at most {MAX_ANSWER_PATH_BYTES} characters"
        ));
    }
    // The 1 is `$stoa_reads`: the request is a GET or HEAD.
    let key = Arg::quoted(&format!("1{path}")).map_err(|error| error.to_string())?;
    Ok((key, Arg::quoted(text).map_err(|error| error.to_string())?))
}

/// Unknown hosts. Over TLS their handshake is rejected, as any certificate would be another site's. The
/// shared certificate is that of the default server, because nginx gives it to every server without its
/// own; another server, for any name, then rejects the handshakes.
pub(crate) fn unknown(settings: &Settings, shared: Option<CertificateId>) -> Result<String, InvalidText> {
    let (mut conf, config) = (Conf::new(), &settings.config);
    let default = || [Arg::fixed("default_server")];
    conf.block("server", &[], |conf| {
        write_listen(conf, &config.http, &[], &default());
        conf.line("server_name", &[Arg::fixed("_")]);
        begin_server(conf, settings, None, false, None);
        write_not_found(conf);
    });
    if config.https.is_empty() {
        return Ok(conf.finish());
    }
    let reject_handshake = |conf: &mut Conf| {
        conf.line("include", slice::from_ref(&settings.tls));
        conf.line("ssl_reject_handshake", &[Arg::fixed("on")]);
    };
    let own = shared.map(|id| TlsFiles::own(id, settings)).transpose()?;
    let is_shared = own.is_some();
    conf.block("server", &[], |conf| {
        write_listen(conf, &[], &config.https, &default());
        conf.line("server_name", &[Arg::fixed("_")]);
        begin_server(conf, settings, None, false, None);
        match own {
            Some(tls) => tls.write(conf, settings),
            None => reject_handshake(conf),
        }
        write_not_found(conf);
    });
    if is_shared {
        conf.block("server", &[], |conf| {
            write_listen(conf, &[], &config.https, &[]);
            conf.line("server_name", &[Arg::fixed("~^")]);
            begin_server(conf, settings, None, false, None);
            reject_handshake(conf);
            write_not_found(conf);
        });
    }
    Ok(conf.finish())
}

/// 404 for everything.
fn write_not_found(conf: &mut Conf) {
    pages::write_error_page(conf, 404, Page::UnknownHost);
    conf.block("location", &[Arg::fixed("/")], |conf| conf.line("return", &[Arg::number(404)]));
}

/// The platform's own names, and the names without a route that a wildcard covers.
pub(crate) fn portal(context: &Context<'_>) -> Result<String, InvalidText> {
    let (mut conf, settings) = (Conf::new(), context.settings);
    let (config, certificates) = (&settings.config, &context.plan.certificates);
    for (parent, certificate) in &certificates.wildcards {
        let tls = TlsFiles::of(certificate, context)?;
        conf.block("server", &[], |conf| {
            write_listen(conf, &[], &config.https, &[]);
            conf.line("server_name", &[Arg::below(parent)]);
            begin_server(conf, settings, None, false, None);
            tls.write(conf, settings);
            write_not_found(conf);
        });
    }
    conf.block("upstream", &[Arg::fixed("stoa_platform")], |conf| {
        conf.line("server", &[Arg::address(config.platform)]);
        conf.line("keepalive", &[Arg::number(32)]);
    });
    for (name, word) in &settings.platform_hosts {
        let tls = certificates.find(name).map(|certificate| TlsFiles::of(certificate, context)).transpose()?;
        conf.block("server", &[], |conf| {
            write_listen(conf, &config.http, if tls.is_some() { &config.https } else { &[] }, &[]);
            conf.line("server_name", slice::from_ref(word));
            begin_server(conf, settings, None, tls.is_some(), None);
            if let Some(tls) = tls {
                tls.write(conf, settings);
            }
            forward_to_platform(conf, settings);
        });
    }
    Ok(conf.finish())
}

/// Forwards to the platform's own handler, which limits bodies itself and streams.
fn forward_to_platform(conf: &mut Conf, settings: &Settings) {
    conf.line("client_max_body_size", &[Arg::number(0)]);
    conf.block("location", &[Arg::fixed("/")], |conf| {
        site::write_proxy(conf, settings, site::DEFAULT_RESPONSE_SECONDS);
        conf.line("proxy_buffering", &[Arg::fixed("off")]);
        conf.line("proxy_request_buffering", &[Arg::fixed("off")]);
        conf.line("proxy_pass", &[Arg::fixed("http://stoa_platform")]);
    });
}

/// The server that answers with the stamp of the live configuration.
pub(crate) fn version(settings: &Settings, stamp: &str) -> Result<String, InvalidText> {
    let (mut conf, stamp) = (Conf::new(), Arg::quoted(stamp)?);
    conf.block("server", &[], |conf| {
        conf.line("listen", &[Arg::address(settings.config.version_at)]);
        conf.line("server_name", &[Arg::fixed("_")]);
        conf.line("access_log", &[Arg::fixed("off")]);
        conf.line("default_type", &[Arg::fixed("text/plain")]);
        conf.block("location", &[Arg::fixed("="), Arg::fixed("/stoa-version")], |conf| {
            conf.line("return", &[Arg::number(200), stamp]);
        });
        conf.block("location", &[Arg::fixed("/")], |conf| conf.line("return", &[Arg::number(404)]));
    });
    Ok(conf.finish())
}
