"""What goes on beside a test, on a thread of its own."""

import contextlib
import threading


@contextlib.contextmanager
def again_and_again(do):
    """DO of an event that is set when it is over, until a with block ends."""
    over = threading.Event()

    def run():
        while not over.is_set():
            do(over)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
