"""The users of the kinds of processes stand in one table, settings.def; units and package name the same."""

import re

import pytest

import tables
from tree import ROOT

KINDS = ("gateway", "authd", "router", "channel", "bot", "extension")
DEFAULTS = {f"{row[0]}.{row[1]}": row[3].strip('"') for row in tables.rows("common/conf/settings.def", "SETTING")}
UNITS = ROOT / "deploy/systemd"


def unit(kind):
    return next(UNITS.glob(f"postern-{kind}[.@]*service")).read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_runs_as_its_kinds_user_and_has_its_places_prepared(kind):
    text, user = unit(kind), DEFAULTS[f"{kind}.user"]
    said = dict(re.findall(r"^(\w+)=(.*)$", text, re.M))
    assert (said["User"], said["Group"]) == (user, user)
    workers = DEFAULTS["worker.group"] if kind in KINDS[3:] else None
    assert said.get("SupplementaryGroups") == workers
    assert said["ExecStartPre"] == f"-+{said['ExecStart']} -P postern"
    assert "StateDirectory" not in said and "RuntimeDirectory" not in said  # systemd would give them away


def test_the_package_makes_these_users():
    text = (ROOT / "deploy/debian/postern.postinst").read_text()
    made = re.findall(r"for kind in ([a-z ]+); do\n\s+adduser", text)
    assert [set(words.split()) for words in made] == [set(KINDS), set(KINDS[3:])]
    assert '"postern-$kind"' in text
    assert {DEFAULTS[f"{kind}.user"] for kind in KINDS} == {f"postern-{kind}" for kind in KINDS}
    assert f"addgroup --quiet --system {DEFAULTS['worker.group']}" in text


def test_who_binds_what_is_who_has_its_setting():
    text = (ROOT / "common/life/hop.c").read_text()
    hops = re.findall(r'\{SET_(\w+), "(\w+)", "(\w*)"\}', text)
    assert len(hops) == 6
    for setting, binder, connects in hops:
        assert setting.startswith(binder + "_") and connects in ("", "worker", *KINDS)


def test_the_backup_gets_its_rights_behind_what_takes_all():
    """systemd reads a unit's changes by their file names, whatever directory they are in."""
    changes = sorted((path.name, path) for path in UNITS.glob("postern-*.service.d/*.conf")
                     if path.parent.name in ("postern-.service.d", "postern-backup.service.d"))
    last = [line for _, path in changes for line in path.read_text().splitlines()
            if line.startswith(("User=", "CapabilityBoundingSet="))]
    assert last[-2:] == ["User=root", "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_READ_SEARCH CAP_KILL CAP_SETGID CAP_SETUID"]
    assert "CapabilityBoundingSet" not in (UNITS / "postern-backup.service").read_text()
    installed = (ROOT / "deploy/debian/postern.install").read_text()
    assert "deploy/systemd/postern-backup.service.d" in installed
