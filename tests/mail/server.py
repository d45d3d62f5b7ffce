"""A mail server that misbehaves on demand: a real one (aiosmtpd), for tests of letters.

What becomes of a letter stands in its recipient's address: `later-drop+7@example.com` is told to
come later the first time, loses its connection the second time and is taken the third time.

    ok        taken
    later     451 to RCPT
    laterdata 451 to the whole letter
    refuse    550 to RCPT
    stall     no answer to RCPT
    stalldata no answer to the whole letter
    drop      the connection breaks in the middle of the letter
    lost      taken, but the connection breaks before anybody hears of it
    busy      421, and the connection is closed

One JSON object per line on standard output: first where it listens, then each attempt, and each
letter that was taken. It ends when its standard input does.
"""

import argparse
import asyncio
import base64
import collections
import json
import ssl
import sys
import time

from aiosmtpd.smtp import AuthResult, LoginPassword, SMTP


def say(**fields):
    print(json.dumps(fields), flush=True)


class Books:
    """What all connections share."""

    def __init__(self, options):
        self.per_second = options.per_second
        self.attempts = collections.Counter()
        self.taken = collections.deque()

    def fate(self, recipient):
        attempt = self.attempts[recipient]
        self.attempts[recipient] += 1
        fates = recipient.split("@")[0].split("+")[0].split("-")
        known = "ok later laterdata refuse stall stalldata drop lost busy".split()
        fates = fates if all(fate in known for fate in fates) else ["ok"]
        return fates[attempt] if attempt < len(fates) else "ok"

    def too_many(self):
        """Whether this second has had its letters."""
        if self.per_second is None:
            return False
        now = time.monotonic()
        while self.taken and now - self.taken[0] > 1:
            self.taken.popleft()
        if len(self.taken) >= self.per_second:
            return True
        self.taken.append(now)
        return False


class Handler:
    def __init__(self, books):
        self.books = books

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.books.too_many():
            say(to=address, fate="throttled")
            return "450 4.7.1 too many, slow down"
        envelope.fate = fate = self.books.fate(address)
        say(to=address, fate=fate)
        if fate == "later":
            return "451 4.7.1 come again later"
        if fate == "refuse":
            return "550 5.1.1 no such person"
        if fate == "busy":
            server.transport.write(b"421 4.3.2 closing\r\n")
            server.transport.close()
            return "421 4.3.2 closing"
        if fate == "stall":
            await asyncio.sleep(3600)
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        if envelope.fate == "laterdata":
            return "451 4.3.0 come again later"
        if envelope.fate == "stalldata":
            await asyncio.sleep(3600)
        say(
            taken=base64.b64encode(envelope.original_content).decode(),
            to=envelope.rcpt_tos,
            by=envelope.mail_from,
            tls=session.ssl is not None or server.wrapped,
            login=bool(session.authenticated),
        )
        if envelope.fate == "lost":
            server.transport.abort()
        return "250 taken"


class Server(SMTP):
    wrapped = False

    async def smtp_DATA(self, arg):
        if getattr(self.envelope, "fate", None) == "drop":
            await self.push("354 go on")
            await self._reader.readline()
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword)
    good = good and (data.login, data.password) == (b"shop", b"open sesame!")
    return AuthResult(success=good)


def certificate(ca_file):
    import trustme

    ca = trustme.CA()
    ca.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


async def serve(options):
    books = Books(options)
    context = certificate(options.ca) if options.tls else None
    keywords = {"hostname": "mail.example.com", "timeout": 600, "enable_SMTPUTF8": True}
    if options.tls == "starttls":
        keywords.update(tls_context=context, require_starttls=True)
    if options.login:
        keywords.update(
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=options.tls == "starttls",
        )

    def connection():
        server = Server(Handler(books), **keywords)
        server.wrapped = options.tls == "wrapped"
        return server

    loop = asyncio.get_running_loop()
    wrapped = context if options.tls == "wrapped" else None
    server = await loop.create_server(connection, "127.0.0.1", options.port, ssl=wrapped)
    say(listening=server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", choices=["starttls", "wrapped"])
    parser.add_argument("--ca", help="where to write the CA's certificate")
    parser.add_argument("--login", action="store_true", help="shop / open sesame!")
    parser.add_argument("--per-second", type=int, help="letters taken in any second")
    asyncio.run(serve(parser.parse_args()))


main()
