"""A small ingestion service behind Headroom's HTTP contract, in Python's standard library alone.

    python3 service.py 8080 events.sqlite

POST /v1/events                     one event, or an array of them; the answer says what became of each
GET  /v1/events/{organization}/{id} one event as it is stored, or 404
GET  /healthz                       200 when the store answers
GET  /metrics                       counters in Prometheus text format

A 2xx means: committed to SQLite. An event is identified by organization_id and transaction_id; a repeat is answered
`duplicate` and stored once.
"""

import json
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

REQUIRED = ("organization_id", "transaction_id", "external_customer_id", "code", "timestamp")


class EventStore:
    """One connection behind a lock: SQLite has one writer anyway."""

    def __init__(self, file):
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(
            """CREATE TABLE IF NOT EXISTS events (
                 organization_id TEXT, transaction_id TEXT, body TEXT,
                 PRIMARY KEY (organization_id, transaction_id)) WITHOUT ROWID"""
        )

    def add(self, events):
        """Returns for each event whether it is new; all of them are committed when it returns."""
        with self._lock:
            self._database.execute("BEGIN")
            is_new = [
                self._database.execute(
                    "INSERT OR IGNORE INTO events VALUES (?, ?, ?)",
                    (event["organization_id"], event["transaction_id"], json.dumps(event)),
                ).rowcount
                == 1
                for event in events
            ]
            self._database.execute("COMMIT")
            return is_new

    def find(self, organization_id, transaction_id):
        with self._lock:
            row = self._database.execute(
                "SELECT body FROM events WHERE organization_id = ? AND transaction_id = ?",
                (organization_id, transaction_id),
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def count(self):
        with self._lock:
            return self._database.execute("SELECT count(*) FROM events").fetchone()[0]


class Ingestion(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet per answer: without it every answer waits for Nagle's algorithm.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/v1/events":
            return self.answer(404, {"error": "NOT_FOUND", "message": self.path})
        try:
            parsed = json.loads(body)
        except ValueError as error:
            return self.answer(400, {"error": "MALFORMED", "message": str(error)})
        events = parsed if isinstance(parsed, list) else [parsed]
        self.answer(200, self.ingest(events))

    def ingest(self, events):
        good = [event for event in events if all(event.get(name) for name in REQUIRED)]
        is_new = iter(self.server.store.add(good))
        items = []
        for index, event in enumerate(events):
            if not all(event.get(name) for name in REQUIRED):
                items.append({"index": index, "status": "rejected", "reason": "a field is missing"})
            elif not next(is_new):
                items.append({"index": index, "status": "duplicate"})
        duplicate = sum(item["status"] == "duplicate" for item in items)
        rejected = len(items) - duplicate
        answer = {
            "accepted": len(events) - len(items),
            "duplicate": duplicate,
            "rejected": rejected,
        }
        return {**answer, "items": items} if items else answer

    def do_GET(self):
        if self.path == "/healthz":
            self.server.store.count()
            return self.answer(200, {"status": "ok"})
        if self.path == "/metrics":
            text = f'headroom_events_total{{outcome="accepted"}} {self.server.store.count()}\n'
            return self.answer_text(200, text, "text/plain; version=0.0.4")
        parts = self.path.split("/")
        if len(parts) == 5 and self.path.startswith("/v1/events/"):
            event = self.server.store.find(unquote(parts[3]), unquote(parts[4]))
            if event is not None:
                return self.answer(200, {"event": event, "stale": False})
        self.answer(404, {"error": "NO_SUCH_EVENT", "message": self.path, "stale": False})

    def answer(self, status, document):
        self.answer_text(status, json.dumps(document), "application/json")

    def answer_text(self, status, text, content_type):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        """A line per request would cost more than the request."""


class IngestionServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port, store, handler=Ingestion):
        super().__init__(("127.0.0.1", port), handler)
        self.store = store


if __name__ == "__main__":
    port, file = int(sys.argv[1]), sys.argv[2]
    IngestionServer(port, EventStore(file)).serve_forever()
