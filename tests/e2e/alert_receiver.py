"""Plays many Alertmanagers, and keeps what each is sent.

usage: alert_receiver.py PORT FOLDER
A POST to /NAME/... is appended to FOLDER/NAME/received as one line, and answered only then.
"""

import http.server
import pathlib
import sys
import threading

folder = pathlib.Path(sys.argv[2])
lock = threading.Lock()


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:  # the sender was killed in the midst of it
            self.close_connection = True
            return
        name = self.path.split("/")[1]
        with lock, open(folder / name / "received", "ab") as received:
            received.write(body.replace(b"\n", b" ") + b"\n")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
