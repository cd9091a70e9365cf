#!/usr/bin/env python3
"""How fast can a store be, at best? Makes by hand, through the Docker API, the containers that Stoa would make,
and times them from the first call to the front page and to a real administrator's log-in.

    floor.py [--runs N] [--blueprint woocommerce|ebuilder] [--json] [--spans]

Only the standard library is used. Everything made is removed again, also after an error or Ctrl-C.
The platform's own bench imports floor_once(blueprint) -> {"front_ms", "login_ms", "spans"}.
"""
import argparse, http.client, json, os, random, secrets, socket, statistics, struct, sys, time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlencode

SOCKET = os.environ.get("DOCKER_SOCKET", "/var/run/docker.sock")
PREFIX = "stoa-floor-"
TAG = os.environ.get("TAG", "1")


# ---- Docker's API ---------------------------------------------------------------------------------------------------

class Unix(http.client.HTTPConnection):
    def __init__(self):
        super().__init__("docker", timeout=120)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


class ApiError(Exception):
    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


def api(method, path, body=None, ok=(200, 201, 204, 304)):
    connection = Unix()
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, "/v1.41" + path, data, {"Content-Type": "application/json"} if data else {})
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        if answer.status not in ok:
            raise ApiError(answer.status, f"{method} {path}: {text.strip()}")
        return json.loads(text) if text.startswith(("{", "[")) else text
    finally:
        connection.close()


def execute(container, argv, stdin):
    """Runs argv in the container with stdin; returns standard output, raises on any other exit code than 0."""
    made = api("POST", f"/containers/{container}/exec", {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Cmd": argv})
    body = b'{"Detach":false,"Tty":false}'
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(120)
        s.connect(SOCKET)
        s.sendall(b"POST /v1.41/exec/%s/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nConnection: Upgrade\r\n"
                  b"Upgrade: tcp\r\nContent-Length: %d\r\n\r\n%s" % (made["Id"].encode(), len(body), body))
        stream = s.makefile("rb")
        status = stream.readline()
        while stream.readline() not in (b"\r\n", b""):
            pass
        if b" 101 " not in status:
            raise ApiError(0, f"exec in {container}: {status.decode().strip()} {stream.read(500).decode()}")
        s.sendall(stdin)
        s.shutdown(socket.SHUT_WR)
        out = {1: b"", 2: b""}
        while len(head := stream.read(8)) == 8:
            kind, size = struct.unpack(">BxxxL", head)
            out[kind] += stream.read(size)
    code = api("GET", f"/exec/{made['Id']}/json")["ExitCode"]
    if code != 0:
        raise ApiError(code, f"{argv} in {container}: {(out[2] or out[1]).decode().strip()}")
    return out[1].decode()


# ---- a visitor ------------------------------------------------------------------------------------------------------

def request(ip, port, host, path, cookies=None, form=None):
    connection = http.client.HTTPConnection(ip, port, timeout=60)
    try:
        headers = {"Host": host, "X-Real-IP": "203.0.113.7", "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http"}
        if cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in cookies.items())
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("POST" if form else "GET", path, urlencode(form) if form else None, headers)
        answer = connection.getresponse()
        body = answer.read().decode("utf-8", "replace")
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            if cookies is not None:
                cookies[name] = value
        return answer.status, answer.headers, body
    finally:
        connection.close()


def wait_for(ip, port, host, path, seconds=180):
    until = time.monotonic() + seconds
    last = "nothing"
    while time.monotonic() < until:
        try:
            status, _, body = request(ip, port, host, path)
            if status == 200:
                return body
            last = f"{status} {body[:200]}"
        except OSError as e:
            last = str(e)
        time.sleep(0.01)
    raise TimeoutError(f"http://{host}{path} never answered 200; last: {last}")


def expect(what, answer, status):
    if answer[0] != status:
        raise RuntimeError(f"{what} answered {answer[0]}, not {status}: {answer[2][:300]}")
    return answer


# ---- what is made ---------------------------------------------------------------------------------------------------

def container(image, network, ip, volume, target, memory_mb, env, hosts=(), pids=200):
    return {
        "Image": image, "Env": [f"{k}={v}" for k, v in env.items()], "Labels": {"stoa.floor": network},
        "HostConfig": {
            "NetworkMode": network, "Memory": memory_mb << 20, "MemorySwap": memory_mb << 20, "PidsLimit": pids,
            "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": "rw,nosuid,nodev,noexec,size=64m", "/run": "rw,nosuid,nodev,noexec,size=16m"},
            "Mounts": [{"Type": "volume", "Source": volume, "Target": target, "VolumeOptions": {"Labels": {"stoa.floor": network}}}],
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            "RestartPolicy": {"Name": "unless-stopped"}, "ExtraHosts": list(hosts),
        },
        "NetworkingConfig": {"EndpointsConfig": {network: {"IPAMConfig": {"IPv4Address": ip}}}},
    }


def make_network(name, subnet):
    api("POST", "/networks/create", {"Name": name, "Driver": "bridge", "CheckDuplicate": True, "Labels": {"stoa.floor": name},
        "IPAM": {"Driver": "default", "Config": [{"Subnet": f"{subnet}.0/28", "Gateway": f"{subnet}.1"}]}})


def make_container(name, body):
    api("POST", f"/containers/create?name={quote(name)}", body)


def free_subnet():
    """A third octet that no network has; the platform leases them from its database instead."""
    used = {c.get("Subnet", "") for n in api("GET", "/networks") for c in (n["IPAM"]["Config"] or [])}
    return random.choice([s for s in (f"10.213.{i}" for i in range(200, 250)) if f"{s}.0/28" not in used])


def remove(name, containers, volumes):
    def gone(path):
        try:
            api("DELETE", path)
        except ApiError as e:
            if e.status != 404:
                raise
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda c: gone(f"/containers/{c}?force=1&v=1"), containers))
        list(pool.map(lambda v: gone(f"/volumes/{v}?force=1"), volumes))
    gone(f"/networks/{name}")


class Clock:
    def __init__(self):
        self.start, self.spans = time.monotonic(), {}

    def mark(self, name):
        self.spans[name] = round((time.monotonic() - self.start) * 1000, 1)
        return self.spans[name]

    def timed(self, name, work, *args):
        result = work(*args)
        self.mark(name)
        return result


def woocommerce(pool, name, subnet, host, clock):
    db, web = f"{name}-db", f"{name}-web"
    store = {"DB_NAME": "store", "DB_USER": "store", "DB_PASSWORD": secrets.token_hex(16)}
    password = secrets.token_urlsafe(18)
    db_body = container(f"stoa/wordpress-db:{TAG}", name, f"{subnet}.2", f"{db}-data", "/var/lib/mysql", 256,
                        {**store, "DB_ROOT_PASSWORD": secrets.token_hex(16)}, pids=100)
    web_body = container(f"stoa/wordpress:{TAG}", name, f"{subnet}.3", f"{web}-data", "/srv/wp/wp-content", 512,
                         {**store, "DB_HOST": "db", "STORE_SECRET": secrets.token_hex(32), "BLOCK_HTTP": "1"}, [f"db:{subnet}.2"])
    # The name of a network needs to exist only at the start, so all three are made at once.
    made = [pool.submit(clock.timed, "network", make_network, name, f"{subnet}"),
            pool.submit(clock.timed, "db created", make_container, db, db_body),
            pool.submit(clock.timed, "web created", make_container, web, web_body)]
    [m.result() for m in made]
    starts = [pool.submit(clock.timed, f"{what} started", api, "POST", f"/containers/{c}/start") for what, c in (("db", db), ("web", web))]
    starts[1].result()
    claim = {"url": f"http://{host}", "title": "Floor", "admin_user": "owner", "admin_email": f"owner@{host}", "admin_password": password}
    execute(web, ["php", "/opt/store/claim.php"], json.dumps(claim).encode())
    clock.mark("claimed")
    starts[0].result()
    ip = f"{subnet}.3"
    wait_for(ip, 8080, host, "/")
    front = clock.mark("front page")
    cookies = {"wordpress_test_cookie": "WP%20Cookie%20check"}
    expect("the log-in", request(ip, 8080, host, "/wp-login.php", cookies, {"log": "owner", "pwd": password, "testcookie": "1"}), 302)
    clock.mark("logged in")
    page = expect("wp-admin", request(ip, 8080, host, "/wp-admin/", cookies), 200)[2]
    if 'id="wpadminbar"' not in page or "Floor" not in page:
        raise RuntimeError("wp-admin answered 200, but not with this store's dashboard")
    return front, clock.mark("wp-admin")


def ebuilder(pool, name, subnet, host, clock):
    web, password = f"{name}-web", secrets.token_urlsafe(18)
    body = container(f"stoa/ebuilder:{TAG}", name, f"{subnet}.2", f"{web}-data", "/app/db", 256,
                     {"SITE_NAME": "Floor", "ADMIN_EMAIL": f"owner@{host}", "ADMIN_PASSWORD": password,
                      "SECRET_KEY": secrets.token_hex(32), "ALLOWED_HOSTS": host,
                      "DJANGO_SETTINGS_MODULE": "ebuilder.settings", "ENCRYPTION_KEY": "0" * 42 + "A="})
    made = [pool.submit(clock.timed, "network", make_network, name, subnet), pool.submit(clock.timed, "web created", make_container, web, body)]
    [m.result() for m in made]
    clock.timed("web started", api, "POST", f"/containers/{web}/start")
    ip, cookies = f"{subnet}.2", {}
    wait_for(ip, 8000, host, "/")
    front = clock.mark("front page")
    expect("the log-in page", request(ip, 8000, host, "/admin/login/", cookies), 200)
    expect("the log-in", request(ip, 8000, host, "/admin/login/", cookies,
           {"username": f"owner@{host}", "password": password, "csrfmiddlewaretoken": cookies["csrftoken"]}), 302)
    expect("the administration", request(ip, 8000, host, "/admin/", cookies), 200)
    return front, clock.mark("admin")


BLUEPRINTS = {"woocommerce": (woocommerce, ("db", "web")), "ebuilder": (ebuilder, ("web",))}


def floor_once(blueprint="woocommerce"):
    """Makes one site and removes it again. Milliseconds from the first API call."""
    make, parts = BLUEPRINTS[blueprint]
    name, subnet = PREFIX + secrets.token_hex(4), free_subnet()
    with ThreadPoolExecutor(4) as pool:
        try:
            clock = Clock()
            front, login = make(pool, name, subnet, f"{name}.example.test", clock)
            return {"front_ms": front, "login_ms": login, "spans": clock.spans}
        finally:
            pool.shutdown(wait=True)     # nothing may still be on its way while things are removed
            remove(name, [f"{name}-{p}" for p in parts], [f"{name}-{p}-data" for p in parts])


def p95(values):
    return sorted(values)[min(len(values) - 1, round(0.95 * (len(values) - 1)))]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=10)
    options.add_argument("--blueprint", choices=BLUEPRINTS, default="woocommerce")
    options.add_argument("--json", action="store_true", help="print the JSON line only")
    options.add_argument("--spans", action="store_true", help="also print when each part was done (median)")
    args = options.parse_args()
    runs = []
    for i in range(args.runs):
        runs.append(floor_once(args.blueprint))
        if not args.json:
            print(f"run {i + 1}: front page {runs[-1]['front_ms']:.0f} ms, administrator {runs[-1]['login_ms']:.0f} ms", flush=True)
    summary = {"blueprint": args.blueprint, "runs": args.runs}
    for key in ("front_ms", "login_ms"):
        values = [r[key] for r in runs]
        summary[key] = {"median": round(statistics.median(values)), "p95": round(p95(values)), "min": round(min(values))}
    if not args.json:
        for key, what in (("front_ms", "front page"), ("login_ms", "administrator logged in")):
            print(f"{what}: median {summary[key]['median']} ms, p95 {summary[key]['p95']} ms, fastest {summary[key]['min']} ms")
    if args.spans:
        for span in runs[0]["spans"]:
            print(f"  {span:12} {statistics.median(r['spans'][span] for r in runs):7.0f} ms", file=sys.stderr)
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
