"""Those who talk to a Stoa: a program with a token, a person with cookies, and a store's visitor."""
import html
import http.client
import json
import re
import sys
import pathlib
import threading
import time
from urllib.parse import urlencode

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "floor"))
import floor  # noqa: E402  another bench: Docker's API by hand, and a visitor's requests

BASE = "bench.test"


class Refused(Exception):
    """The platform said no: its status and its words."""

    def __init__(self, status, words):
        super().__init__(f"{status}: {words}")
        self.status, self.words = status, words


class Caller:
    """Requests to the platform, each thread's on one kept connection."""

    def __init__(self, port, headers=None, source=None):
        self.port, self.headers, self.local = port, {"Host": BASE} | (headers or {}), threading.local()
        # An address of this machine to come from; each is a client of its own.
        self.source = source and (source, 0)

    def send(self, method, path, body=None, headers=None):
        """One request: the answer's status, headers, text, and its milliseconds."""
        for last in (False, True):
            connection = getattr(self.local, "connection", None)
            if connection is None:
                connection = self.local.connection = http.client.HTTPConnection(
                    "127.0.0.1", self.port, timeout=60, source_address=self.source)
                connection.connect()
            begun = time.monotonic()
            try:
                connection.request(method, path, body, self.headers | (headers or {}))
                answer = connection.getresponse()
                text = answer.read().decode("utf-8", "replace")
                return answer.status, answer.headers, text, (time.monotonic() - begun) * 1000
            except (http.client.RemoteDisconnected, ConnectionError):
                # The server has closed an idle connection meanwhile; only a GET may be sent twice.
                connection.close()
                self.local.connection = None
                if last or method != "GET":
                    raise

    def connect(self):
        """Opens this thread's connection, so that what is measured has no part of it."""
        self.send("GET", "/healthz")
        return self


class Program(Caller):
    """Somebody with an API token."""

    def __init__(self, port, token):
        super().__init__(port, {"Authorization": f"Bearer {token}"})

    def timed(self, method, path, body=None):
        """An API call: its JSON and its milliseconds."""
        data = None if body is None else json.dumps(body)
        status, _, text, took = self.send(method, path, data, {"Content-Type": "application/json"} if data else {})
        if status >= 400:
            raise Refused(status, json.loads(text).get("detail", text))
        return json.loads(text) if text else None, took

    def call(self, method, path, body=None):
        return self.timed(method, path, body)[0]

    def sites(self):
        """All sites but tombstones."""
        found, page = [], {"next": ""}
        while page.get("next") is not None:
            page = self.call("GET", "/api/v1/sites?limit=100" + (f"&before={page['next']}" if page["next"] else ""))
            found += page["items"]
        return [site for site in found if site["state"] != "deleted"]

    def wait_active(self, site, seconds=180):
        until = time.monotonic() + seconds
        while (view := self.call("GET", f"/api/v1/sites/{site}"))["state"] != "active":
            if view["state"] in ("failed", "deleted") or time.monotonic() > until:
                raise RuntimeError(f"{view['hostname']} is {view['state']}: {view['reason']}")
            time.sleep(0.01)


class Person(Caller):
    """Somebody in a browser: cookies, and forms with their token."""

    def __init__(self, port, source=None):
        super().__init__(port, source=source)
        self.cookies, self.csrf = {}, ""

    def cookie_header(self):
        return "; ".join(f"{k}={v}" for k, v in self.cookies.items())

    def page(self, path, form=None):
        """A page, or the answer to a form: its status and text."""
        headers, body = {"Cookie": self.cookie_header()}, None
        if form is not None:
            body = urlencode({"csrf": self.csrf} | form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        status, answer, text, _ = self.send("GET" if form is None else "POST", path, body, headers)
        for line in answer.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        token = re.search(r'name="csrf" value="([^"]+)"', text)
        if token:
            self.csrf = html.unescape(token[1])
        return status, text

    def log_in(self, email, password, path="/login"):
        self.page(path)
        status, _ = self.page(path, {"email": email, "password": password})
        if status != 303:
            raise Refused(status, f"logging in as {email}")
        return self


# ---- a store's visitor, through the edge ----

def front_page(port, hostname, title, seconds=180):
    """Asks for the front page until it is there, and proves that it is this store's."""
    body = floor.wait_for("127.0.0.1", port, hostname, "/", seconds)
    found = re.search(r"(?s)<title[^>]*>(.*?)</title>", body)
    if not found or title not in html.unescape(found[1]):
        raise RuntimeError(f"{hostname} answered 200, but its title is {found and found[1]!r}, not {title!r}")


def wordpress_login(port, hostname, title, user, password):
    """A real log-in: the form, the cookies, the dashboard."""
    ask = lambda path, cookies, form=None: floor.request("127.0.0.1", port, hostname, path, cookies, form)
    cookies = {"wordpress_test_cookie": "WP%20Cookie%20check"}
    floor.expect("the log-in", ask("/wp-login.php", cookies, {"log": user, "pwd": password, "testcookie": "1"}), 302)
    page = floor.expect("wp-admin", ask("/wp-admin/", cookies), 200)[2]
    if 'id="wpadminbar"' not in page or title not in html.unescape(page):
        raise RuntimeError("wp-admin answered 200, but not with this store's dashboard")


def ebuilder_login(port, hostname, title, user, password):
    ask = lambda path, cookies, form=None: floor.request("127.0.0.1", port, hostname, path, cookies, form)
    cookies = {}
    floor.expect("the log-in page", ask("/admin/login/", cookies), 200)
    form = {"username": user, "password": password, "csrfmiddlewaretoken": cookies["csrftoken"]}
    floor.expect("the log-in", ask("/admin/login/", cookies, form), 302)
    floor.expect("the administration", ask("/admin/", cookies), 200)


LOGIN = {"woocommerce": wordpress_login, "ebuilder": ebuilder_login}
