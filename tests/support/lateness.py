"""How busy this machine is with other things, for what is measured on it meanwhile."""

import threading
import time

STEP_S = 0.01


class Lateness:
    """While the block runs, `most_s` is the most by which a thread came late that only had to wait."""

    def __init__(self):
        self.most_s, self.is_over = 0, threading.Event()
        self.thread = threading.Thread(target=self.look)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def look(self):
        while not self.is_over.is_set():
            began = time.monotonic()
            self.is_over.wait(STEP_S)
            self.most_s = max(self.most_s, time.monotonic() - began - STEP_S)
