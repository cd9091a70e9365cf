"""TLS of edge and nginx with the same certificate (ECDSA P-256): handshakes, HTTP/1.1 and HTTP/2 over it."""
import contextlib
import subprocess

from load import Rounds, h2load, handshakes, wrk
from peers import UPSTREAM, example, nginx_proxy, nginx_upstream, running

PORTS = {("edge", 1): 18631, ("edge", 10_000): 18633, ("nginx", 1): 18641, ("nginx", 10_000): 18643}   # and TLS one above
TOOLS = ["wrk", "nginx", "h2load"]


def run(options, folder, report):
    binary, load = options.binary or example("edge_proxy"), example("edge_load", options.binary)
    crt, key = make_certificate(load, folder)
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(nginx_upstream(folder / "up"), UPSTREAM))
        pids = {}
        for (who, routes), port in PORTS.items():
            command = nginx_proxy(folder / f"nginx-{routes}", port, routes, port + 1, (crt, key)) if who == "nginx" else \
                [binary, f"127.0.0.1:{port}", f"127.0.0.1:{UPSTREAM}", str(routes), "--tls", f"127.0.0.1:{port + 1}",
                 "--cert", crt, "--key", key]
            pids[who, routes] = stack.enter_context(running(command, port + 1, 60)).pid
        shakes, requests = Rounds(report), Rounds(report)
        for who in ("edge", "nginx"):
            port = PORTS[who, 1] + 1
            for case, flags in (("full", []), ("resumed", ["--resume"]), ("full tls1.2", ["--tls12"]),
                                ("resumed tls1.2", ["--tls12", "--resume"])):
                shakes.add(case, who, pids[who, 1], lambda port=port, flags=flags: handshakes(load, port, *flags))
        # What browsers offer: nginx has nothing for it with this OpenSSL, so it is compared with ours without.
        shakes.add("full mlkem", "edge", pids["edge", 1], lambda: handshakes(load, PORTS["edge", 1] + 1, "--mlkem"))
        for (who, routes), port in PORTS.items():
            for c in (16, 256):
                measure = lambda port=port, c=c, routes=routes: wrk(folder, f"https://localhost:{port + 1}/", c, routes)
                requests.add(f"h1 c{c} r{routes}", who, pids[who, routes], measure)
                measure = lambda port=port, c=c: h2load(folder, port + 1, c, 160 // c or 1)
                requests.add(f"h2 c{c} r{routes}", who, pids[who, routes], measure)
        for rounds, unit in ((shakes, "handshake"), (requests, "request")):
            rounds.cases = dict(sorted(rounds.cases.items()))
            rounds.go(2 if options.quick else 7)
            rounds.print(unit)
    shakes.compare_all("edge-handshake")
    shakes.compare("cpu", "full mlkem", "edge", "edge", "edge-handshake-inverse-cpu-mlkem-over-x25519", "full")
    requests.compare_all("edge-tls")


def make_certificate(load, folder):
    """One for all names of the bench; clients do not verify it."""
    subprocess.run([load, "certificate", str(folder / "all"), "*.bench.test", "localhost"], check=True)
    return str(folder / "all.crt"), str(folder / "all.key")
