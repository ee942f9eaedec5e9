"""What is measured in a soak, and what must hold.

While it runs: memory, descriptors, threads and the state file are flat, that is, their mean in the
last third is not above that in the middle third by more than a tenth and a small constant, and the
line of least squares through both does not climb by more than that; the ledger balances at every
look; files that are bounded stay below their bounds. At the end: every line counted once, every
alert stands in the file once, sentinels counted once, the receivers know all alerts, and nothing
waits for them.
"""

import collections
import json
import pathlib
import socket
import sqlite3
import time

MIB = 1 << 20
# Name, title, and what it may climb by beside a tenth. Windows have a bound of their own, and fill.
FLAT = (
    ("rss", "RSS without windows", 8.0), ("pss", "PSS without windows", 8.0),
    ("fds", "descriptors", 3.0), ("threads", "threads", 1.0), ("db", "state file", 4.0))
# Seconds, below which nothing has had time to be flat; what is killed now and then never has.
SHORT = 300
COLUMNS = (
    ("at", "s", 5, 0), ("hour", "hour", 5, 1), ("lines", "lines/k", 8, 0), ("rate", "k/s", 5, 0),
    ("rss", "RSS", 6, 1), ("pss", "PSS", 6, 1), ("window", "window", 6, 1), ("fds", "fds", 4, 0),
    ("threads", "thr", 4, 0), ("imbalance", "imbal", 5, 0), ("lag", "unread", 6, 1),
    ("pending", "pending", 7, 0), ("db", "state", 6, 1), ("wal", "wal", 5, 1),
    ("spool", "spool", 6, 1), ("dead", "dead", 5, 1), ("queue", "queue", 5, 0),
    ("firing", "firing", 6, 0), ("reloads", "reload", 6, 0), ("rotations", "rotat", 5, 0))


def free_ports(names, choose):
    """Loopback ports below the range that the system gives to clients."""
    ports = {}
    while len(ports) < len(names):
        port = choose.randint(20_000, 29_999)
        with socket.socket() as probe:
            if port not in ports.values() and probe.connect_ex(("127.0.0.1", port)) != 0:
                ports[names[len(ports)]] = port
    return ports


def total(metrics, family):
    return sum(v for k, v in metrics.items() if k == family or k.startswith(family + "{"))


def ledger_faults(metrics):
    """1 if the ledger does not balance in this scrape, by picket's count or that of its parts."""
    parts = sum(total(metrics, family) for family in (
        "picket_lines_processed_total", "picket_dead_letter_total", "picket_lines_dropped_total",
        "picket_lines_in_flight"))
    imbalance = any(value != 0 for name, value in metrics.items()
                    if name.startswith("picket_ledger_imbalance_lines"))
    return int(imbalance or parts != total(metrics, "picket_lines_read_total"))


def megabytes(pattern):
    size = 0
    for path in pathlib.Path(".").glob(pattern):
        try:
            size += path.stat().st_size
        except OSError:
            pass  # removed meanwhile
    return size / MIB


def take_sample(run):
    usage = run.daemon.usage()
    metrics = run.daemon.metrics()
    if usage is None or metrics is None:
        return None
    return usage | {
        "at": time.monotonic() - run.started,
        "hour": (run.traffic.now_ms - run.traffic.first_ms) / 3_600_000,
        "lines": sum(source.lines for source in run.sources) / 1000,
        "pending": metrics["picket_hits_pending"],
        "window": metrics["picket_window_bytes"] / MIB,
        "imbalance": total(metrics, "picket_ledger_imbalance_lines"),
        "lag": total(metrics, "picket_file_lag_bytes") / MIB,
        "db": megabytes("state/picket.db"),
        "wal": megabytes("state/picket.db-wal"),
        "spool": megabytes("state/spool/*/*"),
        "dead": megabytes("dead_letter.jsonl*"),
        "queue": total(metrics, "picket_notifications_queue_length"),
        "firing": total(metrics, "picket_incidents_active"),
        "reloads": run.reloads.done,
        "rotations": run.rotations(),
        "rate": 0,
    }


def row(sample):
    return " ".join(f"{sample[name]:{width}.{digits}f}" for name, _, width, digits in COLUMNS)


def print_table(samples):
    """At most some thirty rows; sizes are in MiB."""
    for i in range(1, len(samples)):
        span = samples[i]["at"] - samples[i - 1]["at"]
        samples[i]["rate"] = (samples[i]["lines"] - samples[i - 1]["lines"]) / span
    with open("samples.csv", "w", encoding="utf-8") as csv:
        csv.write(",".join(name for name, *_ in COLUMNS) + "\n")
        for sample in samples:
            csv.write(",".join(f"{sample[name]:.3f}" for name, *_ in COLUMNS) + "\n")
    print(" ".join(f"{title:>{width}}" for _, title, width, _ in COLUMNS))
    for sample in samples[:: max(1, len(samples) // 30)]:
        print(row(sample))


def wait_for_quiet(run):
    """The metrics once all is read and told, or after two minutes."""
    deadline = time.monotonic() + 120
    metrics = {}
    while time.monotonic() < deadline:
        now = run.daemon.metrics()
        if now is not None:
            metrics = now
            still = sum(total(now, family) for family in (
                "picket_file_lag_bytes", "picket_lines_in_flight", "picket_hits_pending",
                "picket_notifications_queue_length"))
            counted = [source for source in run.sources if source.counted]
            all_read = run.kills or all(is_read(now, source) for source in counted)
            if still == 0 and all_read and not unheard(run):
                break
        time.sleep(0.5)
    # Whoever was away hears of everything at the next general message.
    time.sleep(6)
    return metrics


def is_read(metrics, source):
    return metrics.get(f'picket_lines_read_total{{source="{source.name}"}}', 0) >= source.lines


def alert_lines():
    with open("alerts.ndjson", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def unheard(run):
    """Alerts that the receiver which is always there has not heard of."""
    return {alert["alert_id"] for alert in alert_lines()} - run.calm.heard


class Verdict:
    """Says line by line what holds and what does not."""

    def __init__(self):
        self.good = True

    def check(self, holds, text):
        self.good = self.good and bool(holds)
        print(("ok:     " if holds else "FAILED: ") + text)


def judge(run, samples, last):
    verdict = Verdict()
    for failure in run.failures:
        verdict.check(False, failure)
    if not last or not samples:
        return False
    spent = samples[-1]["at"]
    lines = sum(source.lines for source in run.sources)
    size = sum(source.bytes for source in run.sources) / 1e9
    print(f"{lines:,} lines, {size:.1f} GB, in {spent:.0f} s: {lines / spent:,.0f} lines/s; "
          f"{samples[-1]['hour']:.1f} h of event time; {run.reloads.done} reloads, "
          f"{run.reloads.refused} refused ones, {run.reloads.signals} signals; {run.rotations()} "
          f"rotations; {run.killed} kills; {run.moods.changes} moods; {run.looks} looks at the "
          "metrics")
    judge_flatness(verdict, run, samples)
    judge_lines(verdict, run, last)
    judge_alerts(verdict, run, last)
    judge_files(verdict, run, samples)
    return verdict.good


def slope(samples, name):
    """Of the line of least squares, per second."""
    times = [sample["at"] for sample in samples]
    values = [sample[name] for sample in samples]
    time_mean = sum(times) / len(times)
    mean = sum(values) / len(values)
    spread = sum((at - time_mean) ** 2 for at in times)
    return sum((at - time_mean) * (v - mean) for at, v in zip(times, values)) / spread


def judge_flatness(verdict, run, samples):
    third = len(samples) // 3
    if third < 3:
        return
    samples = [sample | {name: sample[name] - sample["window"] for name in ("rss", "pss")}
               for sample in samples]
    begin, middle, end = samples[:third], samples[third : 2 * third], samples[2 * third :]
    for name, title, slack in FLAT:
        means = [sum(sample[name] for sample in part) / len(part) for part in (begin, middle, end)]
        both = middle + end
        climb = slope(both, name) * (both[-1]["at"] - both[0]["at"])
        bound = means[1] / 10 + slack
        text = (f"{title}: {means[0]:.1f}, {means[1]:.1f}, {means[2]:.1f} in the thirds, climbs by "
                f"{climb:+.1f} in the last two (at most {bound:.1f})")
        if run.seconds < SHORT or run.kills:
            print("        " + text)
        else:
            verdict.check(means[2] - means[1] <= bound and climb <= bound, text)


def judge_lines(verdict, run, last):
    verdict.check(run.ledger_faults == 0,
                  f"the ledger did not balance at {run.ledger_faults} of {run.looks} looks")
    if run.kills:
        judge_markers(verdict, run)
        return
    for source in run.sources:
        if not source.counted:
            continue
        label = f'{{source="{source.name}"}}'
        read = int(last.get("picket_lines_read_total" + label, 0))
        dead = int(sum(value for name, value in last.items()
                       if name.startswith("picket_dead_letter_total" + label[:-1])))
        verdict.check(source.lines <= read <= source.lines + source.doubtful,
                      f"{source.name}: {source.lines:,} lines were written and {read:,} read"
                      + (f" ({source.doubtful:,} posted again)" if source.doubtful else ""))
        verdict.check(
            dead >= source.markers and (source.doubtful or dead == source.markers),
            f"{source.name}: {source.markers:,} of them no events, and {dead:,} dead letters")
    verdict.check(total(last, "picket_lines_dropped_total") == 0, "no line was dropped")


def judge_markers(verdict, run):
    """Counters do not survive a kill; dead letters do, some of them twice."""
    seen = set()
    for path in pathlib.Path(".").glob("dead_letter.jsonl*"):
        with open(path, encoding="utf-8") as file:
            seen.update(json.loads(line).get("line", "") for line in file)
    for source in run.sources:
        missing = [n for n in range(source.markers)
                   if f"no event: {source.name} {n}" not in seen]
        verdict.check(not missing, f"{source.name}: {source.lines:,} lines in {source.markers:,} "
                      f"pieces were written, and the ends of {len(missing)} not read {missing[:5]}")


def judge_alerts(verdict, run, last):
    lines = collections.Counter()
    newest = {}
    sentinels = collections.Counter()
    twice = set()
    for alert in alert_lines():
        lines[alert["alert_id"], alert["status"], alert["severity"], alert["ends_at"]] += 1
        newest[alert["alert_id"]] = alert
        if alert["rule"]["name"] != "soak_each":
            continue
        name = alert["labels"]["request_id"]
        sentinels[name] += alert["status"] == "firing"
        if alert["events"] != 1:
            twice.add(name)
    repeated = [key for key, count in lines.items() if count > 1]
    verdict.check(not repeated,
                  f"{len(lines):,} lines in the alert file, and {len(repeated)} of them repeated "
                  f"{repeated[:2]}")
    for source in run.sources:
        lost = source.sentinels - sentinels.keys()
        more = {name for name in source.sentinels if sentinels[name] > 1 or name in twice}
        allowed = source.doubtful > 0
        verdict.check(not lost and (allowed or not more),
                      f"{source.name}: {len(source.sentinels):,} sentinels, {len(lost)} lost, "
                      f"{len(more)} counted twice {sorted(lost | more)[:3]}")
    missed = unheard(run)
    verdict.check(not missed, f"the calm receiver heard of {len(run.calm.heard):,} alerts in "
                  f"{run.calm.posts:,} posts, and not of {len(missed)} {sorted(missed)[:2]}")
    firing = {name for name, alert in newest.items() if alert["status"] == "firing"}
    for receiver in run.moody:
        missed = firing - receiver.heard
        verdict.check(not missed, f"a moody receiver heard of {len(receiver.heard):,} alerts, and "
                      f"not of {len(missed)} of the {len(firing)} that fire at the end "
                      f"{sorted(missed)[:2]}")
    dropped = total(last, "picket_notifications_dropped_total")
    verdict.check(dropped == 0, f"{dropped:.0f} notifications were dropped")


def judge_files(verdict, run, samples):
    store = sqlite3.connect("file:state/picket.db?mode=ro", uri=True)
    (waiting,) = store.execute(
        "SELECT count(*) FROM outbox WHERE key >= x'65' AND key < x'66'").fetchone()  # "e" ...
    store.close()
    verdict.check(waiting == 0, f"{waiting} notifications are left in the outbox")
    peak = {name: max(sample[name] for sample in samples) for name in ("wal", "spool", "dead")}
    verdict.check(run.kills or peak["dead"] <= 4,
                  f"dead letters took {peak['dead']:.1f} MiB at most")
    verdict.check(peak["spool"] <= 130, f"the spools took {peak['spool']:.1f} MiB at most")
    verdict.check(peak["wal"] <= 64, f"the write-ahead log took {peak['wal']:.1f} MiB at most")
