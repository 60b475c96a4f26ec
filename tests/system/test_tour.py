"""What README's tour says that GitHub's push becomes."""

import os
import re
import subprocess

from harness import postern

TOUR = (postern.ROOT / "README.md").read_text().split("**Let GitHub post.**")[1].split("\n**")[0]


def test_a_push_of_github(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    script, shown = re.findall(r"```(?:sh)?\n(.*?)```", TOUR, re.S)
    assert script.count("http://127.0.0.1:8080/") == 1 and script.count("general") == 2
    script = script.replace("http://127.0.0.1:8080", ring.base).replace("general", name).replace("posternctl history", f"posternctl history --url {ring.base}")
    done = subprocess.run(["bash", "-euc", script], cwd=postern.ROOT, capture_output=True, text=True, timeout=60,
                          env={**ring.environment, "POSTERN_TOKEN": ada.token, "POSTERN_CONF": str(ring.conf),
                               "PATH": f"{ring.binaries}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip().endswith(f"  {shown.strip()}"), done.stdout
    message, = (row["message"] for row in ring.messages("channelsbyname", name, ada.token))
    assert "a list of the commits" in TOUR and message["slides"][0]["title"] == "Commits"


def test_the_number_of_senders():
    assert len(list(postern.ROOT.glob("formats/*/format.json"))) == int(re.search(r"each of (\d+) senders", TOUR)[1])
