"""docs/openapi.yaml, parsed once a process and by libyaml: in Python alone it takes seconds of a core."""

import functools

import yaml

from tree import ROOT

PATH = ROOT / "docs/openapi.yaml"


def parsed(text):
    return yaml.load(text, Loader=yaml.CSafeLoader)


@functools.cache
def document():
    """Not to be changed: it is everybody's."""
    return parsed(PATH.read_text())
