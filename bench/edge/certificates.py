"""Ten thousand certificates: what they weigh, how long a start takes, and how long a certificate takes to find."""
import contextlib
import re
import subprocess
import time

from load import Rounds, handshakes
from peers import UPSTREAM, example, memory, nginx_proxy, nginx_upstream, running, site_file
from report import table

TOOLS = ["nginx"]
MANY = 10_000
PORTS = {("edge", 0): 18651, ("edge", MANY): 18653, ("nginx", 0): 18661, ("nginx", MANY): 18663}   # and TLS one above
PATIENCE = 90


def run(options, folder, report):
    binary, load = options.binary or example("edge_proxy"), example("edge_load", options.binary)
    certificates, sites = folder / "certificates", folder / "sites"
    certificates.mkdir()
    sites.mkdir()
    subprocess.run([load, "certificates", str(certificates), str(MANY)], check=True)
    subprocess.run([load, "certificate", str(folder / "all"), "*.bench.test", "localhost"], check=True)
    pair = (str(folder / "all.crt"), str(folder / "all.key"))
    for number in range(MANY):
        site_file(sites, number, PORTS["nginx", MANY] + 1, certificates, "http://up")
    rows, pids, rounds = [], {}, Rounds(report)
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(nginx_upstream(folder / "up"), UPSTREAM))
        for (who, count), port in PORTS.items():
            if who == "edge":
                command = [binary, f"127.0.0.1:{port}", f"127.0.0.1:{UPSTREAM}", str(count or 1), "--tls", f"127.0.0.1:{port + 1}",
                           "--cert", *pair[:1], "--key", pair[1], "--certificates", str(count), "--from", str(certificates)]
            else:
                command = nginx_proxy(folder / f"nginx-{count}", port, 1, port + 1, pair, sites if count else None)
            begun = time.monotonic()
            with open(folder / "stderr", "w") as errors:
                pid = pids[who, count] = stack.enter_context(running(command, port + 1, PATIENCE, stderr=errors)).pid
            started = time.monotonic() - begun
            applied = re.search(r"applied in ([\d.]+) ms", (folder / "stderr").read_text())
            time.sleep(1)
            before = memory(pid)
            handshakes(load, port + 1, "--once", names=count or 1, length=PATIENCE)
            after = memory(pid)
            rows.append([f"{who}, {count:,} certificates", f"{started * 1e3:.0f}", applied[1] if applied else "", f"{before:.1f}", f"{after:.1f}"])
            report.put(f"start {who} {count}", {"seconds": started, "mib": before, "mib_used": after, "applied_ms": applied and float(applied[1])})
        table(["", "start ms", "table applied ms", "MiB", "MiB, each used once"], rows)
        for who in ("edge", "nginx"):
            port, pid = PORTS[who, MANY] + 1, pids[who, MANY]
            rounds.add("one name", who, pid, lambda port=port: handshakes(load, port))
            rounds.add("10000 names", who, pid, lambda port=port: handshakes(load, port, names=MANY))
        rounds.go(2 if options.quick else 7)
        rounds.print("handshake")
    facts = report.facts
    for name, what in (("start", "seconds"), ("memory", "mib"), ("memory-used", "mib_used")):
        ours, theirs = (facts[f"start {who} {MANY}"][what] for who in ("edge", "nginx"))
        report.ratio("edge", "nginx", f"edge-inverse-certificates-{name}", theirs / ours)
    rounds.compare_all("edge-certificates")
    for who in ("edge", "nginx"):
        rounds.compare("cpu", "10000 names", who, who, f"{who}-certificates-inverse-cpu-10000-names-over-one", "one name")
