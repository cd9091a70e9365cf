//! The policy as a table of nftables, pure. It refuses and redirects; it accepts nothing that another table refuses.

use std::fmt::{Display, Write};

use ipnet::Ipv4Net;

use crate::policy::{Destination, EdgePort, Policy};

/// The table's family and name.
pub(crate) const TABLE: [&str; 2] = ["inet", "stoa"];

/// The standard port for mail programs (RFC 6409).
const SUBMISSION: u16 = 587;

/// Networks that are no public internet: this machine and its neighbours, clouds' metadata services, special purposes
/// (IANA's registry, and Azure's 168.63.129.16).
const PRIVATE: &str = "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 168.63.129.16, 169.254.0.0/16, 172.16.0.0/12, \
     192.0.0.0/24, 192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/3";

/// The whole table, replacing the one that is there in one transaction (nft(8)).
pub(crate) fn ruleset(policy: &Policy) -> String {
    let Policy { sites, edge_ports, allow, block, mail, resolvers, dns_port, submission_port } = policy;
    let with_port = |d: &Destination| d.port.map(|port| format!("{} . {port}", d.network));
    let mut sets = String::new();
    set(&mut sets, "resolvers", "type ipv4_addr", resolvers);
    set(&mut sets, "allowed", "type ipv4_addr; flags interval; auto-merge", networks(allow));
    set(
        &mut sets,
        "allowed_ports",
        "type ipv4_addr . inet_service; flags interval",
        allow.iter().filter_map(with_port),
    );
    let private = PRIVATE.split(", ").map(str::to_owned).chain(block.iter().map(Ipv4Net::to_string));
    set(&mut sets, "private", "type ipv4_addr; flags interval; auto-merge", private);
    set(&mut sets, "edge", "type inet_service", edge_ports.iter().map(|port| port.local));
    let mail = if *mail { "" } else { "\t\ttcp dport 25 counter jump refuse\n" };
    let redirects: String = edge_ports.iter().filter(|port| port.public != port.local).map(to_edge).collect();
    let dns = |rule: &str| {
        dns_port.map(|port| format!("\t\t{rule}{port}{}\n", if rule.ends_with(':') { "" } else { " return" }))
    };
    let dns_redirect =
        dns("iifname \"stoa-*\" meta l4proto { tcp, udp } th dport 53 redirect to :").unwrap_or_default();
    let dns_return = dns("meta l4proto { tcp, udp } th dport ").unwrap_or_default();
    let submission_redirect =
        submission_port.filter(|port| *port != SUBMISSION).map(|local| to_local(SUBMISSION, local));
    let submission_redirect = submission_redirect.unwrap_or_default();
    let submission_return = submission_port.map(|port| format!("\t\ttcp dport {port} return\n")).unwrap_or_default();
    let [family, name] = TABLE;
    format!(
        "\
add table {family} {name}
delete table {family} {name}
table {family} {name} {{
{sets}
	chain forward {{
		type filter hook forward priority -10; policy accept;
		iifname \"stoa-*\" jump from_site
		oifname \"stoa-*\" jump to_site
	}}

	chain from_site {{
		meta nfproto ipv6 counter drop
		oifname \"stoa-*\" fib daddr . iif oif exists return
		oifname \"stoa-*\" counter drop
		ct state established,related return
		meta l4proto {{ tcp, udp }} th dport 53 ip daddr @resolvers return
		ip daddr . tcp dport @allowed_ports return
		ip daddr @allowed return
		ip daddr @private counter jump refuse
{mail}	}}

	chain to_site {{
		iifname \"stoa-*\" return
		ct state established,related return
		counter drop
	}}

	chain input {{
		type filter hook input priority -10; policy accept;
		iifname \"stoa-*\" jump to_host
	}}

	chain to_host {{
		ct state established,related return
		tcp dport @edge return
{dns_return}{submission_return}		meta l4proto {{ tcp, udp }} th dport 53 ip daddr @resolvers return
		counter jump refuse
	}}

	chain refuse {{
		meta l4proto tcp reject with tcp reset
		meta nfproto ipv4 reject with icmp admin-prohibited
		drop
	}}

	chain to_edge {{
		type nat hook prerouting priority dstnat - 10; policy accept;
{dns_redirect}{redirects}{submission_redirect}	}}

	chain source_nat {{
		type nat hook postrouting priority srcnat + 10; policy accept;
		ip saddr {sites} iifname \"stoa-*\" oifname != \"stoa-*\" masquerade
	}}
}}
"
    )
}

/// Destinations of any port.
fn networks(allow: &[Destination]) -> impl Iterator<Item = Ipv4Net> {
    allow.iter().filter(|destination| destination.port.is_none()).map(|destination| destination.network)
}

fn to_edge(port: &EdgePort) -> String {
    to_local(port.public, port.local)
}

/// What sites send to a port of this machine goes to another one.
fn to_local(public: u16, local: u16) -> String {
    format!("\t\tiifname \"stoa-*\" fib daddr type local tcp dport {public} redirect to :{local}\n")
}

fn set(text: &mut String, name: &str, kind: &str, elements: impl IntoIterator<Item = impl Display>) {
    let elements: Vec<String> = elements.into_iter().map(|element| element.to_string()).collect();
    // nft(8) knows no empty list of elements.
    let elements =
        if elements.is_empty() { String::new() } else { format!("\t\telements = {{ {} }}\n", elements.join(", ")) };
    let _ = writeln!(text, "\tset {name} {{\n\t\t{kind}\n{elements}\t}}");
}
