"""clang.py DIRECTORY: clang reads every source as the build in DIRECTORY compiles it, and makes nothing of it: its
warnings are errors.

One process reads all sources that are compiled alike: to start clang takes as long as to read one."""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

CLANG = {"cc": "clang-14", "c++": "clang++-14"}
MOST = 40  # sources of one process: each core gets several


def alike(units):
    """(directory, words without the source, sources) of the compilation database's units. A pragma would hold for the next source."""
    found = collections.defaultdict(set)
    for unit in units:
        words = shlex.split(unit["command"])
        words.remove(unit["file"])
        at = words.index("-o")
        del words[at:at + 2]
        alone = unit["file"] if re.search(r"^#pragma \w+ diagnostic|simdjson", pathlib.Path(unit["file"]).read_text(), re.M) else None
        found[unit["directory"], tuple(words), alone].add(unit["file"])
    for (directory, words, _), files in found.items():
        files = sorted(files)
        for at in range(0, len(files), MOST):
            yield directory, words, files[at:at + MOST]


def compiler(directory, words, source):
    """The compiler proper's command line that clang would run for SOURCE, without it: it takes several, the driver starts one for each."""
    clang = CLANG[re.search(r"(c\+\+|cc)$", words[0])[0]]
    done = subprocess.run([clang, *words[1:], "-fsyntax-only", "-###", source], cwd=directory, capture_output=True, text=True, check=True)
    proper = shlex.split(done.stderr.splitlines()[-1])
    assert proper[1] == "-cc1" and proper[-1] == source, proper
    return proper[:-1]


def read(group):
    """What clang says of a group of sources; "": nothing."""
    directory, words, files = group
    done = subprocess.run([*compiler(directory, words, files[0]), *files], cwd=directory, capture_output=True, text=True)
    return done.stderr or ("" if done.returncode == 0 else f"{files}: clang ended with {done.returncode}\n")


def main():
    units = json.loads((pathlib.Path(sys.argv[1]) / "compile_commands.json").read_text())
    assert units, "the build has no units"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = "".join(pool.map(read, sorted(alike(units), key=lambda group: -len(group[2]))))
    sys.exit(said or 0)


if __name__ == "__main__":
    main()
