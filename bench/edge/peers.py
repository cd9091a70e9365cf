"""What is measured: the edge and nginx as reverse proxies, an upstream, and what they cost.

Both proxies get the same upstream, the same hosts and the same certificates, set the same headers,
and prefer the same cipher (AES-128) and group (X25519). nginx gets what makes it fast: keepalive to
the upstream, reuseport, no log, no limit of requests per connection, session tickets and a cache.
"""
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
UPSTREAM = 18600
TICKS = os.sysconf("SC_CLK_TCK")

NGINX = """
worker_processes auto;
worker_rlimit_nofile 20000;
error_log {dir}/error.log crit;
pid {dir}/nginx.pid;
daemon off;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server_names_hash_max_size 131072; server_names_hash_bucket_size 128;
  {inside}
}}
"""

PROXY = """
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Request-Id $request_id;
  proxy_connect_timeout 5s; proxy_read_timeout 600s; proxy_max_temp_file_size 0;
  client_max_body_size 100m; client_header_timeout 15s; keepalive_timeout 75s;
  server {{ listen 127.0.0.1:{port} default_server reuseport backlog=4096; return 404; }}
"""

TLS = """
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305;
  ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256;
  ssl_prefer_server_ciphers on; ssl_ecdh_curve X25519:prime256v1:secp384r1;
  ssl_session_tickets on; ssl_session_cache shared:tls:10m;
  ssl_certificate {crt}; ssl_certificate_key {key};
  server {{ listen 127.0.0.1:{tls} ssl http2 default_server reuseport backlog=4096; return 404; }}
"""


def host(number):
    return f"site-{number}.bench.test"


def nginx_command(folder, inside):
    """Writes a configuration; the command that runs nginx with it."""
    folder.mkdir(exist_ok=True)
    (folder / "nginx.conf").write_text(NGINX.format(dir=folder, inside=inside))
    return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]


def nginx_proxy(folder, port, routes, tls=None, pair=None, sites=None):
    """nginx in front of the upstream: as many names as routes, over TLS too if `tls` is a port.
    With `sites`, its server blocks are the files of that folder instead."""
    inside = PROXY.format(upstream=UPSTREAM, port=port)
    if tls:
        inside += TLS.format(tls=tls, crt=pair[0], key=pair[1])
    if sites:
        return nginx_command(folder, inside + f"include {sites}/*.conf;")
    secure = f"listen 127.0.0.1:{tls} ssl http2;" if tls else ""
    blocks = (f"server {{ listen 127.0.0.1:{port}; {secure} server_name {name}; location / {{ proxy_pass http://up; }} }}"
              for name in [*map(host, range(routes)), "localhost"])
    return nginx_command(folder, inside + "\n".join(blocks))


def nginx_upstream(folder, extra=""):
    place = f"location / {{ default_type text/plain; return 200 '{'x' * 1024}'; }} {extra}"
    return nginx_command(folder, f"sendfile on; server {{ listen 127.0.0.1:{UPSTREAM} reuseport backlog=4096; {place} }}")


def example(name, binary=None):
    """A program of crates/edge/examples: built, or the one beside the edge_proxy that was named."""
    if binary:
        return str(pathlib.Path(binary).with_name(name))
    subprocess.run(["cargo", "build", "--release", "-p", "stoa-edge", "--example", name], cwd=ROOT, check=True)
    return str(ROOT / "target/release/examples" / name)


@contextlib.contextmanager
def running(command, port, seconds=30, **options):
    """A process from the moment that it listens; ended with the block."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    try:
        await_port(process, port, seconds)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_port(process, port, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"starting {process.args[0]}: it ended with {process.returncode}; is port {port} free?")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    sys.exit(f"starting {process.args[0]}: nothing listens on port {port} after {seconds} s")


def family(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [str(pid), *children]


def cpu_seconds(pid):
    """CPU time of a process and its children so far."""
    fields = (pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split() for p in family(pid))
    return sum(int(f[11]) + int(f[12]) for f in fields) / TICKS


def memory(pid):
    """MiB of a process and its children; what they share counts once (PSS)."""
    rollups = (pathlib.Path(f"/proc/{p}/smaps_rollup").read_text() for p in family(pid))
    return sum(int(re.search(r"(?m)^Pss:\s+(\d+)", text)[1]) for text in rollups) / 1024


def site_address(number):
    """Where a site is at first, as crates/edge/examples/edge_changes/sites.rs has it too."""
    return f"127.64.{number >> 8}.{number & 255}"


def site_file(folder, number, port, certificates, upstream):
    """nginx's server block of a site with a certificate of its own."""
    pair = f"ssl_certificate {certificates}/{host(number)}.crt; ssl_certificate_key {certificates}/{host(number)}.key;"
    block = f"listen 127.0.0.1:{port} ssl http2; server_name {host(number)}; {pair} location / {{ proxy_pass {upstream}; }}"
    (folder / f"{host(number)}.conf").write_text(f"server {{ {block} }}\n")
