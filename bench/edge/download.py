"""A download of 1 GiB over TLS, in HTTP/1.1 and HTTP/2: seconds, and CPU seconds of the proxy."""
import contextlib
import subprocess
import time

from load import Rounds
from peers import UPSTREAM, example, nginx_proxy, nginx_upstream, running
from report import median, table

TOOLS = ["nginx", "curl"]
PORTS = {"edge": 18681, "nginx": 18683}   # and TLS one above
SIZE = 1 << 30


def run(options, folder, report):
    binary, load = options.binary or example("edge_proxy"), example("edge_load", options.binary)
    subprocess.run([load, "certificate", str(folder / "all"), "*.bench.test", "localhost"], check=True)
    pair = (str(folder / "all.crt"), str(folder / "all.key"))
    (folder / "files").mkdir()
    (folder / "files").chmod(0o755)
    folder.chmod(0o755)   # nginx's workers are nobody
    with open(folder / "files/big", "wb") as big:
        big.truncate(SIZE)
    (folder / "files/big").chmod(0o644)
    rounds = Rounds(report)
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(nginx_upstream(folder / "up", f"location /big {{ root {folder}/files; }}"), UPSTREAM))
        for who, port in PORTS.items():
            command = nginx_proxy(folder / "nginx", port, 1, port + 1, pair) if who == "nginx" else \
                [binary, f"127.0.0.1:{port}", f"127.0.0.1:{UPSTREAM}", "1", "--tls", f"127.0.0.1:{port + 1}", "--cert", pair[0], "--key", pair[1]]
            pid = stack.enter_context(running(command, port + 1)).pid
            rounds.add("plain", who, pid, lambda port=port: download(f"http://localhost:{port}/big"))
            for version in ("http1.1", "http2"):
                rounds.add(f"tls {version}", who, pid, lambda port=port, v=version: download(f"https://localhost:{port + 1}/big", v))
        rounds.cases = dict(sorted(rounds.cases.items()))
        rounds.go(2 if options.quick else 7)
    rows = []
    for (case, who), results in rounds.results.items():
        seconds, cpu = (median([r[what] for r in results]) for what in ("p50", "cpu"))
        rows.append([f"{case} {who}", f"{seconds:.2f}", f"{SIZE / seconds / 2**20:.0f}", f"{cpu:.2f}"])
        report.put(f"{case} {who}", {"seconds": seconds, "cpu": cpu})
    table(["1 GiB", "seconds", "MiB/s", "CPU seconds"], sorted(rows))
    for case in ("plain", "tls http1.1", "tls http2"):
        name = case.replace(" ", "-")
        rounds.compare("rps", case, "edge", "nginx", f"edge-download-speed-{name}")
        rounds.compare("cpu", case, "edge", "nginx", f"edge-download-inverse-cpu-{name}")


def download(url, version="http1.1"):
    begun = time.monotonic()
    command = ["curl", "-sSfk", f"--{version}", "--tls13-ciphers", "TLS_AES_128_GCM_SHA256", "-o", "/dev/null",
               "-w", "%{size_download} %{http_version}", url]
    size, spoken = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    if int(size) != SIZE or not version.endswith(spoken):
        raise RuntimeError(f"{url}: {size} bytes over HTTP/{spoken}")
    took = time.monotonic() - begun
    return {"count": 1, "rps": 1 / took, "p50": took, "p99": took}
