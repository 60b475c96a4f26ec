"""Canaries: a token and an appkey used in every way are found nowhere but where they were given out."""

import pathlib

import pytest
import requests

WAYS = ("url", "bearer", "zoho", "header", "twice", "refused form", "conflict", "wrong path")


def use(ring, url, token, way):
    """Posts with TOKEN in one WAY; the answer."""
    body = b'{"text":"x"}'
    headers = {"bearer": {"Authorization": f"Bearer {token}"},
               "zoho": {"Authorization": f"Zoho-oauthtoken {token}"},
               "header": {"X-Webhook-Token": token},
               "conflict": {"X-Webhook-Token": token}}.get(way, {})
    query = {"url": f"?zapikey={token}", "twice": f"?zapikey={token}&zapikey={token}",
             "refused form": f"?zapikey={token}&x=%zz",
             "conflict": f"?zapikey={token[:-1]}_", "wrong path": f"?zapikey={token}"}.get(way, "")
    path = url + ("/nothing" if way == "wrong path" else "") + query
    return ring.post(path, body, headers=headers)


def files(ring):
    """Everything that Postern wrote."""
    return [p for p in pathlib.Path(ring.dir).rglob("*") if p.is_file()]


def process_texts(ring):
    """The command line and environment of every process."""
    for name in ring.names:
        for what in ("cmdline", "environ"):
            yield f"{name} {what}", pathlib.Path(f"/proc/{ring.pid(name)}/{what}").read_bytes()


def leaks(ring, canaries, answers):
    """Where any of the canaries stands."""
    places = [(str(p.relative_to(ring.dir)), p.read_bytes()) for p in files(ring)]
    places += [(f"metrics of {name}", requests.get(url + "/metrics").content)
               for name, url in ring.monitors.items() if name in ring.names]
    places += [(f"readyz of {name}", requests.get(url + "/readyz").content)
               for name, url in ring.monitors.items() if name in ring.names]
    places += process_texts(ring)
    places += [(f"answer {i}", repr(a.headers).encode() + a.content)
               for i, a in enumerate(answers)]
    return [(place, what) for place, data in places for what, canary in canaries.items()
            if canary.encode() in data]


@pytest.fixture
def canaries(make_ring, name):
    ring = make_ring().up()  # its log is at the debug level
    owner = ring.user(name)
    ring.channel(name, owner)
    app = ring.extension(name, owner)["sandbox"]
    deleted = ring.token(owner)
    ring.ctl("token", "delete", deleted["id"])
    wrong = "pst_" + "Z" * 36
    return ring, owner, app, {"token": owner.token, "deleted": deleted["token"], "wrong": wrong,
                              "foreign": "1001." + "ab" * 16 + "." + "cd" * 16,
                              "appkey": app.appkey}


def test_a_canary_is_found_nowhere(canaries, name):
    ring, owner, app, secrets = canaries
    channel = ring.channel_url(name)
    answers = [use(ring, channel, secrets[which], way)
               for which in ("token", "deleted", "wrong", "foreign") for way in WAYS]
    assert {a.status_code for a in answers} >= {204, 400, 401, 404}
    body = b'{"state":"paid"}'
    answers.append(ring.post(ring.extension_url(app, owner.token), body))
    assert answers[-1].status_code == 200
    answers.append(ring.post(ring.extension_url(app, secrets["wrong"]), body))
    answers.append(ring.post(ring.url(f"/api/v2/applications/{app.app_id}/incoming", owner.token,
                                      appkey=app.appkey + "x"), body))
    answers.append(ring.get(ring.url(f"/api/v2/applications/{app.app_id}/messages", owner.token)))
    assert answers[-1].json()["messages"][0]["event"]["body"] == body.decode()
    for kind in ("channel-0", "authd-0"):  # what a restart writes counts too
        ring.kill(kind)
        ring.wait_ready(kind)
    assert leaks(ring, secrets, answers) == []


def test_a_token_is_on_record_as_its_hash_only(canaries):
    """The search finds what is there: the last four characters and a name are in the directory."""
    ring, owner, _, _ = canaries
    data = (pathlib.Path(ring.dir) / "data" / "directory" / "data.mdb").read_bytes()
    assert owner.email.encode() in data
    assert owner.token[-4:].encode() in data
    assert owner.token.encode() not in data
    assert leaks(ring, {"email": owner.email}, []) != []


def test_ctl_takes_no_token_from_its_command_line(canaries, name):
    ring, owner, _, _ = canaries
    done = ring.ctl_run("send", "channel", name, "hello", "--token", owner.token)
    assert done.returncode == 2
    assert owner.token not in done.stderr + done.stdout
