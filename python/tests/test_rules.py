"""Every rule for servers has a test that is named for it, or a reason why it has none."""

import fnmatch
import re
from pathlib import Path

from conftest import GATEWAYS
from gateways import NOT_OVER

#: What a server cannot break, or what there is nothing of to test.
NONE = {
    67: "there is no extension that takes the place of a function of WSGI",
}


def test_each_rule_has_a_test():
    tested = set()
    for path in Path(__file__).parent.glob("test_rules_*.py"):
        for first, last in re.findall(r"(?:def |^)test_s(\d\d)(?:_to_s(\d\d))?_", path.read_text(), re.MULTILINE):
            tested.update(range(int(first), int(last or first) + 1))
    assert tested.isdisjoint(NONE)
    assert sorted(tested | NONE.keys()) == list(range(1, 68))


def test_what_is_left_out_is_there(request):
    names = {item.name for item in request.session.items}
    if any("test_frameworks" in item.nodeid for item in request.session.items):
        for name, gateways, _ in NOT_OVER:
            assert fnmatch.filter(names, name), name
            assert set(gateways) <= GATEWAYS.keys()
