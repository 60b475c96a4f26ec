"""A rogue peer on every socket between the processes: nothing it sends may crash, fool or fatten one."""

import json
import os
import random
import re
import time
import uuid

import msgpack
import pytest
import zmq

from harness import postern, rogue
from harness.rogue import (AUTHD, CONTROL, CREDIT, GATEWAY, GOODBYE, HEARTBEAT, HELLO, INTERIM,
                           REPLIES, REQUESTS, ROUTER, SOCKETS, WORKER, Rogue)

SOCKET_NAMES = sorted(SOCKETS)
MIB = 1 << 20


@pytest.fixture(scope="module")
def ring():
    """A ring of its own, with two channel shards; freed memory is given back, to be measured."""
    made = postern.Ring(shards={"channel": 2})
    made.environment["ASAN_OPTIONS"] += ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
    made.up()
    made.ada = made.user("ada")
    made.channel("calm", made.ada)
    made.pids = {name: made.pid(name) for name in made.names}
    yield made
    made.close()


@pytest.fixture(autouse=True)
def unharmed(ring):
    """After each test: every process lives, has its old peers, and takes messages."""
    yield
    answer = ring.post(ring.channel_url("calm", ring.ada.token), {"text": "still here"})
    assert answer.status_code == 204, answer.text
    assert {name: ring.pid(name) for name in ring.names} == ring.pids
    ring.wait_ready(*ring.names)


@pytest.fixture(params=SOCKET_NAMES)
def socket(request):
    return request.param


@pytest.fixture
def peer(ring, socket, name):
    with Rogue(ring, socket, f"rogue-{socket}-{os.getpid()}-{time.monotonic_ns() % 10**9}") as one:
        one.role = SOCKETS[socket][1]
        one.process = SOCKETS[socket][0]
        yield one


def malformed(ring, process):
    return ring.metric(process, "link_malformed_total")


def resident(ring, process):
    return ring.metric(process, "process_resident_memory_bytes")


# ThreadSanitizer keeps four words of shadow for each one that was touched, freed or not.
WASTE = 4 if postern.PRESET == "tsan" else 1


def settle(ring, peer):
    """Waits until all that PEER sent has been read: HELLO is answered in its turn."""
    peer.peer = 0
    peer.greet(peer.role)


def frames_of(peer):
    """A valid header of each kind."""
    entry = rogue.request(token="pst_" + "a" * 36, body=False)
    judged = rogue.request(principal=rogue.principal(), body=False)
    return [
        peer.hello(peer.role),
        peer.header(REQUESTS, 1, [entry, judged]),
        peer.header(REPLIES, 0, [rogue.reply()]),
        peer.header(INTERIM, 0, [rogue.reply(202)]),
        peer.header(CREDIT, 0),
        peer.header(HEARTBEAT, 0),
        peer.header(GOODBYE, 0, [1, 1, 1]),
    ]


def test_a_peer_that_keeps_the_rules_is_heard(ring, peer):
    """Without this, the refusals below would prove nothing."""
    if peer.role == WORKER:
        assert peer.refusal(WORKER, shards=3) == 3
        return
    assert peer.greet(peer.role)
    assert peer.receive(HEARTBEAT)


def test_random_garbage(ring, peer):
    draw = random.Random(f"garbage {peer.name.split('-')[1]}")
    before, memory = malformed(ring, peer.process), resident(ring, peer.process)
    for _ in range(2000):
        peer.send(draw.randbytes(draw.choice((0, 1, 5, 100, 4000))),
                  *[draw.randbytes(draw.randrange(200)) for _ in range(draw.choice((0, 0, 1, 5)))])
    ring.wait(lambda: malformed(ring, peer.process) >= before + 1500, what="garbage to be counted")
    assert resident(ring, peer.process) < memory + 16 * MIB


def test_every_truncation_of_every_kind(ring, peer):
    before = malformed(ring, peer.process)
    count = 0
    for header in frames_of(peer):
        packed = msgpack.packb(header, use_bin_type=True)
        for length in range(len(packed)):
            peer.send(packed[:length])
            count += length > 0
    ring.wait(lambda: malformed(ring, peer.process) >= before + count, what="all to be counted")


def test_frames_with_flipped_bits(ring, peer):
    draw = random.Random(f"bits {peer.role}")
    for header in frames_of(peer):
        packed = msgpack.packb(header, use_bin_type=True)
        for _ in range(300):
            flipped = bytearray(packed)
            for _ in range(draw.randrange(1, 4)):
                flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
            peer.send(bytes(flipped))


@pytest.mark.parametrize("claim", [b"\xdd\x10\x00\x00\x00", b"\xdf\x10\x00\x00\x00",
                                   b"\xc6\x10\x00\x00\x00", b"\xdb\xff\xff\xff\xff",
                                   b"\xdd\xff\xff\xff\xff"], ids=lambda claim: claim.hex())
def test_a_claim_of_2_to_the_28_items_costs_nothing(ring, peer, claim):
    before, memory = malformed(ring, peer.process), resident(ring, peer.process)
    known = peer.header(REQUESTS, 1)
    places = [b"", msgpack.packb(known)[:-1]]  # as the header; as the array of entries
    entry = msgpack.packb(rogue.request(), use_bin_type=True)
    places.append(msgpack.packb(known)[:-1] + b"\x91" + entry[:1])  # as a field of an entry
    for _ in range(50):
        for place in places:
            peer.send(place + claim)
            peer.send(place + claim + b"\x01" * 100)
    ring.wait(lambda: malformed(ring, peer.process) >= before + 300, what="claims to be counted")
    assert resident(ring, peer.process) < memory + 8 * MIB


def test_deep_nesting(ring, peer):
    before = malformed(ring, peer.process)
    for depth in (10, 33, 1000, 100000):
        peer.send(b"\x91" * depth)
    ring.wait(lambda: malformed(ring, peer.process) >= before + 4, what="nesting to be counted")


SPOKEN = int(re.search(r"WIRE_VERSION = (\d+)", (postern.ROOT / "common/wire/wire.h").read_text())[1])


@pytest.mark.parametrize("version", [0, SPOKEN + 1, 255])
def test_an_unknown_version_gets_goodbye_with_the_range(peer, version):
    peer.send(peer.hello(peer.role, versions=(version, version), version=version))
    _, header, _ = peer.receive(GOODBYE)
    assert header[5] == [2, 1, SPOKEN]


def test_versions_that_do_not_meet_get_goodbye(peer):
    peer.send(peer.hello(peer.role, versions=(SPOKEN + 1, SPOKEN + 3)))
    assert peer.receive(GOODBYE)[1][5][0] == 2


def test_a_wrong_role_gets_goodbye(peer):
    for role in {GATEWAY, AUTHD, ROUTER, WORKER, CONTROL} - {peer.role}:
        peer.send(peer.hello(role))
        assert peer.receive(GOODBYE)[1][5][0] == 5


def test_another_name_than_the_connections_gets_goodbye(peer):
    peer.send(peer.hello(peer.role, name="authd-0"))
    assert peer.receive(GOODBYE)[1][5][0] == 5


@pytest.mark.parametrize("name", ["", "x" * 64, "UPPER", "a b", "a\nb", "../x"])
def test_a_bad_name_is_malformed(ring, peer, name):
    before = malformed(ring, peer.process)
    peer.send(peer.header(HELLO, 0, [peer.role, name, 1, 1, 0, 0, 0, rogue.NIL, 0]))
    ring.wait(lambda: malformed(ring, peer.process) > before, what="the name to be counted")


def test_frames_before_hello_are_answered_with_hello_only(ring, peer):
    before = ring.metric(peer.process, "link_stale_total")
    peer.peer = 4711
    peer.send(peer.header(HEARTBEAT, 5))
    assert peer.receive(HELLO)
    ring.wait(lambda: ring.metric(peer.process, "link_stale_total") > before, what="stale")


def test_kinds_that_a_socket_does_not_take(ring, peer, socket):
    takes = {"authd": {REQUESTS}, "authd-admin": {REQUESTS}, "control": {REQUESTS},
             "router-requests": {REQUESTS}, "router-workers": {REPLIES, INTERIM}, "router-replies": set()}[socket]
    before = malformed(ring, peer.process)
    kinds = [(REQUESTS, [rogue.request()]), (REPLIES, [rogue.reply()]), (INTERIM, [rogue.reply()]),
             (0, []), (8, []), (2**32, [])]
    wrong = [(kind, entries) for kind, entries in kinds if kind not in takes]
    for kind, entries in wrong:
        peer.send(peer.header(kind, 1, entries))
    ring.wait(lambda: malformed(ring, peer.process) == before + len(wrong), what="wrong kinds")


@pytest.mark.parametrize("socket", [s for s in SOCKET_NAMES if s != "router-workers"], indirect=True)
def test_numbers_out_of_order(ring, peer):
    peer.greet(peer.role)
    peer.send(peer.header(CREDIT, 2**64 - 1))
    peer.send(peer.header(HEARTBEAT, 2**64 - 1))
    peer.send(peer.header(REQUESTS, 2**64 - 1, [rogue.request(principal=rogue.principal())]))
    peer.send(peer.header(REQUESTS, 0, [rogue.request(principal=rogue.principal())]))
    settle(ring, peer)


def test_bodies_that_were_not_announced_and_ones_that_are_missing(ring, peer):
    if peer.role == WORKER:
        frames = [(peer.header(REPLIES, 0, [rogue.reply()]), [b"x"])]
    elif peer.role == GATEWAY and "replies" in peer.name:
        frames = [(peer.header(HEARTBEAT, 0), [b"x"])]
    else:
        frames = [(peer.header(REQUESTS, 1, [rogue.request(body=True)]), []),
                  (peer.header(REQUESTS, 2, [rogue.request()]), [b"x"]),
                  (peer.header(REQUESTS, 3, [rogue.request(body=True)]), [b"x"] * 500)]
    before = malformed(ring, peer.process)
    for header, bodies in frames:
        peer.send(header, *bodies)
    ring.wait(lambda: malformed(ring, peer.process) == before + len(frames), what="counts")


def test_a_frame_beyond_the_limit(ring, peer):
    """The connection ends before the frame is kept."""
    memory = resident(ring, peer.process)
    ended = peer.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    peer.send(b"\x96" + b"\0" * (18 * MIB))
    assert ended.poll(5000 * postern.SLOW)
    peer.socket.disable_monitor()
    assert resident(ring, peer.process) < memory + 16 * MIB


@pytest.mark.parametrize("socket", ["authd", "control", "router-requests"], indirect=True)
def test_more_entries_than_a_batch_may_have(ring, peer):
    before = malformed(ring, peer.process)
    peer.send(peer.header(REQUESTS, 1, [rogue.request()] * 1025))
    ring.wait(lambda: malformed(ring, peer.process) == before + 1, what="the batch to be counted")


# --- What a peer that is let in still may not do

@pytest.fixture
def gateway(ring, name):
    with Rogue(ring, "authd", "gateway-99.0") as one:
        one.greet(GATEWAY)
        yield one


def test_authd_judges_a_rogue_gateways_requests(gateway):
    gateway.send(gateway.requests(rogue.request(token="pst_" + "a" * 36, target="calm")))
    _, header, _ = gateway.receive(REPLIES)
    assert header[5][0][3] == 401
    assert gateway.receive(CREDIT)


def test_authd_does_not_believe_a_principal(ring, gateway):
    """Only authd names principals."""
    before = ring.texts("calm", ring.ada.token)
    shown = ring.ctl("channel", "show", "calm")
    forged = [uuid.UUID(ring.ada.id).bytes, os.urandom(16), uuid.UUID(shown["id"]).bytes, "Ada", "",
              b"", 0]
    gateway.send(gateway.requests(rogue.request(target="calm", body=True, principal=forged)),
                 b'{"text":"forged"}')
    time.sleep(0.5 * postern.SLOW)
    assert ring.texts("calm", ring.ada.token) == before


@pytest.mark.parametrize("op", [100, 103, 110, 112, 163])
def test_management_is_not_reachable_from_a_gateway(ring, gateway, op):
    users = ring.ctl("user", "list")
    body = json.dumps({"email": "eve@example.org", "name": "Eve"}).encode()
    target = {103: ring.ada.email, 110: ring.ada.email, 112: ring.ada.token_id}.get(op, "")
    gateway.send(gateway.requests(rogue.request(op=op, target=target, token=ring.ada.token,
                                                body=True)), body)
    answer = gateway.receive(REPLIES, seconds=2)
    assert answer is None or answer[1][5][0][3] >= 400, answer
    assert ring.ctl("user", "list") == users
    tokens = ring.ctl("token", "list", ring.ada.email)["tokens"]
    assert [token["id"] for token in tokens] == [ring.ada.token_id]


def test_an_unknown_op_is_503(ring, gateway):
    gateway.send(gateway.requests(rogue.request(op=999, token=ring.ada.token)))
    _, header, _ = gateway.receive(REPLIES)
    assert header[5][0][3] == 503


def test_hundreds_of_batches_without_credit_are_bounded(ring, gateway):
    """It ignores the window of two: queues refuse, memory stays."""
    memory = resident(ring, "authd-0")
    for _ in range(300):
        gateway.send(gateway.requests(*[rogue.request(token=ring.ada.token, target="calm")
                                        for _ in range(100)]))
    ring.wait(lambda: gateway.receive(REPLIES, seconds=1) is None, 30, what="the flood to end")
    assert resident(ring, "authd-0") < memory + 64 * WASTE * MIB


@pytest.fixture
def worker(ring, name):
    with Rogue(ring, "router-workers", "channel-0-rogue") as one:
        yield one


@pytest.mark.parametrize("more, reason", [
    ({"shards": 3, "shard": 0}, 3), ({"shards": 2, "shard": 2}, 3), ({"shards": 0, "shard": 0}, 3),
    ({"shards": 1, "kind": 3}, 3), ({"shards": 2, "shard": 0}, 4), ({"shards": 2, "shard": 1}, 4),
    ({"shards": 1, "kind": 1}, 4)], ids=str)
def test_a_rogue_worker_gets_no_live_shard(ring, worker, more, reason):
    assert worker.refusal(WORKER, journal=os.urandom(16), **more) == reason
    worker.send(worker.header(REPLIES, 0, [rogue.reply()]))
    worker.send(worker.header(CREDIT, 1))


def test_the_higher_epoch_has_the_shard(make_ring):
    """Whichever connection is newer; a worker that could tell its epoch has nothing before it does."""
    lone = make_ring()
    lone.spawn("router", wait_ready=False)
    lone.wait(lambda: lone.ready("router-0"), what="the router")
    bot = {"kind": 1, "shards": 1, "journal": os.urandom(16), "versions": (1, 4)}
    with Rogue(lone, "router-workers", "bot-0.a") as old, Rogue(lone, "router-workers", "bot-0.b") as new, \
            Rogue(lone, "router-workers", "bot-0.c") as former, Rogue(lone, "router-requests", "authd-0") as authd:
        authd.greet(AUTHD, versions=(1, 3))

        def got(worker):
            authd.send(authd.requests(rogue.request(op=4, principal=rogue.principal())))
            found = worker.receive(REQUESTS)
            worker.send(worker.header(CREDIT, found[1][4]))
            return found[0] == REQUESTS
        old.greet(WORKER, epoch=5, **bot)
        assert got(old)
        new.send(new.hello(WORKER, **bot))
        assert new.receive(HELLO)[1][3] == 0, "asked to tell"
        assert got(old)
        new.greet(WORKER, epoch=6, **bot)
        assert got(new)
        old.instance += 2
        old.peer = 0
        assert old.refusal(WORKER, epoch=5, **bot) == 7
        new.send(new.header(GOODBYE, 0, [1, 1, 4]))
        assert old.refusal(WORKER, epoch=5, **bot) == 7, "nor where there is no worker"
        assert old.greet(WORKER, epoch=7, **bot) and got(old)
        former.greet(WORKER, **{**bot, "versions": (1, 3)})
        assert got(former), "an earlier release is judged by its connection"


def test_replies_to_nobody_are_dropped_and_counted(ring, make_ring):
    """From a worker that is let in: the shard has no other."""
    lone = make_ring(shards={"bot": 2})
    lone.spawn("router", wait_ready=False)  # degraded: it misses its workers
    lone.wait(lambda: lone.ready("router-0"), what="the router")
    with Rogue(lone, "router-workers", "bot-1") as worker:
        worker.greet(WORKER, kind=1, shard=1, shards=2, journal=os.urandom(16))
        worker.send(worker.header(REPLIES, 0, [rogue.reply(origin=7) for _ in range(10)]))
        lone.wait(lambda: lone.metric("router-0", "replies_unroutable_total") == 10, what="10")


@pytest.mark.parametrize("spoken, version, last, bodies",
                         [((1, 3), 3, b"small", []), ((1, 2), 1, True, [b"small"])])
def test_a_small_body_comes_in_a_form_that_its_peer_knows(make_ring, spoken, version, last, bodies):
    lone = make_ring()
    lone.spawn("router", wait_ready=False)
    lone.wait(lambda: lone.ready("router-0"), what="the router")
    with Rogue(lone, "router-workers", "bot-0") as worker, \
            Rogue(lone, "router-requests", "authd-0") as authd:
        worker.greet(WORKER, kind=1, shards=1, journal=os.urandom(16), versions=spoken)
        authd.greet(AUTHD, versions=(1, 3))
        entry = rogue.request(op=4, principal=rogue.principal(), body=b"small")
        header = authd.requests(entry)
        authd.send([3, *header[1:]])
        _, header, frames = worker.receive(REQUESTS)
        assert (header[0], header[5][0][-1], frames) == (version, last, bodies)


# --- The control socket

@pytest.fixture
def control(ring, name):
    with Rogue(ring, "control", f"control-{os.getpid()}-{time.monotonic_ns() % 10**9}") as one:
        one.greet(CONTROL)
        yield one


@pytest.mark.parametrize("op, target, body", [
    (100, "", b""), (100, "", b"{"), (100, "", b"[]"), (100, "", b'{"email":1}'),
    (100, "", b'{"email":"x"}'), (100, "", b'{"email":"a\\u0000b@example.org"}'),
    (100, "", b'{"email":"' + b"x" * 5000 + b'@example.org"}'), (100, "", b"[" * 100000),
    (100, "", b'{"email":"\xff@example.org"}'),
    (110, "nobody@example.org", b"{}"), (110, "ada@example.org", b'{"rate":-1}'),
    (110, "ada@example.org", b'{"rate":"many"}'), (110, "ada@example.org", b'{"burst":1e400}'),
    (112, "no-uuid", b""), (112, "\0" * 16, b""), (113, "ada@example.org", b'{"tokens":["short"]}'),
    (113, "ada@example.org", b'{"tokens":"x"}'), (120, "", b'{"name":"UPPER","owner":"ada@example.org"}'),
    (120, "", b'{"name":"' + b"a" * 81 + b'","owner":"ada@example.org"}'),
    (124, "calm", b'{"user":5}'), (1, "calm", b'{"text":"x"}'), (20, "nobody", b""), (999, "", b""),
    (20, "calm", b"["), (20, "calm", b'{"limit":0}'), (20, "calm", b'{"limit":[1]}'), (22, "\0" * 16, b""),
    (208, "nobody", b'{"state":"\xff"}'), (214, "calm", b""), (26, "calm", b""),
], ids=range(30))
def test_bad_management_requests_are_refused_with_words(ring, control, op, target, body):
    users = ring.ctl("user", "list")
    control.send(control.requests(rogue.request(op=op, target=target, body=True)), body)
    _, header, bodies = control.receive(REPLIES)
    status, error = header[5][0][3:5]
    assert 400 <= status < 600 and error, header
    assert ring.ctl("user", "list") == users


@pytest.mark.parametrize("given", [{f"p{i}": 1 for i in range(1001)}, {"order": "x" * (512 << 10)}],
                         ids=["many", "long"])
def test_parameters_that_no_peer_takes_leave_authd_in_no_batch(ring, control, given):
    """The router would drop the batch, and whatever shares it."""
    before = malformed(ring, "router-0")
    control.send(control.requests(rogue.request(op=20, target="calm", body=True)),
                 json.dumps(given).encode())
    _, header, bodies = control.receive(REPLIES)
    assert header[5][0][3] == 400 and b"1000 parameters" in bodies[0], (header, bodies)
    assert malformed(ring, "router-0") == before


def test_many_control_connections(ring):
    """posternctl draws a name for each call: none may be left behind for good."""
    for number in range(40):
        with Rogue(ring, "control", f"control-many-{number}") as one:
            one.greet(CONTROL)
    assert ring.ctl("user", "list")["users"]
