"""An ingestion service that speaks a language of its own, for Headroom's request template. Python's standard library alone.

    METERING_KEY=… python3 metering.py 8081 records.sqlite

POST /tenants/{tenant}/records   {"id", "amount", "at": epoch milliseconds, "tags"}; needs the header x-metering-key
                                 202 {"status": "stored"}, 409 {"status": "known"}, 401 without the key
GET  /records/{id}               200 {"data": {"amount": "12.5"}} or 404; needs the key as well

`{"status": "stored"}` means: committed to SQLite.
"""

import json
import os
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class RecordStore:
    def __init__(self, file):
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, tenant TEXT, amount REAL, at INTEGER)"
        )

    def add(self, tenant, record):
        """Whether the record is new; it is committed when this returns."""
        with self._lock:
            return (
                self._database.execute(
                    "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?)",
                    (record["id"], tenant, record["amount"], record["at"]),
                ).rowcount
                == 1
            )

    def amount_of(self, record_id):
        with self._lock:
            row = self._database.execute(
                "SELECT amount FROM records WHERE id = ?", (record_id,)
            ).fetchone()
        return None if row is None else row[0]


class Metering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.is_allowed():
            return self.answer(401, {"status": "unauthorized"})
        parts = self.path.split("/")
        if len(parts) != 4 or parts[1] != "tenants" or parts[3] != "records":
            return self.answer(404, {"status": "no such place"})
        try:
            record = json.loads(body)
        except ValueError:
            return self.answer(400, {"status": "malformed"})
        # Types are part of what is agreed: a number that arrives as a text is refused.
        if not isinstance(record.get("amount"), (int, float)) or not isinstance(record.get("at"), int):
            return self.answer(422, {"status": "refused"})
        self.answer(*self.ingest(unquote(parts[2]), record))

    def ingest(self, tenant, record):
        if self.server.store.add(tenant, record):
            return 202, {"status": "stored"}
        return 409, {"status": "known"}

    def do_GET(self):
        if self.path == "/alive":
            return self.answer(200, {"status": "alive"})
        if not self.is_allowed():
            return self.answer(401, {"status": "unauthorized"})
        amount = None
        if self.path.startswith("/records/"):
            amount = self.server.store.amount_of(unquote(self.path[len("/records/") :]))
        if amount is None:
            return self.answer(404, {"status": "unknown"})
        self.answer(200, {"data": {"amount": repr(amount)}})

    def is_allowed(self):
        return self.headers.get("x-metering-key") == self.server.key

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        """A line per request would cost more than the request."""


class MeteringServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port, store, key, handler=Metering):
        super().__init__(("127.0.0.1", port), handler)
        self.store = store
        self.key = key


if __name__ == "__main__":
    port, file = int(sys.argv[1]), sys.argv[2]
    MeteringServer(port, RecordStore(file), os.environ["METERING_KEY"]).serve_forever()
