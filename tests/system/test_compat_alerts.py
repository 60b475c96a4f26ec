"""Alertmanager and Grafana pointed straight at a URL: kept whole by a bot, and shown by a
channel."""

import json
import pathlib

import pytest

FIXTURES = sorted((pathlib.Path(__file__).parents[1] / "compat/fixtures").glob("*.json"))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.stem)
def test_bot_and_extension_keep_the_alert_whole(ring, name, path):
    ada = ring.user(name)
    ring.bot(name, ada)
    app = ring.extension(name, ada)["sandbox"]
    body = path.read_bytes()
    headers = {"Content-Type": "application/json", "User-Agent": "Alertmanager/0.27.0"}
    for url in (ring.bot_url(name, ada.token), ring.extension_url(app, ada.token)):
        assert ring.post(url, body, headers=headers).status_code == 200
    for where in (("bots", name), ("applications", app.app_id)):
        found, = ring.messages(*where, ada.token)
        assert found["event"]["body"].encode() == body
        assert found["message"] is None


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.stem)
@pytest.mark.parametrize("where", ["message", "incoming"])
def test_channel_shows_the_alert(ring, name, path, where):
    ada = ring.user(name)
    ring.channel(name, ada)
    url = ring.channel_url(name, ada.token).replace("/message?", f"/{where}?")
    assert ring.post(url, path.read_bytes()).status_code == 204
    shown, = ring.messages("channelsbyname", name, ada.token)
    alerts = json.loads(path.read_text())["alerts"]
    assert "event" not in shown and all(one["labels"]["alertname"] in json.dumps(shown["message"]) for one in alerts)


def test_alertmanager_sends_its_credentials_as_a_bearer(ring, name):
    """http_config.authorization of Alertmanager, authorization_scheme of Grafana."""
    ada = ring.user(name)
    ring.bot(name, ada)
    answer = ring.post(ring.bot_url(name), FIXTURES[0].read_bytes(),
                       headers={"Authorization": f"Bearer {ada.token}"})
    assert answer.status_code == 200
