"""A small site that keeps the container contract of djangify/ebuilder: environment, /health/, /admin/, state in /app/db."""
import hashlib, hmac, html, os, secrets, signal, socket, sqlite3, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

DB = "/app/db/ebuilder.sqlite3"
SESSION_SECONDS = 14 * 24 * 3600


def env(name, default=None):
    value = os.environ.get(name) or default
    if value is None:
        sys.exit(f"ebuilder: {name} must be set.")
    return value


SITE_NAME = env("SITE_NAME", "eBuilder")
SECRET = env("SECRET_KEY").encode()
ALLOWED = [h.strip().lower() for h in env("ALLOWED_HOSTS", "localhost").split(",") if h.strip()]


def allowed(host):
    """Django's rules: exact names, ".example.com" for a domain and all below it, "*" for everything."""
    host = host.lower().rsplit(":", 1)[0].rstrip(".") if not host.endswith("]") else host.lower()
    return any(a == "*" or a == host or (a[0] == "." and (host == a[1:] or host.endswith(a))) for a in ALLOWED)


def hash_password(password, salt):
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1).hex()


def connect():
    db = sqlite3.connect(DB, timeout=10, isolation_level=None)
    db.execute("PRAGMA synchronous=FULL")
    return db


def first_boot():
    """Creates the tables and the administrator, once: later changes of ADMIN_PASSWORD change nothing."""
    db = connect()
    db.execute("PRAGMA journal_mode=WAL")
    if db.execute("SELECT 1 FROM sqlite_master WHERE name='users'").fetchone():
        return
    email, salt = env("ADMIN_EMAIL").strip().lower(), secrets.token_bytes(16)
    digest = hash_password(env("ADMIN_PASSWORD"), salt)
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE NOT NULL, salt BLOB NOT NULL, password TEXT NOT NULL)")
    db.execute("CREATE TABLE sessions (token TEXT PRIMARY KEY, user_id INTEGER NOT NULL, expires INTEGER NOT NULL)")
    db.execute("INSERT INTO users (email, salt, password) VALUES (?, ?, ?)", (email, salt, digest))
    db.execute("COMMIT")


def sign(text):
    return hmac.new(SECRET, text.encode(), "sha256").hexdigest()


def login(email, password):
    """The new session's token, or None. An unknown name takes as long as a wrong password."""
    db = connect()
    row = db.execute("SELECT id, salt, password FROM users WHERE email=?", (email.strip().lower(),)).fetchone()
    digest = hash_password(password, row[1] if row else b"0" * 16)
    if not row or not hmac.compare_digest(digest, row[2]):
        return None
    token = secrets.token_urlsafe(32)
    db.execute("DELETE FROM sessions WHERE expires < ?", (int(time.time()),))
    db.execute("INSERT INTO sessions VALUES (?, ?, ?)", (sign(token), row[0], int(time.time()) + SESSION_SECONDS))
    return token


def user_of(token):
    row = token and connect().execute(
        "SELECT email FROM sessions JOIN users ON users.id=user_id WHERE token=? AND expires > ?", (sign(token), int(time.time()))
    ).fetchone()
    return row[0] if row else None


def page(title, body):
    return (f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>{html.escape(title)}</title><body>{body}</body></html>")


LOGIN_FORM = """<h1>Log in</h1>{error}<form method=post><input type=hidden name=csrfmiddlewaretoken value="{csrf}">
<label>E-mail <input name=username autofocus></label> <label>Password <input name=password type=password></label>
<button>Log in</button></form>"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "ebuilder"
    sys_version = ""
    timeout = 30

    def reply(self, status, body, headers=(), kind="text/html; charset=utf-8"):
        data = body.encode()
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", len(data)), ("Cache-Control", "no-store"),
                            ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), *headers):
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def cookies(self):
        pairs = (c.strip().partition("=") for c in self.headers.get("Cookie", "").split(";"))
        return {name: value for name, _, value in pairs}

    def cookie(self, name, value, age):
        secure = "; Secure" if self.headers.get("X-Forwarded-Proto") == "https" else ""
        return ("Set-Cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")

    def answer(self):
        path = urlsplit(self.path).path
        if path in ("/health/", "/health"):
            return self.reply(200, "ok\n", kind="text/plain")
        if not allowed(self.headers.get("Host", "")):
            return self.reply(400, page("Bad Request", "<h1>Bad Request (400)</h1>"))
        if path == "/":
            name = html.escape(SITE_NAME)
            return self.reply(200, page(SITE_NAME, f"<h1>{name}</h1><p>Welcome to {name}.</p>"))
        if path == "/admin/login/" or path == "/admin/login":
            return self.admin_login()
        if path == "/admin/logout/":
            connect().execute("DELETE FROM sessions WHERE token=?", (sign(self.cookies().get("sessionid", "")),))
            return self.reply(302, "", (("Location", "/"), self.cookie("sessionid", "", 0)))
        if path == "/admin/":
            user = user_of(self.cookies().get("sessionid"))
            if not user:
                return self.reply(302, "", (("Location", "/admin/login/?next=/admin/"),))
            return self.reply(200, page("Site administration", f"<h1>Site administration</h1><p>Welcome, {html.escape(user)}.</p>"))
        return self.reply(404, page("Not Found", "<h1>Not Found</h1>"))

    def admin_login(self):
        csrf = self.cookies().get("csrftoken", "")
        if self.command != "POST":
            csrf = csrf if len(csrf) == 43 and csrf.replace("-", "").replace("_", "").isalnum() else secrets.token_urlsafe(32)
            form = LOGIN_FORM.format(error="", csrf=csrf)
            return self.reply(200, page("Log in", form), (self.cookie("csrftoken", csrf, 31449600),))
        form = {k: v[0] for k, v in parse_qs(self.body, keep_blank_values=True).items()}
        if not csrf or not hmac.compare_digest(csrf.encode(), form.get("csrfmiddlewaretoken", "").encode()):
            return self.reply(403, page("Forbidden", "<h1>Forbidden (403)</h1><p>CSRF verification failed.</p>"))
        token = login(form.get("username", ""), form.get("password", ""))
        if not token:
            error = "<p role=alert>Please enter the correct e-mail and password.</p>"
            return self.reply(200, page("Log in", LOGIN_FORM.format(error=error, csrf=html.escape(csrf))))
        return self.reply(302, "", (("Location", "/admin/"), self.cookie("sessionid", token, SESSION_SECONDS)))

    def do_GET(self):
        self.answer()

    do_HEAD = do_GET

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > 65536:
            self.close_connection = True
            return self.reply(413, page("Too large", "<h1>Too large</h1>"))
        self.body = self.rfile.read(int(length)).decode("utf-8", "replace")
        self.answer()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):      # the standard one asks the DNS for this machine's name
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "ebuilder", 8000


if __name__ == "__main__":
    try:
        first_boot()
    except sqlite3.Error as e:
        sys.exit(f"ebuilder: {DB} can't be used ({e}); is /app/db a writable volume?")
    server = Server(("0.0.0.0", 8000), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
