"""The users of the kinds of processes stand in settings.def; units and package name the same."""

import re
import subprocess

import pytest

import tables
from tree import ROOT

KINDS = tables.kinds()
WORKERS = [name for _, name, *_ in tables.workers()]
DEFAULTS = {f"{row[0]}.{row[1]}": row[3].strip('"') for row in tables.rows("common/conf/settings.def", "SETTING")}
UNITS = ROOT / "deploy/systemd"


def unit(kind):
    return next(UNITS.glob(f"postern-{kind}[.@]*service")).read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_runs_as_its_kinds_user_and_has_its_places_prepared(kind):
    text, user = unit(kind), DEFAULTS[f"{kind}.user"]
    said = dict(re.findall(r"^(\w+)=(.*)$", text, re.M))
    assert (said["User"], said["Group"]) == (user, user)
    workers = DEFAULTS["worker.group"] if kind in WORKERS else None
    assert said.get("SupplementaryGroups") == workers
    assert said["ExecStartPre"] == f"-+{said['ExecStart']} -P postern"
    assert "StateDirectory" not in said and "RuntimeDirectory" not in said  # systemd would give them away


def test_the_package_makes_these_users(tmp_path):
    """Its script, with programs that write down how they are called."""
    for name in ("adduser", "addgroup"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (tmp_path / name).chmod(0o755)
    script = (ROOT / "deploy/debian/postern.postinst").read_text().replace("/lib/systemd/system", str(UNITS))
    done = subprocess.run(["sh", "-c", script, "postinst", "configure"], capture_output=True, text=True,
                          env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    made = "--system --group --home /nonexistent --no-create-home"
    group = DEFAULTS["worker.group"]
    assert sorted(done.stdout.splitlines()) == sorted(
        [f"addgroup --quiet --system {group}"] + [f"adduser --quiet {made} {DEFAULTS[f'{kind}.user']}" for kind in KINDS] +
        [f"adduser --quiet {DEFAULTS[f'{kind}.user']} {group}" for kind in WORKERS])
    assert done.stdout.startswith("addgroup")


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
