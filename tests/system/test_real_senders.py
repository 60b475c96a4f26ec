"""What Debian's Alertmanager, netdata and Apprise send by themselves, and how it reads in a channel."""

import re

import pytest

from harness import postern
from harness.senders import Alertmanager, Netdata, apprise, apprise_at

DOWN = {"alertname": "InstanceDown", "severity": "critical"}
FIRST = ({**DOWN, "instance": "db-1:9100"}, {"summary": "db-1:9100 is down", "description": "No scrape for 5 minutes.",
                                             "runbook_url": "https://runbooks.example.org/down"})
SECOND = ({**DOWN, "instance": "db-2:9100"}, {"summary": "db-2:9100 is down"})
LINK = "[InstanceDown](https://prom.example.org/graph?g0.expr=up)"
BUTTON = "[Alertmanager] https://alerts.example.org"
TIME = re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d")


def lines(message):
    """A message as a person reads it from top to bottom; its times are TIME."""
    yield from message["text"].split("\n")
    for slide in message.get("slides", []):
        yield from [f"== {slide['title']}"] if "title" in slide else []
        for one in slide["data"] if isinstance(slide["data"], list) else [slide["data"]]:
            yield f"{one['label']}: {one['value']}" if slide["type"] == "label" else f"{slide['type']}: {one}"
    for button in message.get("buttons", []):
        yield f"[{button['label']}] {button['action']['data']['web']}"


class Channel:
    """A channel, its URLs and what stands in it, the newest last."""

    def __init__(self, ring, name, ada):
        self.ring, self.name, self.ada = ring, name, ada
        ring.channel(name, ada)

    def url(self, where, name="zapikey", scheme="http"):
        url = f"{self.ring.base}/api/v2/channelsbyname/{self.name}/{where}?{name}={self.ada.token}"
        return url.replace("http:", f"{scheme}:")

    def read(self, least):
        def rows():
            found = self.ring.messages("channelsbyname", self.name, self.ada.token)
            return found if len(found) >= least else None
        found = postern.wait(rows, 30, what=f"message {least} of {self.name}")
        shown = [[TIME.sub("TIME", line) for line in lines(one["message"])] for one in found]
        print(f"\n#### {self.name}\n" + "\n\n".join("\n".join(one) for one in shown))
        return shown


@pytest.fixture(scope="module")
def channels(ring):
    ada = ring.user("reads_real_senders")

    def make(name):
        return Channel(ring, name, ada)
    return make


@pytest.fixture(scope="module")
def watched(channels):
    """netdata, which takes seconds to begin: started before the others are tried."""
    made = {name: channels(f"netdata_{name}") for name in ("slack", "discord", "rocketchat", "teams", "custom")}
    settings = {"SLACK_WEBHOOK_URL": made["slack"].url("incoming/slack"), "DEFAULT_RECIPIENT_SLACK": "#",
                "DISCORD_WEBHOOK_URL": made["discord"].url("incoming/slack") + "&of=", "DEFAULT_RECIPIENT_DISCORD": "ops",
                "ROCKETCHAT_WEBHOOK_URL": made["rocketchat"].url("incoming"), "DEFAULT_RECIPIENT_ROCKETCHAT": "ops",
                "MSTEAMS_WEBHOOK_URL": made["teams"].url("incoming/teams"), "DEFAULT_RECIPIENT_MSTEAMS": "ops"}
    body = r'{\"title\":\"${status}: ${alarm}\",\"text\":\"${info}\",\"url\":\"${goto_url}\",\"host\":\"${host}\"}'
    custom = f'docurl -X POST -H "Content-Type: application/json" --data "{body}" "{made["custom"].url("incoming/generic")}"'
    with Netdata({**settings, **{f"SEND_{name.upper()}": "YES" for name in ("slack", "discord", "rocketchat", "msteams", "custom")}},
                 custom) as it:
        it.gauge(93)
        yield it, made


@pytest.fixture
def netdata(needs, request):
    needs("netdata")
    return request.getfixturevalue("watched")


def test_alertmanager(needs, netdata, channels):  # pylint: disable=unused-argument
    needs("prometheus-alertmanager")
    hook, plain, slack = (channels(f"alertmanager_{name}") for name in ("webhook", "message", "slack"))
    with Alertmanager({"webhook": f"webhook_configs: [{{url: '{hook.url('incoming/alertmanager')}', send_resolved: true}}]",
                       "message": f"webhook_configs: [{{url: '{plain.url('message')}', send_resolved: true}}]",
                       "slack": f"slack_configs: [{{api_url: '{slack.url('incoming/slack')}', channel: '#ops', send_resolved: true}}]"
                       }) as it:
        def read(least):  # by all three, each of which tells of a group only what it finds at its turn
            return [channel.read(least) for channel in (hook, plain, slack)]

        it.alert(FIRST)
        read(1)
        it.alert(FIRST, SECOND)
        read(2)
        it.alert(FIRST, over=True)
        read(3)
        it.alert(SECOND, over=True)
        (one, two, some, over), plainly, headings = shown = read(4)
        assert plainly == shown[0]
    assert one == [f"🔴 *Firing*: {LINK} (critical)", "db-1:9100 is down", "No scrape for 5 minutes.", "== Labels", "instance: db-1:9100",
                   "Since: TIME UTC", "[Runbook] https://runbooks.example.org/down", BUTTON]
    assert two == ["🔴 *Firing*: 2 alerts of InstanceDown (critical)", "== Firing", f"list: 🔴 {LINK}: db-1:9100 is down, since TIME UTC",
                   f"list: 🔴 {LINK}: db-2:9100 is down, since TIME UTC", BUTTON]
    assert some[1:] == ["== Firing", f"list: 🔴 {LINK}: db-2:9100 is down, since TIME UTC", "== Resolved",
                        f"list: 🟢 {LINK}: db-1:9100 is down, TIME to TIME UTC", BUTTON]
    assert over == [f"🟢 *Resolved*: {LINK} (critical)", "db-2:9100 is down", "== Labels", "instance: db-2:9100", "Since: TIME UTC",
                    "Until: TIME UTC", BUTTON]
    where = "(https://alerts.example.org/#/alerts?receiver=slack)*"
    assert headings == [[f"🔴 *[\\[FIRING:1\\] InstanceDown (db-1:9100 critical)]{where}"],
                        [f"🔴 *[\\[FIRING:2\\] InstanceDown (critical)]{where}"], [f"🔴 *[\\[FIRING:1\\] InstanceDown (critical)]{where}"],
                        [f"🟢 *[\\[RESOLVED\\] InstanceDown (db-2:9100 critical)]{where}"]]


@pytest.mark.parametrize("scheme", ["json", "form"])
def test_apprise(needs, netdata, channels, scheme):  # pylint: disable=unused-argument
    needs("apprise")
    named, found = channels(f"apprise_{scheme}"), channels(f"apprise_{scheme}_found")
    apprise(named.url("incoming/apprise", "-zapikey", scheme), "Backup failed", "web-1: *no* space, see https://example.org/a_b_c", "failure")
    assert named.read(1) == [["🔴 *Backup failed*", "web-1: \\*no\\* space, see https://example.org/a_b_c"]]
    apprise(found.url("incoming", "-zapikey", scheme), "", "Only a body\nof two lines")
    assert found.read(1) == [["Only a body", "of two lines"]]


IDS = {"slack": ("NotifySlack", "webhook_url", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"),
       "slack_blocks": ("NotifySlack", "webhook_url", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7?blocks=yes"),
       "discord": ("NotifyDiscord", "notify_url", "discord://417429632418316298/JHZ7lQml277CDHmQKMHI8qBe7bk2ZwO5UKjCiOAF7711o33MyqU344Qpgv7YT?format=markdown"),
       "teams": ("NotifyMSTeams", "notify_url_v1", "msteams://8b799edf-6f98-4d3a-9be7-2862fb4e5752@8b799edf-6f98-4d3a-9be7-2862fb4e5752/"
                                                   "a0ab1f0e7b3148c7b6b9a8e3c2d1f0aa/8b799edf-6f98-4d3a-9be7-2862fb4e5752/?version=1")}


@pytest.mark.parametrize("name, expected", [
    ("slack", ["🔴 *Backup failed*", "web-1: no space left", "_Apprise · TIME UTC_"]),
    ("slack_blocks", ["🔴 *Backup failed*", "web-1: no space left", "Apprise"]),
    ("discord", ["[Apprise](https://github.com/caronc/apprise)", "🔴 *Backup failed*", "web-1: no space left"]),
    ("teams", ["🔴 *Backup failed*", "web-1: no space left"])])
def test_apprise_at_what_it_sends_to_services(needs, netdata, channels, name, expected):  # pylint: disable=unused-argument
    """Its slack:// of this version takes Slack's own "ok" for a failure, which is not looked at."""
    needs("apprise")
    plugin, attribute, url = IDS[name]
    channel = channels(f"apprise_as_{name}")
    apprise_at(plugin, attribute, channel.url("incoming/" + name.partition("_")[0]) + "&of=", url, "Backup failed", "web-1: no space left",
               "failure")
    assert channel.read(1) == [expected]


def test_netdata(netdata):
    it, made = netdata
    made["slack"].read(1)
    it.gauge(99)
    made["slack"].read(2)
    it.gauge(3)
    shown = {name: channel.read(3) for name, channel in made.items()}
    where = r"\(https://registry\.my-netdata\.io/goto-host-from-alarm\.html\?host=web-1&chart=statsd_mail\.queue_gauge&.*\)"
    for name in ("slack", "discord", "rocketchat"):
        for message, said, mark, alarm in zip(shown[name], ("needs attention", "is critical", "recovered"), "🟡🔴🟢",
                                              ("mail queue = 93 mails", "mail queue = 99 mails", r"mail queue \((alarm )?was .*\)")):
            assert re.fullmatch(rf"web-1 {said}, `statsd_mail.queue_gauge` \(_gauges_\), \*{alarm}\*", message[0])
            assert re.fullmatch(rf"{mark} \*\[{alarm}\]{where}\*", message[1]) and message[2] == "mails that wait to be sent"
            assert not [line for line in message if line.endswith(("–", ".png"))]
    assert shown["slack"][0][3:] == ["statsd_mail.queue_gauge · gauges", "_by web-1 · TIME UTC_"]
    assert shown["discord"][0][3:] == ["_web-1 · TIME UTC_", "statsd_mail.queue_gauge: gauges"]
    assert [message[0] for message in shown["teams"]] == [
        "🟡 *⚠️ Alert WARNING from netdata for web-1*", "🔴 *🔥 Alert CRITICAL from netdata for web-1*", "🟢 *💚 Alert CLEAR from netdata for web-1*"]
    assert all(re.search(r"\[Netdata\] https://registry", message[-1]) for message in shown["teams"])
    for message, status in zip(shown["custom"], ("WARNING", "CRITICAL", "CLEAR")):
        assert re.fullmatch(rf"\[{status}: mail queue .*\]{where}", message[0]) and message[1] == "mails that wait to be sent"
