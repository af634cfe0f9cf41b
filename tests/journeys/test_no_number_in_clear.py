"""After the demonstration's packages came in, no identity number and no phone lies anywhere on the disk in clear.

Searched byte by byte: databases with their logs, index, jobs, reports (also unpacked), manifests and everything else in
the store, work folders, and all that the commands printed. Excepted are the originals themselves and the packages as
they came, which wait in staging or are kept as evidence.
"""

import gzip
import json
import re
import zipfile
from pathlib import Path

import pytest

from config.demonstration.catalogue import FONDS, demo_packages
from tests.installation import Installation
from tests.journeys.conftest import Packages

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
NUMBER = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|1[3-9]\d{9})(?!\d)")


def declared(path: Path) -> str:
    """submission.json of a package as text; "" where it has none."""
    if path.is_dir():
        file = path / "submission.json"
        return file.read_text() if file.exists() else ""
    with zipfile.ZipFile(path) as archive:
        inside = [name for name in archive.namelist() if name.endswith("/submission.json")]
        return archive.read(inside[0]).decode(errors="replace") if inside else ""


def stray(packages: Packages) -> list[Path]:
    """Packages that carry numbers where nobody expects them; one is filed, one returned, one refused."""
    submission = packages.submission("STRAY-1")
    number, phone = submission["persons"][0]["id_no"], submission["fields"]["联系电话"]
    named = f"data/{number} {phone}.pdf"
    submission["materials"][0]["files"][0]["path"] = named
    submission["persons"][0] |= {"personal_no": number, "id_type": f"身份证{number}"}
    submission |= {
        "department": f"{phone}科", "responsible": f"张三{number}", "document_no": number, "title": f"{number}的增员",
        "lines": [{number: phone, "备注": [f"电话{phone}", int(phone), {"x": f"身份证{number}。"}]}],
    }  # fmt: skip
    submission["fields"] |= {"备注": f"本人手机{phone}", number: "键里的号码", "另一号码": int(phone)}
    submission["unit"]["unit_no"] = number
    submission["process"][0] |= {"actor": f"李四{phone}"}
    submission["system"]["version"] = number
    filed = packages.bag(submission)

    returned = packages.submission(
        f"STRAY-{number}", fields={"就业形式": f"{phone}", "姓名": number, "邮政编码": phone}
    )
    returned["item"] = "online-increase"
    returned["relates"] = [{"business_no": f"X{number}", "relation": "更正"}]
    returned["materials"][0]["code"] = phone
    sent_back = packages.bag(
        returned, break_=lambda tree: tree.update({f"data/多出{number}.txt": f"{phone}".encode()})
    )
    taken = packages.bag(submission | {"title": f"另题{number}"}, zip=True)
    refused = taken.rename(taken.with_name(f"{number}.zip"))
    return [filed, sent_back, refused]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clear")
    with Installation(folder) as house:
        fill(house, folder)
        yield house


def fill(house: Installation, folder: Path) -> None:
    house.run(
        "setup",
        *(word for code, (name, scheme) in FONDS.items() for word in ("--fonds", f"{code}={name}:{scheme}")),
    )
    demo_packages(folder / "packages", readable=False)
    house.strays = stray(Packages(folder / "strays"))
    house.lines = house.run("ingest", folder / "packages", *house.strays, ends_with=1)
    house.run(
        "retention_class",
        "set",
        "item:universal/summary-form",
        "--period",
        "10",
        "--basis",
        "局发〔2016〕3号",
    )
    house.run("work", "--once")
    house.sent = [*(folder / "packages").iterdir(), *house.strays]
    house.numbers = {found for path in house.sent for found in NUMBER.findall(declared(path))}


def in_clear(data: bytes, numbers: set[str]) -> set[str]:
    """Which of the numbers stand in these bytes, as UTF-8 or UTF-16 of either order."""
    found = set()
    for text in (data.decode("latin-1"), data[::2].decode("latin-1"), data[1::2].decode("latin-1")):
        found |= {number for number in re.findall(r"\d{17}[\dXx]|1[3-9]\d{9}", text) if number in numbers}
        # A number may stand in the middle of other digits.
        found |= {text[at : at + len_] for at, len_ in _digits(text) if text[at : at + len_] in numbers}
    return found


def _digits(text: str):
    for run in re.finditer(r"\d{11,}[Xx]?", text):
        for at in range(run.start(), run.end() - 10):
            yield at, 11
            yield at, 18


def test_the_search_itself_finds_what_it_looks_for():
    number, phone = "44190019900101123X", "13800138000"
    for text in (number, f"a{phone}b", f"999{phone}", f"身份证{number}。"):
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-16", "gb18030"):
            assert in_clear(b"\0" + text.encode(encoding), {number, phone}), (text, encoding)


def test_the_demonstration_went_as_it_should(house):
    states = [line["state"] for line in house.lines]
    assert (states.count("returned"), states.count("waiting"), states.count("refused")) == (11, 4, 1)
    assert states.count("archived") == len(states) - 16 and len(house.numbers) > 100
    assert {line["business_no"]: line["state"] for line in house.lines}["STRAY-1"] in ("archived", "refused")


def test_no_number_lies_in_clear_on_the_disk(house):
    originals = {
        key for (key,) in house.rows(
            "SELECT c.key FROM archive_copy c JOIN archive_digitalobject o ON o.id = c.object_id WHERE o.role = 'original'"
        )
    }  # fmt: skip
    assert len(originals) > 60
    searched, leaks = 0, []
    for path in sorted(house.data.rglob("*")):
        if not path.is_file() or path.parent == house.data / "staging" / "submissions":
            continue
        data = path.read_bytes()
        described = path.with_name(path.name + ".json")
        if described.exists() and json.loads(described.read_bytes())["key"] in originals:
            continue
        searched += 1
        if data[:2] == b"\x1f\x8b":
            data += gzip.decompress(data)
        if found := in_clear(data, house.numbers):
            leaks.append((str(path.relative_to(house.data)), sorted(found)[:3]))
    for (table,) in house.rows(TABLES) if house.on_server else ():
        rows = "\n".join(map(str, house.rows(f'SELECT * FROM "{table}"')))
        if found := in_clear(rows.encode(), house.numbers):
            leaks.append((table, sorted(found)[:3]))
    assert searched > 200
    assert not leaks, leaks
    assert not list((house.data / "work").iterdir()), "nothing unpacked is left behind"


def test_no_number_is_printed(house):
    person = next(path for path in house.sent if path.name.startswith("STRAY-1"))
    name = json.loads(declared(person))["persons"][0]["name"]
    found = house.run("find", name)
    house.run("show", found[0]["reference_code"])
    house.run("due", "--on", "2126-01-01")
    given = {str(path) for path in house.sent}  # what the caller names is told back to him as he named it
    for said in house.said:
        for path in given:
            said = said.replace(path, "")
        assert not in_clear(said.encode(), house.numbers)


def test_a_number_finds_its_person_all_the_same(house):
    person = next(path for path in house.sent if path.name.startswith("STRAY-1"))
    number = json.loads(declared(person))["persons"][0]["id_no"]
    assert house.run("find", number)[-1]["total"] >= 1
