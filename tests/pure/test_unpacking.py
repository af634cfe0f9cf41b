"""Hostile packages: nothing leaves the destination, nothing is believed, and every fault is said."""

import os
import random
import stat
import struct
import zipfile

import pytest

from archive.inspection.probes.unpacking import LIMITS, looks_like_bag, unpack
from tests.bags import bag_files, laid_out, manifest, zipped

GOOD = {"a.txt": b"alpha", "b/乙.txt": "乙".encode()}


def kinds(answer):
    return sorted((p["kind"], p["path"]) for p in answer["problems"])


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def unpacked(files, tmp_path, into, **options):
    return unpack(str(zipped(files, tmp_path / "p.zip", **options)), str(into))


@pytest.mark.parametrize("top", ["bag", ""])
def test_a_right_bag_has_no_problem_and_every_digest(tmp_path, into, top):
    answer = unpacked(bag_files(GOOD), tmp_path, into, top=top)
    assert answer["readable"] and answer["problems"] == []
    assert set(answer["files"]) == {"data/a.txt", "data/b/乙.txt"}
    assert answer["files"]["data/a.txt"]["bytes"] == 5
    assert answer["files"]["data/a.txt"]["sm3"] and answer["files"]["data/a.txt"]["sha256"]
    assert answer["payload"] == {"bytes": 8, "files": 2}
    assert answer["package"]["sha256"]


def test_a_folder_is_measured_where_it_lies(tmp_path, into):
    answer = unpack(str(laid_out(bag_files(GOOD), tmp_path / "folder")), str(into))
    assert answer["problems"] == [] and set(answer["files"]) == {"data/a.txt", "data/b/乙.txt"}
    assert list(into.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../../evil.txt", "name-traversal"),
        ("bag/data/../../../evil.txt", "name-traversal"),
        ("/etc/evil.txt", "name-absolute"),
        ("C:/evil.txt", "name-absolute"),
        ("bag/data\\..\\evil.txt", "name-backslash"),
        ("bag/data/CON.txt", "name-device"),
        ("bag/data/com1", "name-device"),
        ("bag/data//evil.txt", "name-empty-part"),
        ("bag/data/./evil.txt", "name-empty-part"),
        ("bag/data/evil\n.txt", "name-control"),
        ("bag/data/evil. ", "name-trailing"),
        ("bag/data/" + "d/" * 40 + "evil.txt", "name-deep"),
        ("bag/data/" + "长" * 100 + ".txt", "name-long"),
    ],
)
def test_a_dangerous_name_is_said_and_never_written(tmp_path, into, name, kind):
    path = zipped(bag_files(GOOD), tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"evil")
    answer = unpack(str(path), str(into))
    assert [p["kind"] for p in answer["problems"]] == [kind]
    written = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert not any("evil" in p or "CON" in p or "com1" in p for p in written)


def test_a_symbolic_link_in_a_zip_is_not_made(tmp_path, into):
    path = zipped(bag_files(GOOD), tmp_path / "p.zip")
    link = zipfile.ZipInfo("bag/data/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, b"/etc/passwd")
    answer = unpack(str(path), str(into))
    assert kinds(answer) == [("symlink", "bag/data/link")]
    assert not (into / "bag/data/link").is_symlink()


def test_links_and_devices_in_a_folder_are_not_opened(tmp_path, into):
    folder = laid_out(bag_files(GOOD), tmp_path / "folder")
    os.symlink("/etc/passwd", folder / "data" / "link")
    os.symlink("/", folder / "data" / "root")
    os.mkfifo(folder / "data" / "pipe")
    answer = unpack(str(folder), str(into))
    assert kinds(answer) == [
        ("special-file", "data/pipe"),
        ("symlink", "data/link"),
        ("symlink", "data/root"),
    ]


def test_the_same_entry_twice_is_said(tmp_path, into):
    path = zipped(bag_files(GOOD), tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning):
        archive.writestr("bag/data/a.txt", b"other")
    answer = unpack(str(path), str(into))
    assert kinds(answer) == [("duplicate-entry", "bag/data/a.txt")]
    assert (into / "bag/data/a.txt").read_bytes() == b"alpha"


def test_names_that_differ_only_by_case_collide(tmp_path, into):
    answer = unpacked(bag_files({"a.txt": b"1", "A.TXT": b"2"}), tmp_path, into)
    assert [p["kind"] for p in answer["problems"]][0] == "name-collision"


def test_a_file_where_a_folder_must_be_does_no_harm(tmp_path, into):
    path = zipped(bag_files({"x": b"1"}), tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("bag/data/x/y", b"2")
    assert kinds(unpack(str(path), str(into))) == [("duplicate-entry", "bag/data/x/y")]


def test_names_from_a_chinese_windows_are_read_as_gbk(tmp_path, into):
    meant = "劳动合同.txt"
    written = "0" * len(meant.encode("gbk"))
    files = bag_files({written: b"x"})
    files["manifest-sha256.txt"] = manifest({f"data/{meant}": b"x"})
    files["tagmanifest-sha256.txt"] = manifest({"bagit.txt": files["bagit.txt"]})
    path = zipped(files, tmp_path / "p.zip")
    path.write_bytes(path.read_bytes().replace(written.encode(), meant.encode("gbk")))
    answer = unpack(str(path), str(into))
    assert answer["problems"] == [] and set(answer["files"]) == {f"data/{meant}"}


def test_an_encrypted_entry_is_said(tmp_path, into):
    path = zipped(bag_files(GOOD), tmp_path / "p.zip")
    data = bytearray(path.read_bytes())
    for mark, offset in (
        (b"PK\x03\x04", 6),
        (b"PK\x01\x02", 8),
    ):  # the flag of the first entry, in both headers
        at = data.index(mark) + offset
        data[at : at + 2] = struct.pack("<H", struct.unpack("<H", data[at : at + 2])[0] | 1)
    path.write_bytes(data)
    assert kinds(unpack(str(path), str(into)))[0][0] == "encrypted-entry"


def test_an_unknown_compression_is_said(tmp_path, into):
    path = zipped(bag_files(GOOD), tmp_path / "p.zip")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.index(mark) + offset
        data[at : at + 2] = struct.pack("<H", 97)
    path.write_bytes(data)
    assert "unknown-compression" in {p["kind"] for p in unpack(str(path), str(into))["problems"]}


def test_a_flipped_byte_inside_an_entry_is_said(tmp_path, into):
    path = zipped(bag_files(GOOD), tmp_path / "p.zip", method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"alpha", b"alphb", 1))
    assert ("damaged-entry", "bag/data/a.txt") in kinds(unpack(str(path), str(into)))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_a_zip_cut_short_is_no_package(tmp_path, into, share):
    path = zipped(bag_files(GOOD), tmp_path / "p.zip")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    answer = unpack(str(path), str(into))
    assert answer["readable"] is False and "zip" in answer["refusal"]


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04", random.Random(1).randbytes(1000)])
def test_what_is_no_zip_is_no_package(tmp_path, into, data):
    path = tmp_path / "p.zip"
    path.write_bytes(data)
    assert unpack(str(path), str(into))["readable"] is False


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, into):
    answer = unpacked({"bagit.txt": b"", "data/bomb": bytes(64 << 20)}, tmp_path, into)
    assert answer["readable"] is False and "炸弹" in answer["refusal"]
    assert not list(into.iterdir())


def test_a_bomb_that_lies_about_its_size_is_stopped_while_unpacking(tmp_path, into):
    path = zipped({"data/bomb": bytes(1 << 20)}, tmp_path / "p.zip")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + offset
        data[at : at + 4] = struct.pack("<I", 10)
    path.write_bytes(data)
    answer = unpack(str(path), str(into), {"total_bytes": 1000})
    written = sum(p.stat().st_size for p in into.rglob("*") if p.is_file())
    assert written <= 1000 and (not answer["readable"] or answer["problems"])


def test_a_folder_larger_than_the_limit_is_refused(tmp_path, into):
    folder = laid_out(bag_files({"a": bytes(600), "b": bytes(600)}), tmp_path / "folder")
    answer = unpack(str(folder), str(into), {"total_bytes": 1000})
    assert answer["readable"] is False and "上限" in answer["refusal"]


def test_too_many_entries_are_refused(tmp_path, into):
    path = zipped({f"data/{n}": b"" for n in range(30)}, tmp_path / "p.zip")
    answer = unpack(str(path), str(into), {"entries": 20})
    assert answer["readable"] is False and "20" in answer["refusal"]
    assert LIMITS["entries"] > 1000


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"bagit_dot_txt": None}, "no-bagit-txt"),
        ({"bagit_dot_txt": b"BagIt-Version: 1.0\n"}, "bad-bagit-txt"),
        ({"bagit_dot_txt": b"\xef\xbb\xbfBagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"}, "bom"),
        ({"bagit_dot_txt": b"BagIt-Version: 9.9\nTag-File-Character-Encoding: UTF-8\n"}, "bag-version"),
        (
            {"bagit_dot_txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: KLINGON\n"},
            "tag-file-encoding",
        ),
        ({"bag_dash_info_dot_txt": b"Payload-Oxum: 9.2\n"}, "oxum-bytes"),
        ({"bag_dash_info_dot_txt": b"Payload-Oxum: 8.3\n"}, "oxum-files"),
        ({"bag_dash_info_dot_txt": b"Payload-Oxum: many\n"}, "bad-oxum"),
        ({"bag_dash_info_dot_txt": b"no colon\n"}, "bad-bag-info"),
        ({"bag_dash_info_dot_txt": b"\xff\xfe\n"}, "tag-file-encoding"),
        ({"data__a_dot_txt": b"alphb"}, "digest"),
        ({"data__a_dot_txt": None}, "missing"),
        ({"data__new_dot_txt": b"x"}, "extra"),
        ({"fetch_dot_txt": b"http://x/ - data/c\n"}, "fetch"),
        ({"manifest_dash_sha256_dot_txt": None}, "no-manifest"),
        ({"manifest_dash_md5_dot_txt": manifest({"data/a.txt": b"alpha"}, "md5")}, "not-in-every"),
        ({"manifest_dash_sha3_dot_txt": b""}, "unknown-manifest"),
        ({"manifest_dash_sm3_dot_txt": manifest({"data/a.txt": b"other"}, "sm3")}, "digest"),
    ],
)
def test_each_fault_of_a_bag_is_said(tmp_path, into, change, kind):
    assert kind in {p["kind"] for p in unpacked(bag_files(GOOD, **change), tmp_path, into)["problems"]}


LINES = {
    "line-twice": lambda line: line + line,
    "line-contradicts": lambda line: line + b"0" * 64 + line[64:],
    "line-outside": lambda line: line + b"0" * 64 + b"  ../../etc/passwd\n",
    "line-windows-path": lambda line: line + b"0" * 64 + b"  C:\\Windows\\x\n",
    "bad-manifest-line": lambda line: line + b"nonsense\n",
    "missing": lambda line: line + b"0" * 64 + b"  data/nowhere\n",
}


@pytest.mark.parametrize("kind", LINES)
def test_each_fault_of_a_manifest_line_is_said(tmp_path, into, kind):
    line = manifest({"data/a.txt": b"x"})
    files = bag_files({"a.txt": b"x"}, manifest_dash_sha256_dot_txt=LINES[kind](line))
    assert kind in {p["kind"] for p in unpacked(files, tmp_path, into)["problems"]}


def test_percent_signs_and_line_ends_in_names_are_written_encoded(tmp_path, into):
    files = bag_files({"100%.txt": b"x"})
    files["manifest-sha256.txt"] = files["manifest-sha256.txt"].replace(b"%", b"%25")
    files["tagmanifest-sha256.txt"] = manifest({"bagit.txt": files["bagit.txt"]})
    assert unpacked(files, tmp_path, into)["problems"] == []


def test_decomposed_names_are_the_same_names(tmp_path, into):
    files = bag_files({"caf\u00e9.txt": b"x"})
    files["data/cafe\u0301.txt"] = files.pop("data/caf\u00e9.txt")
    assert unpacked(files, tmp_path, into)["problems"] == []


def test_a_zip_with_two_bags_is_said(tmp_path, into):
    files = {f"{top}/{name}": data for top in ("one", "two") for name, data in bag_files(GOOD).items()}
    assert "several-bags" in {p["kind"] for p in unpacked(files, tmp_path, into, top="")["problems"]}


def test_what_a_mac_adds_is_only_noted(tmp_path, into):
    files = {f"bag/{name}": data for name, data in bag_files(GOOD).items()} | {"__MACOSX/._bag": b"x"}
    assert [p["kind"] for p in unpacked(files, tmp_path, into, top="")["problems"]] == ["junk"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "JSON"),
        (b"[]", "对象"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"a": 1, "a": 2}', "多次"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e999}', "超出范围"),
        (b'{"a":' * 50 + b"1" + b"}" * 50, "嵌套"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "嵌套"),
        (b'{"a": ' + b"9" * 5000 + b"}", ""),
    ],
)
def test_a_submission_that_cannot_be_trusted_to_be_read_is_said(tmp_path, into, data, reason):
    answer = unpacked(bag_files(GOOD, submission=data), tmp_path, into)
    assert answer["submission"] is None
    assert answer["submission_fault"] and reason in answer["submission_fault"]


def test_a_submission_comes_along(tmp_path, into):
    answer = unpacked(bag_files(GOOD, submission={"format": "archive-submission/1"}), tmp_path, into)
    assert (
        answer["submission"] == {"format": "archive-submission/1"}
        and answer["covered"].count("submission.json") == 1
    )


def test_bags_are_told_from_other_zips(tmp_path):
    assert looks_like_bag(str(tmp_path)) == {"bag": True}
    assert looks_like_bag(str(zipped(bag_files(GOOD), tmp_path / "bag.zip"))) == {"bag": True}
    assert looks_like_bag(str(zipped({"word/document.xml": b""}, tmp_path / "x.docx", top=""))) == {
        "bag": False
    }
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.7")
    assert looks_like_bag(str(tmp_path / "x.pdf")) == {"bag": False}


def test_bytes_before_a_zip_are_said(tmp_path, into):
    path = zipped(bag_files({"a.txt": b"x"}), tmp_path / "p.zip")
    path.write_bytes(b"MZ" * 500 + path.read_bytes())
    answer = unpack(str(path), str(into))
    assert [(p["kind"], p["detail"]) for p in answer["problems"]] == [("before-zip", "1000 字节")]
