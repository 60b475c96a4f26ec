"""clang.py DIRECTORY: clang reads every source as the build in DIRECTORY compiles it, and makes nothing of it: its
warnings are errors."""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

CLANG = {"cc": "clang-14", "c++": "clang++-14"}


def read(unit):
    """What clang says of one of the compilation database's units; "": nothing."""
    compiler, *rest = shlex.split(unit["command"])
    clang = CLANG[re.search(r"(c\+\+|cc)$", compiler)[0]]
    done = subprocess.run([clang, *rest, "-fsyntax-only"], cwd=unit["directory"], capture_output=True, text=True)
    return done.stderr or ("" if done.returncode == 0 else f"{unit['file']}: {clang} ended with {done.returncode}\n")


def main():
    units = json.loads((pathlib.Path(sys.argv[1]) / "compile_commands.json").read_text())
    assert units, "the build has no units"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = "".join(pool.map(read, units))
    sys.exit(said or 0)


if __name__ == "__main__":
    main()
