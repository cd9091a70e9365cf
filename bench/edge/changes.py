"""Routes and certificates change under load at 10,000 sites: who notices, and how soon a change is live."""
import json
import subprocess

from peers import example, nginx_proxy, running, site_address, site_file
from report import table

TOOLS = ["nginx"]
SITES = 10_000
UPSTREAMS, NGINX = 18670, 18671   # and nginx's TLS one above
SECONDS = 90


def run(options, folder, report):
    driver, load = example("edge_changes", options.binary), example("edge_load", options.binary)
    certificates, sites = folder / "certificates", folder / "sites"
    certificates.mkdir()
    sites.mkdir()
    subprocess.run([load, "certificates", str(certificates), str(SITES)], check=True)
    subprocess.run([load, "certificate", str(folder / "all"), "*.bench.test"], check=True)
    for number in range(SITES):
        site_file(sites, number, NGINX + 1, certificates, f"http://{site_address(number)}:{UPSTREAMS}")
    changes, seconds = (100, 20) if options.quick else (1000, SECONDS)
    drive = lambda *more: json.loads(subprocess.run(
        [driver, str(certificates), str(SITES), *map(str, more)], check=True, stdout=subprocess.PIPE, text=True).stdout)
    told = {"edge": drive(changes, seconds, UPSTREAMS)}
    command = nginx_proxy(folder / "nginx", NGINX, 1, NGINX + 1, (folder / "all.crt", folder / "all.key"), sites)
    with running(command, NGINX + 1, 90) as nginx:
        told["nginx"] = drive(20, seconds, UPSTREAMS, "nginx", f"127.0.0.1:{NGINX + 1}", nginx.pid, sites, *command)
    whats = ("changes", "seconds", "requests", "handshakes", "failed", "misrouted", "late", "again")
    table(["", *whats], [[who, *(round(facts[what]) for what in whats)] for who, facts in told.items()])
    times = ("route_ms", "certificate_ms", "apply_ms", "request_ms")
    rows = [[f"{what[:-3]} {who}", *(f"{told[who][what][share]:.1f}" for share in ("p50", "p99", "max"))] for what in times for who in told]
    table(["ms", "p50", "p99", "longest"], rows)
    print(f"CPU time of a change at the edge: {told['edge']['cpu_ms']:.1f} ms")
    for who, facts in told.items():
        report.put(who, facts)
        if facts["error"]:
            print(f"the last failure of {who}: {facts['error']}")
    for what in ("route", "certificate", "request"):
        for share in ("p50", "p99", "max"):
            ours, theirs = (told[who][f"{what}_ms"][share] for who in ("edge", "nginx"))
            if theirs:      # it may have had no time for a change of each kind
                report.ratio("edge", "nginx", f"edge-changes-inverse-{what}-{share}", theirs / ours)
    edge = told["edge"]
    for what in ("failed", "misrouted", "late"):
        report.aim(f"{edge['changes']} changes under load: {what}", edge[what], 0)
    for what in ("route", "certificate"):
        report.aim(f"a changed {what} is live, p99", edge[f"{what}_ms"]["p99"], 50, " ms")
