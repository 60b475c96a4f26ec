"""Formats of senders' events: the cases of those that are built in, and posternctl format, which needs no server."""

import json
import os
import subprocess

import pytest
from harness.postern import BIN, ROOT

FORMATS = sorted(path.parent.name for path in (ROOT / "formats").glob("*/format.json"))


def posternctl(*arguments, body="", check=True):
    done = subprocess.run([BIN / "posternctl", *arguments], input=body, capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"]})
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("name", FORMATS)
def test_the_cases(name):
    folder = ROOT / "formats" / name
    bodies = [path for ending in ("json", "form", "text") for path in folder.glob(f"cases/*.{ending}")
              if not path.name.endswith(".expected.json")]
    assert len(bodies) >= 3
    assert (folder / "README.md").read_text().startswith("# ")
    cases = json.loads(posternctl("format", "test", folder, "--formats", ROOT / "formats", "--json").stdout)["cases"]
    assert len(cases) == len(bodies) and all(case["result"] == "right" for case in cases)


def test_all_that_stand_there_are_built_in():
    listed = json.loads(posternctl("format", "list", "--json").stdout)["formats"]
    assert [row["name"] for row in listed] == FORMATS
    assert all(row["title"] for row in listed)


def test_a_caught_event_is_tried():
    push = (ROOT / "formats/github/cases/push.json").read_text()
    tried = json.loads(posternctl("format", "try", "-H", "X-GitHub-Event: push", "--json", body=push).stdout)
    assert tried["format"] == "github" and tried["outcome"] == "message" and tried["event"] == "push"
    assert "pushed" in tried["message"]["text"]
    assert posternctl("format", "try", "github", body="{", check=False).returncode == 1
    unknown = posternctl("format", "try", body="{}", check=False)
    assert unknown.returncode == 1 and "no format knows this event" in unknown.stderr


def branch(sender, case, *options):
    place = ROOT / "formats" / sender / "cases"
    headers = ["--headers", place / f"{case}.headers"] if (place / f"{case}.headers").exists() else []
    tried = posternctl("format", "try", sender, *headers, *options, "--json", body=(place / f"{case}.json").read_text())
    return json.loads(tried.stdout)


@pytest.mark.parametrize("sender, named", [
    ("github", {"push": "master", "push_tag": None, "pull_request_opened": "master", "review": "master", "check_run": "changes",
                "workflow_run_failed": "main", "issue_opened": None}),
    ("gitlab", {"push": "master", "branch_deleted": "old-idea", "tag": None, "merge_request_open": "master", "pipeline_failed": "master",
                "job_failed": "gitlab-script-trigger", "issue_open": None}),
    ("gitea", {"push": "develop", "pull_request_opened": "main", "tag_created": None, "issue_opened_forgejo": None}),
    ("bitbucket", {"push": "main", "branch_deleted": "old-idea", "pullrequest_created": "main", "server_push": "master", "server_pr_opened": "master",
                   "status_failed": "main"}),
    ("circleci", {"workflow_failed": "main", "ping": None}),
    ("jenkins", {"failure": "master", "success": "master"}),
    ("azure-devops", {"push": "main", "pullrequest_created": "main", "build_failed": "main", "workitem_created": None})])
def test_the_branch_of_an_event(sender, named):
    assert {case: branch(sender, case).get("branch") for case in named} == named


def test_a_try_is_filtered_as_a_source_filters():
    assert branch("github", "push", "--branch", "mast*")["outcome"] == "message"
    assert branch("github", "push", "--branch", "main, release/*")["outcome"] == "filtered"
    assert branch("github", "issue_opened", "--branch", "main", "--except", "push")["outcome"] == "message"
    assert branch("github", "issue_opened", "--only", "issues")["outcome"] == "message"
    assert branch("github", "issue_opened", "--only", "issues.closed,push")["outcome"] == "filtered"
    refused = posternctl("format", "try", "github", "--only", "a,,b", body="{}", check=False)
    assert refused.returncode == 1 and "--only has an empty glob" in refused.stderr


def test_a_format_of_ones_own(tmp_path):
    folder = tmp_path / "mine"
    (folder / "cases").mkdir(parents=True)
    written = {"sender": "mine", "rules": [{"message": {"text": "{{ a | upper }}"}}]}
    (folder / "format.json").write_text(json.dumps(written))
    (folder / "cases/one.json").write_text('{"a": "x"}')
    missing = posternctl("format", "test", folder, check=False)
    assert missing.returncode == 1 and "no expected file" in missing.stdout
    posternctl("format", "test", folder, "--accept")
    assert (folder / "cases/one.expected.json").read_text() == '{\n  "text": "X"\n}\n'
    assert "1 cases, 0 not as expected" in posternctl("format", "test", folder).stdout
    (folder / "cases/one.json").write_text('{"a": "y"}')
    differs = posternctl("format", "test", folder, check=False)
    assert differs.returncode == 1 and '"X"' in differs.stdout and '"Y"' in differs.stdout


def test_an_expected_file_that_cannot_be_written(tmp_path):
    folder = tmp_path / "mine"
    (folder / "cases/one.expected.json").mkdir(parents=True)
    (folder / "format.json").write_text('{"sender": "mine", "rules": [{"message": {"text": "{{ a }}"}}]}')
    (folder / "cases/one.json").write_text('{"a": "x"}')
    refused = posternctl("format", "test", folder, "--accept", check=False)
    assert refused.returncode == 1 and "cannot be written" in refused.stdout and "one.expected.json: Is a directory" in refused.stdout


def test_a_fault_names_file_line_and_place(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "format.json").write_text('{"sender": "mine",\n "rules": [\n{"message": {"text": "{{ a | uper }}"}}]}')
    shown = posternctl("format", "show", folder, check=False)
    assert shown.returncode == 1
    assert f'{folder}/format.json:3: rules[0].message.text: no filter "uper"; did you mean "upper"?' in shown.stderr


def test_ones_own_wins_by_its_name(tmp_path):
    folder = tmp_path / "github"
    folder.mkdir()
    (folder / "format.json").write_text('{"sender": "github", "rules": [{"message": {"text": "mine"}}]}')
    tried = posternctl("format", "try", "github", "--formats", tmp_path, "--json", body="{}")
    assert json.loads(tried.stdout)["message"] == {"text": "mine"}
