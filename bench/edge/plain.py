"""Plain HTTP/1.1: requests, latency and CPU time of edge and nginx, and the upstream without either."""
import contextlib

from load import Rounds, wrk
from peers import UPSTREAM, example, nginx_proxy, nginx_upstream, running

PORTS = {("edge", 1): 18611, ("edge", 10_000): 18612, ("nginx", 1): 18621, ("nginx", 10_000): 18622, ("direct", 1): UPSTREAM,
         ("previous", 1): 18631, ("previous", 10_000): 18632}
TOOLS = ["wrk", "nginx"]


def run(options, folder, report):
    binary, crowds = options.binary or example("edge_proxy"), (16, 256)
    edges = {"edge": binary} | ({"previous": options.previous} if options.previous else {})
    rounds = Rounds(report)
    with contextlib.ExitStack() as stack:
        start = lambda key, command: stack.enter_context(running(command, PORTS[key])).pid
        pids = {("direct", 1): start(("direct", 1), nginx_upstream(folder / "up"))}
        for routes in (1, 10_000):
            for who, program in edges.items():
                key = (who, routes)
                pids[key] = start(key, [program, f"127.0.0.1:{PORTS[key]}", f"127.0.0.1:{UPSTREAM}", str(routes)])
            key = ("nginx", routes)
            pids[key] = start(key, nginx_proxy(folder / f"nginx-{routes}", PORTS[key], routes))
        cases = [(who, c, r) for c in crowds for r in (1, 10_000) for who in [*edges, "nginx"]]
        cases = [(who, 1, 1) for who in ("edge", "nginx", "direct")] + cases + [("direct", c, 1) for c in crowds]
        for who, c, r in cases:
            url = f"http://127.0.0.1:{PORTS[who, r]}/"
            rounds.add(f"c{c} r{r}", who, pids[who, r], lambda url=url, c=c, r=r: wrk(folder, url, c, r))
        rounds.go(2 if options.quick else 9)
    rounds.print("request")
    for c in crowds:
        for r in (1, 10_000):
            for theirs in ["nginx", *list(edges)[1:]]:
                rounds.compare("rps", f"c{c} r{r}", "edge", theirs, f"edge-rps-c{c}-r{r}")
                for what in ("p50", "p99", "cpu"):
                    rounds.compare(what, f"c{c} r{r}", "edge", theirs, f"edge-inverse-{what}-c{c}-r{r}")
        rounds.compare("rps", f"c{c} r10000", "edge", "edge", f"edge-rps-c{c}-r10000-over-r1", f"c{c} r1")
    direct = rounds.median("c1 r1", "direct", "p50")
    added = {who: rounds.median("c1 r1", who, "p50") - direct for who in ("edge", "nginx")}
    print(f"added latency at p50, one connection: edge {added['edge'] * 1e6:.0f} µs, nginx {added['nginx'] * 1e6:.0f} µs")
    report.ratio("edge", "nginx", "edge-inverse-added-latency-c1-r1", added["nginx"] / max(added["edge"], 1e-6))
