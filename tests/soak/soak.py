"""Runs picket at full speed for a while, as on a bad day, and judges what it was like.

usage: soak.py BINARY SOURCE_DIR BUILD_DIR SECONDS KILLS SEED, in an empty folder
A day of generated traffic goes to a renamed log, a copied and cut one, HTTP, TCP, a pipe, and the
log of an input that comes and goes, as fast as picket reads it; meanwhile it is reloaded in every
way, scraped all the time, and tells its alerts to receivers with moods. With KILLS it is killed so
often, and has no TCP and no pipe, which lose by design what a killed process had not spooled. What
is measured and what must hold is in judgement.py; the exit status is 1 when something does not.
"""

import collections
import pathlib
import random
import sys
import threading
import time

import judgement
from daemon import Daemon, Reloads
from receivers import Moods, Receiver
from traffic import (DeadLetters, FileSource, PipeSource, PostSource, SmallSource, TcpSource,
                     Traffic)

START_MS = 1_787_270_400_000  # 2026-08-21T00:00:00Z
SKEW_MAX_MS = 60_000  # of event time, by which a source's unread rows may be behind the newest
LOOK_SECONDS = 0.1
ROWS_PER_DAY = 3_600_000  # a day passes in ten minutes if 6,000 lines are read in a second


class Run:
    """Everything that takes part. Threads report what went wrong into `failures`."""

    def __init__(self, binary, source_dir, build, options):
        seconds, kills, seed = options
        self.seconds = seconds
        self.kills = kills
        self.seed = seed
        self.failures = []
        self.started = time.monotonic()
        ports = judgement.free_ports(
            ["http", "posted", "sent", "calm", "moody", "moodier"], random.Random())
        self.daemon = Daemon(binary, {
            "ports": ports, "source_dir": source_dir, "kills": kills,
            "dead_letter_max": "1GiB" if kills else "4MiB"})
        self.traffic = Traffic(f"{build}/picket-traffic", seed, ROWS_PER_DAY, START_MS)
        self.calm = Receiver(ports["calm"])
        self.moody = [Receiver(ports["moody"]), Receiver(ports["moodier"])]
        self.moods = Moods(self.moody, max(2.0, min(10.0, seconds / 20)), seed)
        self.reloads = Reloads(self.daemon, max(0.5, min(4.0, seconds / 40)), seed, self.failures)
        self.ports = ports
        self.sources = []
        self.ledger_faults = 0
        self.looks = 0
        self.killed = 0
        self._ending = threading.Event()

    def begin(self):
        for folder in ("log", "state"):
            pathlib.Path(folder).mkdir()
        for name in ("renamed", "copied", "guest"):
            pathlib.Path(f"log/{name}.ndjson").touch()
        self.daemon.write_rules()
        self.daemon.write_config()
        self.daemon.start()
        args = (self.traffic, self.failures)
        log = pathlib.Path("log")
        self.sources = [
            FileSource(log / "renamed.ndjson", *args, rotate_bytes=48 << 20),
            FileSource(log / "copied.ndjson", *args, rotate_bytes=32 << 20, copytruncate=True),
            PostSource("posted", self.ports["posted"], *args),
            SmallSource(log / "guest.ndjson", *args)]
        if not self.kills:
            self.sources += [TcpSource("sent", self.ports["sent"], *args),
                             PipeSource("piped", self.daemon.process.stdin, *args)]
        threads = [self.moods, self.reloads, *self.sources]
        for work in (self._look, self._ask, self._kill):
            threads.append(threading.Thread(target=self._guarded, args=[work], daemon=True))
        for thread in threads:
            thread.start()

    def _guarded(self, work):
        try:
            work()
        except Exception as error:  # the thread's top: the run has failed
            self.failures.append(f"{work.__name__}: {error!r}")

    def _look(self):
        """Lets the sources write what picket can take, and checks the ledger at every look."""
        letters = DeadLetters("dead_letter.jsonl")
        known = collections.Counter()  # source -> pieces read when that was noted last
        noted = 0.0
        while True:
            letters.look()
            for source in self.sources:
                source.note_read(letters.read[source.name])
            # An input that is away for a while holds up nobody.
            steady = [source.oldest_unread() for source in self.sources if source.counted]
            self.traffic.go_on_to(min(steady) + SKEW_MAX_MS)
            metrics = self.daemon.metrics()
            if metrics is None:
                time.sleep(LOOK_SECONDS)
                continue
            self.looks += 1
            self.ledger_faults += judgement.ledger_faults(metrics)
            if metrics["picket_checkpoint_last_success_timestamp_seconds"] > noted:
                for source in self.sources:
                    source.note_committed(known[source.name])
                known = collections.Counter(letters.read)
                noted = time.time()
            time.sleep(LOOK_SECONDS)

    def _ask(self):
        """What people and their tools look at, all the time."""
        choose = random.Random(self.seed)
        pages = ("/", "/metrics", "/api/v1/status", "/api/v1/alerts", "/api/v1/actors",
                 "/api/v1/sources", "/api/v1/rules", "/-/healthy", "/api/v1/alerts?status=firing")
        while not self._ending.is_set():
            if choose.random() < 0.05:
                self.daemon.stream(0.5)
            else:
                self.daemon.get(choose.choice(pages))
            time.sleep(0.05)

    def _kill(self):
        choose = random.Random(self.seed)
        moments = sorted(choose.uniform(1, self.seconds) for _ in range(self.kills))
        for moment in moments:
            self._ending.wait(max(0.0, self.started + moment - time.monotonic()))
            self.daemon.kill()
            self.killed += 1

    def rotations(self):
        return sum(source.rotations for source in self.sources)

    def watch(self, samples):
        """Takes samples until the time is over or something has gone wrong."""
        step = max(1.0, self.seconds / 120)
        while time.monotonic() < self.started + self.seconds and not self.failures:
            time.sleep(step)
            if not self.daemon.alive() and not self.kills:
                self.failures.append(f"picket ended with {self.daemon.process.returncode}")
            sample = judgement.take_sample(self)
            if sample is not None:
                samples.append(sample)
                if sys.stdout.isatty():
                    print(judgement.row(sample), flush=True)

    def end(self):
        """Everybody stops, picket reads to the end and tells all its alerts, and ends."""
        self.reloads.end()
        self.moods.end()
        for source in self.sources:
            source.end()
        for source in self.sources:
            source.join(timeout=120)
            if source.is_alive():
                self.failures.append(f"source {source.name} is stuck")
        self.traffic.stop()
        self.sources[0].push_time_on()
        self._ending.set()
        last = judgement.wait_for_quiet(self)
        status = self.daemon.stop()
        if status != 0:
            self.failures.append(f"picket ended with {status}")
        return last


def main():
    binary, source_dir, build = sys.argv[1:4]
    run = Run(binary, source_dir, build, [int(word) for word in sys.argv[4:7]])
    samples = []
    last = {}
    try:
        run.begin()
        run.watch(samples)
        last = run.end()
    except Exception as error:  # told with all the rest
        run.failures.append(repr(error))
    finally:
        run.traffic.stop()
        if run.daemon.process is not None and run.daemon.alive():
            run.daemon.process.kill()
    judgement.print_table(samples)
    sys.exit(0 if judgement.judge(run, samples, last) else 1)


if __name__ == "__main__":
    main()
