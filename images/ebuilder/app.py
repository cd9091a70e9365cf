"""A small site that keeps the container contract of djangify/ebuilder-web: environment, /health/, /admin/, /tinymce/upload/,
database in /app/db, uploads in /app/media. Like the real one it does not serve /media/: that is proxy's work."""
import base64, email, email.policy, hashlib, hmac, html, json, os, secrets, signal, socket, sqlite3, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MEDIA = "/app/media"
UPLOADS = "uploads/tinymce"         # below MEDIA, where the real one puts them too
PICTURES = {"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp"}
MAX_PICTURE_BYTES = 5 << 20
MAX_FORM_BYTES = 64 << 10
SESSION_SECONDS = 14 * 24 * 3600


def env(name, default=None):
    value = os.environ.get(name) or default
    if value is None:
        sys.exit(f"ebuilder: {name} must be set.")
    return value


def env_list(name, default=""):
    return [item.strip().lower() for item in env(name, default).split(",") if item.strip()]


def env_flag(name):
    return env(name, "False").lower() in ("true", "on", "ok", "y", "yes", "1")


def check_fernet_key(key):
    """A Fernet key is 32 bytes in URL-safe Base64. The real one starts with a bad key too, but then drops every payment key
    that is typed into it; and it starts with a SECRET_KEY that everybody knows. Neither should pass unseen here."""
    try:
        valid = len(base64.urlsafe_b64decode(key)) == 32
    except ValueError:
        valid = False
    if not valid:
        sys.exit("ebuilder: ENCRYPTION_KEY is not a Fernet key (32 bytes in URL-safe Base64).")


if env("DJANGO_SETTINGS_MODULE") != "ebuilder.settings":
    sys.exit("ebuilder: DJANGO_SETTINGS_MODULE must be ebuilder.settings: there is no other settings module.")
SITE_NAME = env("SITE_NAME", "eBuilder")
SECRET = env("SECRET_KEY").encode()
check_fernet_key(env("ENCRYPTION_KEY"))
DB = env("DATABASE_URL", "sqlite:////app/db/db.sqlite3").removeprefix("sqlite:///")
ALLOWED = env_list("ALLOWED_HOSTS", "localhost")
TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS", "http://localhost:8000")
SESSION_COOKIE_SECURE, CSRF_COOKIE_SECURE = env_flag("SESSION_COOKIE_SECURE"), env_flag("CSRF_COOKIE_SECURE")


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
    """Creates the tables, the site's record and the administrator, once: later changes of ADMIN_PASSWORD and SHOP_DOMAIN change
    nothing. The names of the two tables that the blueprint's set-domain hook writes are the real one's."""
    db = connect()
    db.execute("PRAGMA journal_mode=WAL")
    if db.execute("SELECT 1 FROM sqlite_master WHERE name='users'").fetchone():
        return
    address, salt = env("ADMIN_EMAIL").strip().lower(), secrets.token_bytes(16)
    domain = env("SHOP_DOMAIN", "localhost")
    digest = hash_password(env("ADMIN_PASSWORD"), salt)
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE NOT NULL, salt BLOB NOT NULL, password TEXT NOT NULL)")
    db.execute("CREATE TABLE sessions (token TEXT PRIMARY KEY, user_id INTEGER NOT NULL, expires INTEGER NOT NULL)")
    db.execute("INSERT INTO users (email, salt, password) VALUES (?, ?, ?)", (address, salt, digest))
    db.execute("CREATE TABLE django_site (id INTEGER PRIMARY KEY, domain TEXT NOT NULL, name TEXT NOT NULL)")
    db.execute("INSERT INTO django_site VALUES (1, ?, ?)", (domain, SITE_NAME))
    db.execute("CREATE TABLE pages_sitesettings (id INTEGER PRIMARY KEY, site_url TEXT NOT NULL)")
    db.execute("INSERT INTO pages_sitesettings VALUES (1, ?)", (f"https://{domain}",))
    db.execute("COMMIT")


def sign(text):
    return hmac.new(SECRET, text.encode(), "sha256").hexdigest()


def login(address, password):
    """The new session's token, or None. An unknown name takes as long as a wrong password."""
    db = connect()
    row = db.execute("SELECT id, salt, password FROM users WHERE email=?", (address.strip().lower(),)).fetchone()
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


def multipart(content_type, body):
    """The parts of a form with files: {name: (content type, content)}."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    parts = message.iter_parts() if message.is_multipart() else ()
    return {part.get_param("name", "", "content-disposition"): (part.get_content_type(), part.get_payload(decode=True)) for part in parts}


def pictures():
    try:
        return sorted(os.listdir(f"{MEDIA}/{UPLOADS}"))
    except FileNotFoundError:
        return []


def page(title, body):
    return (f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>{html.escape(title)}</title><body>{body}</body></html>")


LOGIN_FORM = """<h1>Log in</h1>{error}<form method=post><input type=hidden name=csrfmiddlewaretoken value="{csrf}">
<label>E-mail <input name=username autofocus></label> <label>Password <input name=password type=password></label>
<button>Log in</button></form>"""

ADMIN_PAGE = """<h1>Site administration</h1><p>Welcome, {user}.</p>
<form method=post action=/tinymce/upload/ enctype=multipart/form-data><input type=hidden name=csrfmiddlewaretoken value="{csrf}">
<label>Picture <input name=file type=file accept="image/*" required></label> <button>Upload</button></form>
<p>{pictures}</p>"""


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

    def session_cookie(self, value, age):
        secure = "; Secure" if SESSION_COOKIE_SECURE else ""
        return ("Set-Cookie", f"sessionid={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")

    def csrf_cookie(self):
        """The visitor's token, made if there is none, and the header that keeps it."""
        token = self.cookies().get("csrftoken", "")
        if len(token) != 43 or not token.replace("-", "").replace("_", "").isalnum():
            token = secrets.token_urlsafe(32)
        secure = "; Secure" if CSRF_COOKIE_SECURE else ""
        return token, ("Set-Cookie", f"csrftoken={token}; Path=/; SameSite=Lax; Max-Age=31449600{secure}")

    def host(self):
        return self.headers.get("X-Forwarded-Host") or self.headers.get("Host", "")

    def own_url(self):
        scheme = "https" if self.headers.get("X-Forwarded-Proto") == "https" else "http"
        return f"{scheme}://{self.host()}"

    def passes_csrf(self, token):
        """Django's rules: the form's token is the cookie's, and a form from elsewhere comes from a trusted origin."""
        origin = self.headers.get("Origin", "").lower()
        if origin and origin != self.own_url().lower() and origin not in TRUSTED_ORIGINS:
            return False
        cookie = self.cookies().get("csrftoken", "")
        return bool(cookie) and hmac.compare_digest(cookie.encode(), token.encode())

    def forbidden(self):
        return self.reply(403, page("Forbidden", "<h1>Forbidden (403)</h1><p>CSRF verification failed.</p>"))

    def answer(self):
        path = urlsplit(self.path).path
        if path in ("/health/", "/health"):
            return self.reply(200, "ok\n", kind="text/plain")
        if not allowed(self.host()):
            return self.reply(400, page("Bad Request", "<h1>Bad Request (400)</h1>"))
        if path == "/":
            name = html.escape(SITE_NAME)
            return self.reply(200, page(SITE_NAME, f"<h1>{name}</h1><p>Welcome to {name}.</p>"))
        if path == "/admin/login/" or path == "/admin/login":
            return self.admin_login()
        if path == "/admin/logout/":
            connect().execute("DELETE FROM sessions WHERE token=?", (sign(self.cookies().get("sessionid", "")),))
            return self.reply(302, "", (("Location", "/"), self.session_cookie("", 0)))
        if path == "/admin/":
            user = user_of(self.cookies().get("sessionid"))
            if not user:
                return self.reply(302, "", (("Location", "/admin/login/?next=/admin/"),))
            token, header = self.csrf_cookie()
            shown = " ".join(f'<img src="/media/{UPLOADS}/{name}" alt="" height=80>' for name in pictures())
            body = ADMIN_PAGE.format(user=html.escape(user), csrf=token, pictures=shown or "There are no pictures yet.")
            return self.reply(200, page("Site administration", body), (header,))
        if path == "/tinymce/upload/" and self.command == "POST":
            return self.upload()
        if path == "/sitemap.xml":
            domain, = connect().execute("SELECT domain FROM django_site WHERE id=1").fetchone()
            location = html.escape(f"{self.own_url().partition('://')[0]}://{domain}/")
            urls = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>{location}</loc></url></urlset>'
            return self.reply(200, '<?xml version="1.0" encoding="UTF-8"?>' + urls, kind="application/xml")
        return self.reply(404, page("Not Found", "<h1>Not Found</h1>"))

    def admin_login(self):
        csrf, header = self.csrf_cookie()
        if self.command != "POST":
            return self.reply(200, page("Log in", LOGIN_FORM.format(error="", csrf=csrf)), (header,))
        form = {k: v[0] for k, v in parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True).items()}
        if not self.passes_csrf(form.get("csrfmiddlewaretoken", "")):
            return self.forbidden()
        token = login(form.get("username", ""), form.get("password", ""))
        if not token:
            error = "<p role=alert>Please enter the correct e-mail and password.</p>"
            return self.reply(200, page("Log in", LOGIN_FORM.format(error=error, csrf=csrf)))
        return self.reply(302, "", (("Location", "/admin/"), self.session_cookie(token, SESSION_SECONDS)))

    def upload(self):
        parts = multipart(self.headers.get("Content-Type", ""), self.body)
        token = self.headers.get("X-CSRFToken") or parts.get("csrfmiddlewaretoken", ("", b""))[1].decode("utf-8", "replace")
        if not self.passes_csrf(token):
            return self.forbidden()
        if not user_of(self.cookies().get("sessionid")):
            return self.reply(302, "", (("Location", "/admin/login/?next=/tinymce/upload/"),))
        kind, content = parts.get("file", ("", b""))
        if kind not in PICTURES or len(content) > MAX_PICTURE_BYTES:
            error = "Upload a JPEG, PNG, GIF or WebP picture of at most 5 MB."
            return self.reply(400, json.dumps({"error": error}), kind="application/json")
        os.makedirs(f"{MEDIA}/{UPLOADS}", exist_ok=True)
        name = f"{UPLOADS}/{secrets.token_hex(16)}{PICTURES[kind]}"     # never the visitor's name
        with open(f"{MEDIA}/{name}", "xb") as file:
            file.write(content)
        self.reply(200, json.dumps({"location": f"/media/{name}"}), kind="application/json")

    def do_GET(self):
        self.answer()

    do_HEAD = do_GET

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        limit = MAX_PICTURE_BYTES + MAX_FORM_BYTES if self.path == "/tinymce/upload/" else MAX_FORM_BYTES
        if not length.isdigit() or int(length) > limit:
            self.close_connection = True
            return self.reply(413, page("Too large", "<h1>Too large</h1>"))
        self.body = self.rfile.read(int(length))
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
