"""A row of common/ops.def that a process has nothing for does not compile."""

import re
import subprocess

import pytest

from tree import ROOT

ROW = 'SEND(  1, channel_message,           OP_POST,   "/channelsbyname/{target}/message(s)",           '
ROWS = {  # what is written for the columns from the credentials on: (file, what gcc says)
    "TOKEN, CHANNEL, channel, MEMBER, POST, message": ("workers/loop/worker.c", ""),
    "TOKEN, CHANNEL, canal, MEMBER, POST, message": ("authd/judge/verdict.c", "case_find_canal"),
    "TOKEN, CHANNEL, channel, MEMBERS, POST, message": ("authd/judge/verdict.c", "MAY_MEMBERS"),
    "TOKEN, CHANNEL, channel, MEMBER, POSTS, message": ("authd/judge/verdict.c", "DOES_POSTS"),
    "TOKEN, CHANNEL, channel, MEMBER, POST, letter": ("workers/loop/worker.c", "VERB_letter"),
    "TOKEN, CHANNEL, channel, MEMBER, POST, none": ("workers/loop/worker.c", "needs the verb of its worker"),
    "TOKEN, CHANNEL, channel, MEMBER, POST, event": ("workers/loop/worker.c", "verb of workers with handlers"),
    "TOKEN, AUTHD, channel, MEMBER, POST, none": ("authd/authd.c", "say here how"),
}


@pytest.mark.parametrize("row", ROWS)
def test_compiler_refuses(tmp_path, row):
    path, says = ROWS[row]
    table = (ROOT / "common/ops.def").read_text()
    changed = re.sub(re.escape(ROW) + ".*", f"{ROW}{row})", table)
    assert changed != table
    (tmp_path / "common").mkdir()
    (tmp_path / "common/ops.def").write_text(changed)
    done = subprocess.run(["gcc", "-std=gnu11", "-fsyntax-only", f"-I{tmp_path}", f"-I{ROOT}", ROOT / path],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode == 0) == (not says) and says in done.stderr, done.stderr
