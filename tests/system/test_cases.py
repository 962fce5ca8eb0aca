"""Each row of bad input is named in the test that plays it: grep for it. Here is who is missing.

The rows are those of the catalogue of cases that this project is measured by; A is framing, B
redirects, C reuse, D time, E names, F TLS, G codings, H URLs and requests, L the address policy."""

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROWS = """
A01 A02 A03 A05 A06 A07 A08 A09 A10 A11 A13 A14 A16 A17 A18 A19 A21 A23 A24 A25 A26 A27 A28 A29 A30
A31 A33 A34 A35 A36 A37 A38 A39 A42
B01 B02 B03 B04 B05 B06 B07 B10 B11 B13
C01 C02 C03 C04 C05 C06 C09
D01 D02 D03 D06 D07
E01 E02 E03 E04 E05 E06
F01 F02 F03 F04 F05 F06 F08
G01 G02 G03 G04 G05 G07 G09
H01 H02 H03 H04 H05 H06 H07 H09
L01 L03 L05 L07
""".split()
BARE = {"conftest.py", "origin.py", "stream.py", "support.py", Path(__file__).name}


def test_every_row_is_named_by_a_test_under_the_oracle():
    named, unwatched = set(), set()
    for path in HERE.glob("*.py"):
        rows = set(re.findall(r"(?<![A-Za-z0-9])[A-L]\d\d(?![A-Za-z0-9])", path.read_text())) & set(ROWS)
        if path.name in BARE or not rows:
            continue
        named |= rows
        if 'usefixtures("taint")' not in path.read_text():
            unwatched.add(path.name)
    assert not set(ROWS) - named, sorted(set(ROWS) - named)
    assert not unwatched, "these suites of bad input are without the taint oracle"
