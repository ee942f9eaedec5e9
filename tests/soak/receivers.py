"""Alertmanagers with moods: they answer, hang, refuse, fail, reset, are slow or talk nonsense."""

import json
import random
import socket
import struct
import threading
import time

MOODS = ("good", "good", "slow", "hang", "refuse", "error", "reset", "nonsense")


class Receiver:
    """One Alertmanager. What it answers with 200 it has heard of."""

    def __init__(self, port):
        self.port = port
        self.mood = "good"
        self.heard = set()  # ids of alerts
        self.newest = {}  # labels -> the newest alert under them
        self.posts = 0
        self._changed = threading.Condition()
        self._listener = None
        self._listen()

    def set_mood(self, mood):
        with self._changed:
            self.mood = mood
            if mood == "refuse" and self._listener is not None:
                # Wakes the thread that accepts; close() alone would not.
                self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
                self._listener = None
            if mood != "refuse" and self._listener is None:
                self._listen()
            self._changed.notify_all()

    def _listen(self):
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        try:
            with connection, connection.makefile("rb") as stream:
                while self._answer(connection, stream):
                    pass
        except OSError:
            pass

    def _answer(self, connection, stream):
        if not stream.readline():
            return False
        length = 0
        for line in iter(stream.readline, b"\r\n"):
            if not line:
                return False
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        mood = self.mood
        if mood == "reset":
            stream.read(length // 2)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        body = stream.read(length)
        if len(body) < length:
            return False
        if mood == "hang":
            with self._changed:
                self._changed.wait_for(lambda: self.mood != "hang", timeout=60)
            return False
        if mood == "error":
            connection.sendall(b"HTTP/1.1 500 Oh no\r\nContent-Length: 2\r\n\r\nno")
            return True
        if mood == "nonsense":
            connection.sendall(b"\x00\xff nonsense\r\n\r\n" * 20)
            return False
        if mood == "refuse":
            return False
        self._hear(body)
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        if mood == "slow":
            time.sleep(0.3)
            for i in range(len(answer)):
                connection.sendall(answer[i : i + 1])
        else:
            connection.sendall(answer)
        return True

    def _hear(self, body):
        alerts = json.loads(body)
        with self._changed:
            self.posts += 1
            for alert in alerts:
                self.heard.add(alert["annotations"]["alert_id"])
                self.newest[json.dumps(alert["labels"], sort_keys=True)] = alert


class Moods(threading.Thread):
    """Changes the receivers' moods until it is ended, and makes them good then."""

    def __init__(self, receivers, longest, seed):
        super().__init__(name="moods", daemon=True)
        self._receivers = receivers
        self._longest = longest
        self._random = random.Random(seed)
        self._ending = threading.Event()
        self.changes = 0

    def run(self):
        while not self._ending.wait(self._random.uniform(0.5, self._longest)):
            self._random.choice(self._receivers).set_mood(self._random.choice(MOODS))
            self.changes += 1
        for receiver in self._receivers:
            receiver.set_mood("good")

    def end(self):
        self._ending.set()
        self.join()
