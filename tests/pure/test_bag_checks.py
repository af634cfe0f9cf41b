"""What a bag says of itself against what is in it: GD-1-13 (structure), GD-2-2 (bytes), GD-2-11 (files)."""

import pytest

from archive.inspection.examine import examine
from tests.bags import bag_files, zipped


def spoke(files, path, fence):
    found = examine(zipped(files, path / "p.zip"), fence)["findings"]
    return {row["check"] for row in found if row["verdict"] in ("failed", "warning")}


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"data/con.txt": b"x"}, "GD-1-13"),
        ({"data/more.txt": b"x"}, "GD-2-11"),
        ({"bag-info.txt": b"Payload-Oxum: 999.1\n"}, "GD-2-2"),
        ({"bag-info.txt": b"Payload-Oxum: 1.7\n"}, "GD-2-11"),
    ],
)
def test_a_bag_that_is_otherwise_than_it_says_is_told_by_the_right_item(change, check, fence, tmp_path):
    files = bag_files({"a.txt": b"x"})
    assert check not in spoke(files, tmp_path, fence)
    assert check in spoke(files | change, tmp_path, fence)
