"""The families of addresses that tests run over, for scripts/coverage and scripts/check-docs.

The programs of scripts in tests/tcp/ run twice, over IPv4 and over IPv6 (tests/meson.build). A
script that is about one family is listed as over_ipv4(NAME) or over_ipv6(NAME). What scripts share,
such as the checks of the harness, runs with them.
"""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
LISTED = re.compile(r'\b(cmocka_unit_test|over_ipv4|over_ipv6)\((\w+)\)')
SHARED = re.compile(r'(?m)^static (?:void|int) (\w+)\(')
FAMILIES = {'cmocka_unit_test': (4, 6), 'over_ipv4': (4,), 'over_ipv6': (6,)}


def families_of_scripts():
    """Function -> its families, a tuple, for each function in tests/tcp/."""
    found = {}
    for path in sorted((ROOT / 'tests' / 'tcp').glob('*.c')):
        text = path.read_text()
        for name in SHARED.findall(text):
            found.setdefault(name, (4, 6))
        for how, name in LISTED.findall(text):
            found[name] = FAMILIES[how]
    return found
