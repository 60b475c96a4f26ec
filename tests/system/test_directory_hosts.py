"""The directory over two hosts: an authd with a copy of its own on each, whose changes go through PostgreSQL, and a gateway each."""

import concurrent.futures
import random
import shutil
import signal
import threading
import time

import pytest

import fill_campaign
from harness import postern
from harness.database import server_running, settled
from revoke_campaign import LEASE_S, Campaign, Host


class Probe:
    """Posts with a token at a host again and again; remembers when each that was accepted began."""

    def __init__(self, host, name, token):
        self.host, self.name, self.token = host, name, token
        self.accepted, self.refused, self.ends = [], 0, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ends.is_set():
            began = time.monotonic()
            status = self.host.post(self.name, self.token)
            if status == 204:
                self.accepted.append(began)
            self.refused += status == 401

    def stop(self):
        self.ends.set()
        self.thread.join()


@pytest.fixture(scope="module")
def hosts():
    with server_running() as server, postern.Ring() as first, postern.Ring(gateways=2) as second:
        first.spawn("router", wait_ready=False)
        first.spawn("authd")
        before = first.user("before")
        first.stop()
        settled(first, server)
        first.settings["worker.engine"] = "lmdb"
        made = [Host(first, 0, first), Host(second, 1, first)]
        for kind in ("router", "channel"):
            first.spawn(kind, wait_ready=False)
        for host in made:
            host.start()
        first.wait_ready("channel-0")
        made[0].before, made[0].server = before, server
        yield made


def refused_from_the_answer_on(hosts, name, token, delete):
    """Both hosts are asked all the time while DELETE () ends the token; how long that took."""
    probes = [Probe(host, name, token) for host in hosts]
    try:
        postern.wait(lambda: all(probe.accepted for probe in probes), what="both hosts to take it")
        began = time.monotonic()
        delete()
        answered = time.monotonic()
        postern.wait(lambda: all(probe.refused > 3 for probe in probes), 30, what="both hosts to refuse it")
    finally:
        for probe in probes:
            probe.stop()
    assert all(began <= answered for probe in probes for began in probe.accepted), "accepted after the answer"
    return answered - began


def test_what_one_host_makes_the_other_has(hosts, name):
    one, other = hosts
    ada = one.ring.user(f"ada-{name}")
    other.ring.channel(name, ada)
    for maker, ender in (hosts, hosts[::-1]) * 3:
        token = maker.ring.token(ada)
        assert [host.post(name, token["token"]) for host in hosts] == [204, 204]
        refused_from_the_answer_on(hosts, name, token["token"], lambda: ender.ring.manage("token_delete", token["id"], confirm=True))
    listed = [host.ring.manage("user_list") for host in hosts]
    assert listed[0] == listed[1]


def test_uses_are_counted_over_all_hosts(hosts, name):
    """Also of a token that the host which is asked has not seen; and a copy that is filled anew has what it counted before."""
    one, other = hosts
    ada = one.ring.user(f"ada-{name}")
    one.ring.channel(name, ada)
    for host, times in ((one, 3), (other, 2)):
        assert [host.post(name, ada.token) for _ in range(times)] == [204] * times

    def use(host):
        shown, told = host.ring.manage("token_show", ada.token_id), host.ring.manage("token_use", ada.token_id)
        return shown["count"], shown["calls_24h"], sum(told["hours"]), [(row["target"], row["count"]) for row in told["targets"]]
    summed = (5, 5, 5, [(name, 5)])
    postern.wait(lambda: [use(host) for host in hosts] == [summed] * 2, what=f"uses of both hosts: {[use(host) for host in hosts]}")
    lone = one.ring.token(ada, name="lone")
    assert one.post(name, lone["token"]) == 204
    postern.wait(lambda: other.ring.manage("token_show", lone["id"])["count"], what="the use elsewhere")
    with pytest.raises(postern.CtlError) as refused:
        other.ring.manage("token_delete", lone["id"])
    assert refused.value.code == "confirm_needed" and name in str(refused.value)
    other.ring.manage("token_delete", lone["id"], confirm=True)
    postern.wait(lambda: one.uses(lone["id"]) == "0", what="its records to go")
    one.ring.kill("authd-0")
    one.authd.wait()
    for place in ("data/directory", "data-known/directory"):
        shutil.move(one.ring.dir / place, one.ring.dir / f"{place}.away")
    one.ring.spawn("authd", 0)
    postern.wait(lambda: [use(host) for host in hosts] == [summed] * 2, what=f"uses after a fill: {[use(host) for host in hosts]}")


def test_the_directory_of_one_host_is_taken_along(hosts, name):
    one, other = hosts
    other.ring.channel(name, one.before)
    assert [host.post(name, one.before.token) for host in hosts] == [204, 204]


def test_the_directory_gets_a_role_of_its_own(hosts):
    """In an installation whose authds had the workers': not before they have let go of that."""
    one, other = hosts
    first, admin = one.first, one.first.dir / "admin.connection"

    def can_read(role):
        return first.server.sql(f"SELECT has_table_privilege('{role}', 'postern.directory_row', 'SELECT')", first.database) == "t"
    told = first.ctl_run("db", "init", admin, check=True).stdout
    assert 'made role "postern_directory"' in told and "left the directory to the workers' role, too" in told
    assert can_read("postern_journal") and can_read("postern_directory")
    for host in hosts:
        host.ring.kill(f"authd-{host.index}")
        host.authd.wait()
        host.ring.spawn("authd", host.index)
    assert 'left the directory to "postern_directory"' in first.ctl_run("db", "init", admin, check=True).stdout
    assert not can_read("postern_journal") and can_read("postern_directory")
    one.ring.user("after-the-role", token=False)  # answered when no copy that another test has ended is waited for any more
    first.server.sql("REVOKE UPDATE ON postern.directory_origin FROM postern_directory", first.database)
    assert "lacking directory's rights on tables: on 6 tables" in first.ctl_run("db", "check").stdout
    first.server.sql("GRANT UPDATE ON postern.directory_origin TO postern_directory", first.database)
    told = first.ctl_run("db", "check", check=True).stdout
    for line in ("ok      directory's rights on tables: on 6 tables, as postern_directory", "ok      directory's head: change ", "ok      directory's log: ",
                 "ok      hosts that have joined: 2: ", "ok      hosts whose authd beats: 2 of 2", "ok      directory apart from workers: "):
        assert line in told, told
    assert one.post("nowhere", one.before.token) == 404


def test_limits_and_names_are_those_of_all_hosts(hosts, name):
    ada = hosts[0].ring.user(f"ada-{name}", token=False)

    def make(i):
        ring = hosts[i % 2].ring
        try:
            ring.token(ada, name=f"t{i}")
        except postern.CtlError as refused:
            return refused.code
        return "made"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        said = list(pool.map(make, range(16)))
    assert said.count("made") == 5 and len(set(said)) == 2, said

    def channel(host):
        try:
            return host.ring.channel(name, ada)["id"]
        except postern.CtlError as refused:
            return refused.code
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = list(pool.map(channel, hosts))
    assert made.count("conflict") == 1, made


def test_a_key_is_that_of_all_hosts(hosts, name):
    """At once where one of them stands still before it could answer, and afterwards."""
    one, other = hosts
    ada = one.ring.user(f"ada-{name}", token=False)
    manager = one.ring.management_token(ada)

    def make(host, key, path=f"/users/{ada.id}/tokens"):
        told = host.ring.admin("POST", path, manager, {"name": "ci"}, headers={"Idempotency-Key": key}, timeout=60)
        return told.status_code, told.json().get("code")
    assert make(one, "k1")[0] in (200, 201)
    assert make(other, "k1") == (409, "conflict")
    assert make(other, "k1", f"/users/{ada.id}/management-tokens") == (422, "key_reused")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        said = sorted(pool.map(lambda i: make(hosts[i % 2], f"k{2 + i // 8}"), range(24)))
    assert len(one.ring.manage("token_list", ada.email)["tokens"]) == 4, said


def asking_all(ring, index, hosts):
    """A gateway of RING's that names the authds of all HOSTS."""
    for setting, endpoint in (("gateway.authd", "authd"), ("gateway.admin", "authd-admin")):
        ring.settings[setting] = " ".join(f"ipc://{host.ring.sockets}/{endpoint}" for host in hosts)
    ring.settings["gateway.routers"] = hosts[0].ring.settings["gateway.routers"]
    ring.settings["gateway.deadline_ms"] = 30000
    ring.spawn("gateway", index)


def test_rates_and_failed_logins_count_over_all_hosts(hosts, name):
    """By gateways that name the same authds: one counts for both. Where the first authd is lost the next one takes all."""
    one, other = hosts
    ada = one.ring.user(f"ada-{name}", token=False)
    one.ring.channel(name, ada)
    tokens = [one.ring.token(ada, rate=1, burst=4, name=f"t{i}")["token"] for i in range(2)]
    manager = one.ring.management_token(ada)
    with postern.Ring(gateways=4) as first, postern.Ring(gateways=4) as second:
        asking_all(first, 2, hosts)
        asking_all(second, 3, hosts)
        for token in tokens:
            began = time.monotonic()
            said = [ring.post(ring.channel_url(name, token), {"text": "x"}).status_code for ring in (first, second) * 8]
            assert 4 <= said.count(204) <= 4 + time.monotonic() - began + 1 and set(said) == {204, 429}, said

        def fails(ring):
            return ring.admin("POST", "/login", body={"email": ada.email, "password": "wrong"}).status_code
        assert [fails(ring) for ring in (first, second) * 3] == [401] * 4 + [429] * 2
        one.ring.kill("authd-0")
        one.authd.wait()
        assert all(ring.post(ring.channel_url(name, token), {"text": "x"}, timeout=60).status_code in (204, 429)
                   for ring in (first, second) for token in tokens)
        assert first.admin("GET", f"/users/{ada.id}/tokens", manager, timeout=60).status_code == 200
        one.ring.spawn("authd", 0)


def test_revoked_while_hosts_fail(hosts, name):
    """The campaign's short form: probes at both gateways, deletes by both hosts, and the second one dies."""
    seed = random.randrange(1 << 31)
    tally = Campaign(hosts, seed, 12, name).run(("kill",))
    assert tally.clean, tally


def test_a_host_that_stands_still_takes_nothing_that_has_ended(hosts, name):
    """Its authd is waited for as long as it may judge, and finds itself past that when it goes on."""
    one, other = hosts
    ada = one.ring.user(f"ada-{name}")
    one.ring.channel(name, ada)
    token = one.ring.token(ada)
    assert other.post(name, token["token"]) == 204
    manager = one.ring.management_token(ada)
    other.authd.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    probe = Probe(other, name, token["token"])
    try:
        told = one.ring.admin("DELETE", f"/tokens/{token['id']}", manager)
        answered = time.monotonic()
        assert told.status_code == 200, told.text
        assert answered - began > LEASE_S - 1
        postern.in_time(answered - began, LEASE_S + 2 * postern.SLOW)
        other.authd.send_signal(signal.SIGCONT)
        assert other.authd.wait(20 * postern.SLOW) == 1
        other.ring.spawn("authd", 1)
        postern.wait(lambda: probe.refused, 30, what="the token to be refused")
    finally:
        probe.stop()
    assert not [at for at in probe.accepted if at > answered]
    assert other.post(name, ada.token) == 204


def test_a_host_that_is_killed_keeps_no_other_from_changing(hosts, name):
    """And takes the directory anew where the log was cut below it."""
    one, other = hosts
    ada = other.ring.user(f"ada-{name}")
    other.ring.channel(name, ada)
    manager = other.ring.management_token(ada)
    one.ring.kill("authd-0")
    one.authd.wait()
    filled = one.ring.logs().count("event=directory.filled")
    began = time.monotonic()
    made = other.ring.admin("POST", f"/users/{ada.id}/tokens", manager, {"name": "late"})
    assert made.status_code in (200, 201), made.text
    token = made.json()
    took = time.monotonic() - began
    assert took > LEASE_S - 1
    postern.in_time(took, LEASE_S + 2 * postern.SLOW)
    assert other.post(name, token["token"]) == 204
    postern.wait(lambda: other.told("copies_joined") == other.told("copy_leads") == 1, what="one host that is left")
    assert other.told("copies_lost_total") >= 1
    other.first.server.sql("DELETE FROM postern.directory_log WHERE version < (SELECT version FROM postern.directory_head)", other.first.database)
    one.ring.spawn("authd", 0)
    assert one.post(name, token["token"]) == 204
    assert one.ring.logs().count("event=directory.filled") == filled + 1, "what it lacks is not in the log any more"
    postern.wait(lambda: [host.told("copies_joined") for host in hosts] == [2, 2], what="both to know of each other")
    postern.wait(lambda: sum(host.told("copy_leads") for host in hosts) == 1, what="one that leads")
    assert all(host.told("copies_lag") == host.told("copies_wait_seconds") == 0 for host in hosts)
    assert 0 <= one.told("copy_beat_seconds") < LEASE_S


LONG = """CREATE FUNCTION public.takes_long() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        PERFORM pg_sleep(CASE OLD.beat WHEN 1 THEN 2.5 ELSE 0.3 END); RETURN NEW; END$$;
    CREATE TRIGGER takes_long BEFORE UPDATE ON postern.directory_copy FOR EACH ROW WHEN (OLD.beat < 3) EXECUTE FUNCTION public.takes_long()"""


def test_a_long_way_to_the_end_of_the_log_is_no_part_of_the_lease(hosts):
    """What came while an authd was away takes it longer than it may judge by one beat, between the row that it joins by and its end."""
    one, other = hosts
    one.authd.send_signal(signal.SIGINT)  # not for as long as its gateway is there
    one.authd.wait(30)
    other.ring.user("while-away", token=False)
    one.first.server.sql(LONG, one.first.database)
    try:
        one.ring.spawn("authd", 0, wait_ready=False)
        assert one.post("nowhere", one.before.token) == 404
        assert one.authd.poll() is None and "event=directory.lease " not in one.ring.logs()
    finally:
        one.first.server.sql("DROP FUNCTION public.takes_long CASCADE", one.first.database)


STILL = """CREATE FUNCTION public.stands_still() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(2.5); RETURN NEW; END$$;
    CREATE TRIGGER stands_still BEFORE UPDATE ON postern.directory_head FOR EACH ROW EXECUTE FUNCTION public.stands_still()"""


def test_a_change_that_waits_for_the_server_is_told_of(hosts):
    one, _ = hosts

    def check():
        found, = [row for row in one.ring.ready("authd-0")["checks"] if row["name"] == "changes"]
        return found["reason"] if found["state"] == "degraded" else ""
    assert check() == ""
    one.first.server.sql(STILL, one.first.database)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        made = pool.submit(one.ring.user, "waits", token=False)
        assert "a change waits for the database since" in postern.wait(check, every=0.1, what="a check that says so")
        made.result()
    one.first.server.sql("DROP FUNCTION public.stands_still CASCADE", one.first.database)
    postern.wait(lambda: not check(), what="the check to be well again")


def test_without_the_server_nothing_is_changed_and_soon_nothing_judged(hosts, name):
    """Within the lease senders go on; past it both authds end, and take requests again when they have joined."""
    ada = hosts[0].ring.user(f"ada-{name}")
    hosts[0].ring.channel(name, ada)
    hosts[0].server.stop()
    with pytest.raises(postern.CtlError) as refused:
        hosts[0].ring.token(ada)
    said = [host.post(name, ada.token) for host in hosts]
    if all(host.authd.poll() is None for host in hosts):  # a busy machine may have taken the lease's time for that
        assert refused.value.code == "unavailable" and hosts[0].told("copies_refused_total") >= 1
        assert said == [204, 204]
    assert [host.authd.wait(20 * postern.SLOW) for host in hosts] == [1, 1]
    for host in hosts:
        host.ring.spawn("authd", host.index, wait_ready=False)
    for host in hosts:
        def says(host=host):
            told = host.ring.ready(f"authd-{host.index}")
            return told and told["status"] == 503 and "onnection refused" in str(told)
        postern.wait(says, what="what it waits for")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(host.post, name, ada.token) for host in hosts]
        hosts[0].server.start()
        assert [post.result() for post in waiting] == [204, 204]
    token = hosts[1].ring.token(ada)
    assert [host.post(name, token["token"]) for host in hosts] == [204, 204]


FULL = """CREATE FUNCTION public.is_full() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END$$;
    CREATE TRIGGER full_disk BEFORE INSERT ON postern.directory_use EXECUTE FUNCTION public.is_full()"""


def test_back_to_one_host_and_not_there_again(hosts, name):
    """What is changed by one host alone the database does not have: it would bring a token back that was deleted. No host waits for a
    server that has no room for what it counted."""
    one, other = hosts
    ada = one.ring.user(f"ada-{name}")
    other.ring.channel(name, ada)
    token = other.ring.token(ada)
    ring = one.ring
    one.server.sql(FULL, one.first.database)
    for host in hosts:
        assert host.post(name, ada.token) == 204
        for process in (f"gateway-{host.index}", f"authd-{host.index}"):
            host.ring.spawned[process].terminate()
            host.ring.spawned[process].wait(30)
    assert fill_campaign.sums(one.ring) == fill_campaign.sums(other.ring)
    ring.settings["directory.engine"] = "lmdb"
    one.start()
    assert [one.post(name, secret) for secret in (ada.token, token["token"])] == [204, 204]
    ring.manage("token_delete", token["id"], confirm=True)
    ring.spawned["gateway-0"].terminate()
    one.authd.terminate()
    one.authd.wait(30)
    ring.settings["directory.engine"] = "postgres"
    ring.spawn("authd", 0, wait_ready=False).wait(30)
    assert "was changed by itself since it was a copy" in ring.logs()
