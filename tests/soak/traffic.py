"""A day of generated traffic, and the sources that write it to picket's inputs.

Every source is a thread that takes the next piece of one stream of rows, so that event time goes on
in all of them alike, and writes it as far as picket lets it: `credit` is what it may write before
picket has read more. Each piece ends with a line that is no event, and now and then has a sentinel:
an event that has an alert of its own, which tells how often it counted.
"""

import collections
import fcntl
import gzip
import http.client
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import zlib

PIECE = 256 << 10
UNREAD_MAX = 4 << 20  # bytes of one source
DAY_MS = 86_400_000
PIPE_BYTES = 1 << 20
TIME = re.compile(rb'"time":(\d+)')


class Traffic:
    """Rows of one day after the other, in the order of event time, for whoever asks next."""

    def __init__(self, program, seed, rows_per_day, start_ms):
        self._command = [program, "--seed", str(seed), "--rate", f"{rows_per_day / 86_400:.3f}",
                         "--count", str(rows_per_day), "--out", "-", "--start"]
        self._lock = threading.Lock()
        self._begin_ms = start_ms
        self._rest = b""
        self._generator = None
        self.first_ms = start_ms
        self.now_ms = start_ms
        self._until_ms = start_ms

    def go_on_to(self, time_ms):
        """How far event time may go for now. Inputs that are read side by side are in step."""
        self._until_ms = time_ms

    def may_go_on(self):
        return self.now_ms < self._until_ms

    def piece(self, size=PIECE):
        """About `size` bytes of whole rows, and the event time of the last."""
        with self._lock:
            while True:
                if self._generator is None:
                    self._generator = subprocess.Popen(
                        self._command + [str(self._begin_ms)], stdout=subprocess.PIPE)
                    fcntl.fcntl(self._generator.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
                    self._begin_ms += DAY_MS
                block = self._rest + self._generator.stdout.read(size)
                end = block.rfind(b"\n") + 1
                if end > 0:
                    break
                self.stop()
            self._rest = block[end:]
            last = TIME.search(block, block.rfind(b"\n", 0, end - 1) + 1)
            self.now_ms = int(last.group(1))
            return block[:end], self.now_ms

    def stop(self):
        if self._generator is not None:
            self._generator.kill()
            self._generator.stdout.close()
            self._generator.wait()
            self._generator = None


class DeadLetters:
    """Follows the dead letters, which tell how many pieces of each source picket has read.

    Metrics would tell too, but not after a kill, before all files are found again.
    """

    MARKER = re.compile(rb'"no event: (\w+) (\d+)"')

    def __init__(self, path):
        self._path = path
        self._file = open(path, "rb")
        self._seen = collections.defaultdict(set)  # beyond the first gap
        self.read = collections.Counter()  # source -> pieces before the first gap

    def look(self):
        self._take()
        try:
            if os.stat(self._path).st_ino != os.fstat(self._file.fileno()).st_ino:
                self._take()
                following = open(self._path, "rb")
                self._file.close()
                self._file = following
                self._take()
        except FileNotFoundError:
            pass  # just being rotated
        for name, seen in self._seen.items():
            while self.read[name] in seen:
                seen.remove(self.read[name])
                self.read[name] += 1

    def _take(self):
        """Whole records only: what a kill cuts short is taken back, and written again."""
        start = self._file.tell()
        text = self._file.read()
        end = text.rfind(b"\n") + 1
        self._file.seek(start + end)
        for name, number in self.MARKER.findall(text, 0, end):
            if int(number) >= self.read[name.decode()]:
                self._seen[name.decode()].add(int(number))


class Source(threading.Thread):
    """One input's writer. Subclasses say how bytes get there."""

    piece_bytes = PIECE
    pause = 0.0  # between pieces
    sentinel_every = 0.5  # seconds
    counted = True  # picket's counters go on as long as this lasts

    def __init__(self, name, traffic, failures):
        super().__init__(name=name, daemon=True)
        self.traffic = traffic
        self.failures = failures
        self.credit = UNREAD_MAX
        self.lines = 0  # written, or acknowledged
        self.doubtful = 0  # lines of posts whose answer did not come
        self.bytes = 0
        self.markers = 0
        self.sentinels = set()
        self.rotations = 0
        self._next_sentinel = 0.0
        self._unread = collections.deque()  # number, bytes and event time of each piece
        self._ending = threading.Event()

    def run(self):
        try:
            while not self._ending.is_set():
                if self.credit <= 0 or not self.traffic.may_go_on():
                    time.sleep(0.01)
                    continue
                self._write_piece()
                self._ending.wait(self.pause)
            self.finish()
        except Exception as error:  # the thread's top: the run has failed
            self.failures.append(f"source {self.name}: {error!r}")

    def end(self):
        self._ending.set()

    def _write_piece(self):
        piece, time_ms = self.traffic.piece(self.piece_bytes)
        sentinel = None
        if time.monotonic() >= self._next_sentinel:
            self._next_sentinel = time.monotonic() + self.sentinel_every
            sentinel = f"{self.name}_{len(self.sentinels)}"
            piece += (f'{{"request_id":"{sentinel}","time":{time_ms},"workspace_id":"ws_soak",'
                      '"method":"POST","host":"api.unkey.com","path":"/v2/apis.deleteApi",'
                      '"response_status":412}\n').encode()
        piece += f"no event: {self.name} {self.markers}\n".encode()
        self._unread.append((self.markers, len(piece), time_ms))
        self.credit -= len(piece)
        lines = piece.count(b"\n")
        self.write(piece, lines)
        self.bytes += len(piece)
        self.lines += lines
        self.markers += 1
        if sentinel is not None:
            self.sentinels.add(sentinel)

    def write(self, piece, lines):
        raise NotImplementedError

    def finish(self):
        pass

    def note_read(self, pieces):
        """Of so many pieces picket has read the end."""
        while len(self._unread) > 0 and self._unread[0][0] < pieces:
            self._unread.popleft()
        self.credit = UNREAD_MAX - sum(size for _, size, _ in list(self._unread))

    def oldest_unread(self):
        """The event time of the first piece of which picket has not read all."""
        try:
            return self._unread[0][2]
        except IndexError:
            return self.traffic.now_ms

    def note_committed(self, pieces):
        """picket has read so many pieces, and committed that."""


class FileSource(Source):
    """A log that is rotated when it has grown: renamed, or copied and cut and later compressed.

    Only what picket has read and committed is compressed or removed, since nobody could find the
    rest again.
    """

    KEEP = 3

    def __init__(self, path, traffic, failures, rotate_bytes=0, copytruncate=False):
        super().__init__(path.stem, traffic, failures)
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._copytruncate = copytruncate
        self._file = open(path, "ab", buffering=0)
        self._rotated = []  # newest first: [path, pieces written by then, is committed]

    def write(self, piece, lines):
        if self._rotate_bytes and self._file.tell() >= self._rotate_bytes:
            self._rotate(piece)
        else:
            self._file.write(piece)

    def _rotate(self, piece):
        for rotated in reversed(self._rotated):
            name = rotated[0].name.split(".")  # log, ndjson, number, perhaps gz
            name[2] = str(int(name[2]) + 1)
            rotated[0] = rotated[0].rename(rotated[0].with_name(".".join(name)))
        path = self._path.with_name(self._path.name + ".1")
        pieces = self.markers
        if self._copytruncate:
            shutil.copyfile(self._path, path)
            os.truncate(self._path, 0)
            self._file.write(piece)
        else:
            self._path.rename(path)
            # The writer has it open, and goes on for a moment.
            self._file.write(piece)
            self._file.close()
            self._file = open(self._path, "ab", buffering=0)
            pieces += 1
        self._rotated.insert(0, [path, pieces, False])
        self.rotations += 1
        self._tidy_up()

    def _tidy_up(self):
        while len(self._rotated) > self.KEEP and self._rotated[-1][2]:
            self._rotated.pop()[0].unlink()
        if not self._copytruncate:
            return
        for rotated in self._rotated[1:]:
            path = rotated[0]
            if rotated[2] and path.suffix != ".gz":
                packed = path.with_name(path.name + ".gz")
                with open(path, "rb") as plain, gzip.open(packed, "wb", compresslevel=1) as into:
                    shutil.copyfileobj(plain, into, PIECE)
                path.unlink()
                rotated[0] = packed

    def note_committed(self, pieces):
        for rotated in list(self._rotated):
            rotated[2] = rotated[2] or pieces >= rotated[1]

    def finish(self):
        self._file.close()

    def push_time_on(self):
        """A last row, long after all others: what waits for event time waits no longer."""
        with open(self._path, "ab") as file:
            file.write(b'{"request_id":"last","time":%d,"workspace_id":"ws_soak","method":"POST",'
                       b'"host":"api.unkey.com","path":"/v2/keys.getKey","response_status":200}\n'
                       % (self.traffic.now_ms + 600_000))
        self.lines += 1


class SmallSource(FileSource):
    """The log of an input that comes and goes, and whose counters begin again each time."""

    piece_bytes = 8 << 10
    pause = 0.3
    sentinel_every = 0.0
    counted = False


class PostSource(Source):
    """Posts each piece, packed every other time, until it is acknowledged."""

    def __init__(self, name, port, traffic, failures):
        super().__init__(name, traffic, failures)
        self._port = port
        self._connection = None

    def write(self, piece, lines):
        headers = {}
        if self.markers % 2:
            headers["Content-Encoding"] = "gzip"
            packer = zlib.compressobj(1, wbits=31)
            piece = packer.compress(piece) + packer.flush()
        doubtful = False
        while True:
            try:
                if self._connection is None:
                    self._connection = http.client.HTTPConnection(
                        "127.0.0.1", self._port, timeout=20)
                    self._connection.connect()
            except OSError:
                self._connection = None
                time.sleep(0.02)
                continue
            status = self._post(piece, headers)
            if status == 200:
                break
            if status not in (None, 503):
                raise RuntimeError(f"a post was answered with {status}")
            doubtful = doubtful or status is None
            time.sleep(0.05)
        if doubtful:
            self.doubtful += lines

    def _post(self, piece, headers):
        try:
            self._connection.request("POST", f"/ingest/{self.name}", piece, headers)
            answer = self._connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return None

    def finish(self):
        if self._connection is not None:
            self._connection.close()


class TcpSource(Source):
    """Sends each piece over a connection, and begins a new one now and then."""

    piece_bytes = 32 << 10

    def __init__(self, name, port, traffic, failures):
        super().__init__(name, traffic, failures)
        self._port = port
        self._socket = None

    def write(self, piece, lines):
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self._socket.sendall(piece)
        if self.markers % 100 == 99:
            self.finish()

    def finish(self):
        """Ends the connection once picket has taken all."""
        if self._socket is not None:
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(4096):
                pass
            self._socket.close()
            self._socket = None


class PipeSource(Source):
    """picket's standard input."""

    def __init__(self, name, pipe, traffic, failures):
        super().__init__(name, traffic, failures)
        self._pipe = pipe

    def write(self, piece, lines):
        self._pipe.write(piece)
        self._pipe.flush()

    def finish(self):
        self._pipe.close()
