"""picket as the soak runs it: its configuration, its process, and what it says of itself."""

import http.client
import os
import pathlib
import random
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

SAMPLE = re.compile(r"^(picket_[a-z_]+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)

RULES = """
title: A sentinel was written
id: 3f0b8a55-2f43-4a0c-8d35-61f2f8f0aa01
name: soak_sentinel
logsource: {product: unkey, service: api_requests}
detection:
  hit: {http.response.status_code: 412, unkey.workspace_id: ws_soak}
  condition: hit
level: informational
---
title: One sentinel was written
id: 3f0b8a55-2f43-4a0c-8d35-61f2f8f0aa02
name: soak_each
correlation:
  type: event_count
  rules: [soak_sentinel]
  group-by: [unkey.request_id]
  timespan: 1h
  condition: {gte: 1}
level: high
picket: {verdict: boundary_testing, resolve_after: 5m, summary: A sentinel was written.}
---
title: Many sentinels were written
id: 3f0b8a55-2f43-4a0c-8d35-61f2f8f0aa03
name: soak_changing
correlation:
  type: event_count
  rules: [soak_sentinel]
  group-by: [unkey.workspace_id]
  timespan: 10m
  condition: {gte: %d}
level: medium
picket: {verdict: boundary_testing, resolve_after: 5m, summary: Many sentinels were written.}
"""

CONFIG = """
inputs:
  - {{name: renamed, type: file, paths: [log/renamed.ndjson], start: beginning,
     poll_interval: {poll}ms, schema: unkey.api_requests}}
  - {{name: copied, type: file, paths: [log/copied.ndjson], start: beginning,
     schema: unkey.api_requests}}
  - {{name: posted, type: http, listen: "127.0.0.1:{ports[posted]}", body_max: {body_max}MiB,
     schema: unkey.api_requests, spool_max: 64MiB}}
{more}
outputs:
  - {{name: file, type: file, path: alerts.ndjson}}
  - {{name: calm, type: alertmanager, urls: ["http://127.0.0.1:{ports[calm]}"],
     resend_interval: 5s}}
  - name: moody
    type: alertmanager
    urls: ["http://127.0.0.1:{ports[moody]}", "http://127.0.0.1:{ports[moodier]}"]
    resend_interval: 5s
    timeout: 2s
{output}
http: {{listen: "127.0.0.1:{ports[http]}"}}
state: {{path: state/picket.db, commit_interval: 300ms, memory_max: 32MiB}}
pipeline: {{batch_bytes: 256KiB, queue_bytes: 4MiB}}
dead_letter: {{path: dead_letter.jsonl, max_bytes: {dead_letter_max}}}
rules: ["{source_dir}/rules/packs/unkey", rules.yml]
"""

STREAMS = """
  - {{name: sent, type: tcp, listen: "127.0.0.1:{ports[sent]}", schema: unkey.api_requests,
     spool_max: 64MiB}}
  - {{name: piped, type: stdin, schema: unkey.api_requests}}
"""
GUEST = """
  - {name: guest, type: file, paths: [log/guest.ndjson], start: beginning,
     schema: unkey.api_requests}
"""


class Daemon:
    """The process. `lock` is held by whoever ends it, or leaves a broken configuration about."""

    def __init__(self, binary, settings):
        self.lock = threading.RLock()
        self._binary = binary
        self._settings = settings
        self._base = f"http://127.0.0.1:{settings['ports']['http']}"
        self.process = None
        self.generation = 0  # of the process
        self.rules = 3
        self.guest = True
        self.copy = False
        self.poll = 100
        self.body_max = 8

    def write_rules(self):
        pathlib.Path("rules.new").write_text(RULES % self.rules)
        os.replace("rules.new", "rules.yml")

    def write_config(self, addition=""):
        settings = self._settings
        more = "" if settings["kills"] else STREAMS.format(**settings)
        output = "  - {name: copy, type: file, path: copy.ndjson}" if self.copy else ""
        more += GUEST if self.guest else ""
        text = CONFIG.format(more=more, output=output, poll=self.poll, body_max=self.body_max,
                             **settings)
        pathlib.Path("picket.new").write_text(text + addition)
        os.replace("picket.new", "picket.yaml")

    def start(self):
        stdin = subprocess.DEVNULL if self._settings["kills"] else subprocess.PIPE
        with open("picket.log", "ab") as log:
            self.process = subprocess.Popen([self._binary, "run", "--config", "picket.yaml"],
                                            stdin=stdin, stdout=log, stderr=log)
        self.generation += 1
        deadline = time.monotonic() + 60
        while self.get("/-/ready") is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("picket did not start; see picket.log")
            time.sleep(0.02)

    def kill(self):
        with self.lock:
            self.process.kill()
            self.process.wait()
            self.start()

    def alive(self):
        return self.process.poll() is None

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=60)

    def get(self, path, method="GET", timeout=30):
        """The text of an answer with 200, else None."""
        request = urllib.request.Request(self._base + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None

    def reload(self):
        """The status of POST /-/reload; 0 when there was no answer."""
        request = urllib.request.Request(self._base + "/-/reload", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except (OSError, http.client.HTTPException):
            return 0

    def metrics(self):
        """All samples of picket's own families by name and labels, or None."""
        text = self.get("/metrics")
        return None if text is None else {k: float(v) for k, v in SAMPLE.findall(text)}

    def stream(self, seconds):
        """Follows the live events for a while, and goes away in the midst of them."""
        try:
            with urllib.request.urlopen(self._base + "/api/v1/stream", timeout=seconds) as answer:
                answer.read(4096)
        except (OSError, http.client.HTTPException):
            pass

    def usage(self):
        """Memory in MiB, and counts, as the system has them; None when the process just ended."""
        folder = pathlib.Path(f"/proc/{self.process.pid}")
        try:
            rollup = (folder / "smaps_rollup").read_text()
            kilobytes = dict(re.findall(r"^(Rss|Pss): +(\d+) kB", rollup, re.MULTILINE))
            return {"rss": int(kilobytes["Rss"]) / 1024, "pss": int(kilobytes["Pss"]) / 1024,
                    "fds": len(os.listdir(folder / "fd")),
                    "threads": len(os.listdir(folder / "task"))}
        except (OSError, KeyError):
            return None


class Reloads(threading.Thread):
    """Changes the configuration at random times, in every way, broken ones included."""

    def __init__(self, daemon, longest, seed, failures):
        super().__init__(name="reloads", daemon=True)
        self._daemon = daemon
        self._longest = longest
        self._random = random.Random(seed)
        self._failures = failures
        self._ending = threading.Event()
        self.done = 0
        self.refused = 0
        self.signals = 0

    def run(self):
        steps = (self._change_rules, self._change_rules, self._change_input, self._change_guest,
                 self._change_output, self._change_listener, self._signal, self._storm, self._break)
        try:
            while not self._ending.wait(self._random.uniform(0.1, self._longest)):
                with self._daemon.lock:
                    self._random.choice(steps)()
            with self._daemon.lock:
                self._daemon.guest = True
                self._daemon.copy = False
                self._accepted()
        except Exception as error:  # the thread's top: the run has failed
            self._failures.append(f"reloads: {error!r}")

    def end(self):
        self._ending.set()
        self.join()

    def _accepted(self):
        self._daemon.write_rules()
        self._daemon.write_config()
        status = self._daemon.reload()
        if status != 200:
            raise RuntimeError(f"a reload was answered with {status}")
        self.done += 1

    def _change_rules(self):
        self._daemon.rules = self._random.randint(2, 40)
        self._accepted()

    def _change_input(self):
        self._daemon.poll = self._random.randint(50, 500)
        self._accepted()

    def _change_listener(self):
        self._daemon.body_max = self._random.randint(4, 16)
        self._accepted()

    def _change_guest(self):
        self._daemon.guest = not self._daemon.guest
        self._accepted()

    def _change_output(self):
        self._daemon.copy = not self._daemon.copy
        self._accepted()

    def _signal(self):
        self._daemon.hang_up()
        self.signals += 1

    def _storm(self):
        for _ in range(20):
            self._daemon.hang_up()
        self.signals += 20

    def _break(self):
        if self._random.random() < 0.5:
            self._daemon.write_config("nonsense: true\n")
        else:
            pathlib.Path("rules.yml").write_text(RULES % 3 + "---\ntitle: [\n")
        status = self._daemon.reload()
        if status != 500:
            raise RuntimeError(f"a broken configuration was answered with {status}")
        self.refused += 1
        self._daemon.write_rules()
        self._daemon.write_config()
