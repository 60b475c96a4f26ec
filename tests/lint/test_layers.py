"""Layers point one way, and a third-party header stays in its room."""

import re

from tree import ROOT, sources

# What each part of common may include.
BELOW = {
    "base": set(),
    "log": {"base"},
    "conf": {"base", "log"},
    "wire": {"base", "log", "conf"},
    "source": {"base", "wire"},
    "stream": {"base"},
    "store": {"base", "log", "conf"},
    "monitor": {"base", "log", "conf", "wire", "store"},
    "health": {"base", "log", "conf"},
    "life": {"base", "log", "conf", "wire", "store", "monitor"},
    "link": {"base", "log", "conf", "wire", "store", "monitor", "life"},
    "postgres": {"base", "log", "life"},
}

# What the files of each room of a process may include of the same process beside their own room's.
WITHIN = {
    "gateway/read": set(),
    "gateway/ring": {"gateway/read"},
    "gateway/http": {"gateway/read", "gateway/ring"},
    "gateway/stream": {"gateway/health", "gateway/read", "gateway/ring", "gateway/http"},
    "gateway/health": set(),
    "gateway": {"gateway/read", "gateway/ring", "gateway/http", "gateway/stream", "gateway/health"},
    "authd/directory": set(),
    "authd/judge": {"authd/directory", "authd/accounts"},
    "authd/accounts": {"authd/directory"},
    "authd/manage": {"authd/directory", "authd/judge", "authd/accounts"},
    "authd/copies": {"authd/directory"},
    "authd/copies/postgres": {"authd/directory", "authd/copies"},
    "authd/admin": {"authd/directory", "authd/judge", "authd/accounts", "authd/manage", "authd/copies"},
    "authd": {"authd/directory", "authd/judge", "authd/accounts", "authd/manage", "authd/admin", "authd/copies"},
    "router": set(),
    "workers/journal": set(),
    "workers/journal/lmdb": {"workers/journal"},
    "workers/journal/postgres": {"workers/journal"},
    "workers/store": {"workers/journal"},
    "workers/caller": set(),
    "workers/message": set(),
    "workers/format": {"workers/message"},
    "workers/outlet": {"workers/message", "workers/format"},
    "workers/post": {"workers/journal", "workers/message", "workers/format"},
    "workers/loop": {"workers/journal", "workers/message", "workers/format", "workers/post"},
    "workers/delivery": {"workers/journal", "workers/message", "workers/format", "workers/post", "workers/loop", "workers/caller", "workers/outlet"},
    "workers": {"workers/loop", "workers/delivery"},
    "ctl": set(),
    "ctl/manage": {"ctl"},
    "ctl/format": {"ctl", "ctl/send"},
    "ctl/outlet": {"ctl"},
    "ctl/send": {"ctl", "ctl/manage"},
    "ctl/host": {"ctl", "ctl/manage"},
}

# A header's name begins so -> where it may be included.
ROOMS = {
    "msgpack": ("common/wire/",),
    "lmdb": ("common/store/", "authd/directory/", "workers/journal/lmdb/"),
    "libpq": ("common/postgres/", "authd/copies/postgres/", "workers/journal/postgres/", "tests/unit/postgres_yard"),
    "h2o": ("gateway/", "common/monitor/"),
    "czmq": ("common/conf/", "common/link/"),
    "curl": ("ctl/", "workers/caller/", "tests/bench/curl_load"),
    "openssl": ("gateway/", "authd/manage/rsa_key", "workers/caller/signature", "common/source/mac",
                "tests/unit/test_manage_handlers"),
    "simdjson": ("workers/message/", "workers/format/value", "common/source/body_field"),
    "zxcvbn": ("authd/accounts/password",),
    "seccomp.h": ("common/life/confine",),
    "uthash": ("common/base/map",),
    "liboath": ("authd/accounts/totp", "tests/unit/code"),
}
# Rooms of one process that another links, too: posternctl tries formats without a server, authd reads those that people make.
LENT = {"ctl/format": ("workers/format/", "workers/message/"), "authd/manage": ("workers/format/", "workers/outlet/"),
        "ctl/outlet": ("workers/outlet/", "workers/format/")}
PROCESSES = ("gateway", "authd", "router", "workers", "ctl")


def includes(path):
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', (ROOT / path).read_text(), re.M)


def room_of(path):
    return str(path).rpartition("/")[0]


def test_common_layers():
    wrong = []
    for path in sources("common"):
        part = path.parts[1]
        for name in includes(path):
            match = re.match(r"common/(\w+)/", name)
            if match and match[1] != part and match[1] not in BELOW[part]:
                wrong.append(f"{path} includes {name}")
            if name.startswith(tuple(p + "/" for p in PROCESSES)):
                wrong.append(f"{path} includes {name}")
    assert not wrong, "\n".join(wrong)


def test_processes_share_only_common():
    wrong = [f"{path} includes {name}" for process in PROCESSES for path in sources(process)
             for name in includes(path)
             if name.split("/")[0] in PROCESSES
             and not name.startswith((process + "/", *LENT.get(room_of(path), ())))]
    assert not wrong, "\n".join(wrong)


def test_rooms_of_a_process_point_one_way():
    wrong = []
    for path in sources(*PROCESSES):
        room = room_of(path)
        for name in includes(path):
            if (name.startswith(PROCESSES) and room_of(name) != room and room_of(name) not in WITHIN.get(room, ())
                    and not name.startswith(LENT.get(room, ("-",)))):
                wrong.append(f"{path} includes {name}")
    assert not wrong, "\n".join(wrong)


def test_no_room_is_in_a_circle():
    left = {room: set(below) for room, below in WITHIN.items()}
    while ready := [room for room, below in left.items() if not below]:
        for room in ready:
            del left[room]
        for below in left.values():
            below.difference_update(ready)
    assert not left


def test_third_party_headers_stay_in_their_room():
    wrong = [f"{path} includes {name}" for path in sources() for name in includes(path)
             for header, rooms in ROOMS.items()
             if re.match(rf"{header}(\.h|/|\.hpp)", name) and not str(path).startswith(rooms)]
    assert not wrong, "\n".join(wrong)
