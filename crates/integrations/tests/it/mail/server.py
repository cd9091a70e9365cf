"""An SMTP server (aiosmtpd) that writes each message it takes to a folder.

Arguments: port, "tls", "starttls" or "plain", certificate, key, folder. User "stoa", password "right".
"""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

port, mode, certificate, key, folder = sys.argv[1:]
folder = pathlib.Path(folder)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        number = len(list(folder.iterdir()))
        (folder / f"{number}.eml").write_bytes(envelope.original_content)
        return f"250 2.0.0 Ok: queued as {number}"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"stoa", b"right"), handled=False)


def protocol():
    login = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
    if mode == "plain":
        return SMTP(Handler(), hostname="mail.test")
    if mode == "tls":
        return SMTP(Handler(), hostname="mail.test", **login)
    return SMTP(Handler(), hostname="mail.test", tls_context=context, require_starttls=True, **login)


context = None
if mode != "plain":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", int(port), ssl=context if mode == "tls" else None)
    async with server:
        await server.serve_forever()


asyncio.run(main())
