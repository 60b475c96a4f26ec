"""What Docker's image is built of."""

import re

from tree import ROOT


def test_it_is_built_of_every_folder_that_cmake_reads():
    text = (ROOT / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (?:--from=\w+ )?\S+ /src/(\w+)", text, re.M))
    read = set(re.findall(r"^add_subdirectory\((\w+)\)", (ROOT / "CMakeLists.txt").read_text(), re.M))
    for path in [ROOT / "CMakeLists.txt", *ROOT.glob("*/CMakeLists.txt")]:
        if path.parent.name != "tests":
            read |= set(re.findall(r"\$\{PROJECT_SOURCE_DIR\}/(\w+)/", path.read_text()))
    assert read <= copied, sorted(read - copied)


def test_it_installs_what_the_build_needs():
    packages = (ROOT / "deploy/packages.sh").read_text()
    for folder, verb in (("build", "AS build"), ("console", "AS console-built")):
        row = re.search(rf"^    {folder}\) echo (.*?);;", packages, re.M | re.S)[1].replace("\\\n", " ")
        names = {name.split(":")[0] for name in row.split()} - {"ccache", "libcmocka-dev"}
        stage = re.search(rf"^FROM \S+ {verb}\n(.*?)\n(?=FROM|COPY)", (ROOT / "Dockerfile").read_text(), re.M | re.S)[1]
        assert names <= set(stage.split()), sorted(names - set(stage.split()))
