"""From a folder of packs to a Registry. A pack that is wrong anywhere is refused with its file and key.

<folder>/common/*.csv                       dictionaries for every source
<folder>/<source>/<version>/pack.toml       items, groups of fields, rules
<folder>/<source>/<version>/dictionaries/*.csv
<folder>/<source>/<version>/samples/*.json  read by the tests only
"""

import hashlib
import re
import string
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from archive import terms
from archive.errors import WrongPack

from . import _dictionaries, _keys
from ._model import Condition, Dictionary, Field, Item, Material, NeedsPerson, Pack, Registry, Rule, plain
from ._rules import COMMON_WORDS, RULES
from ._values import DATE_FORMATS, MONTH_FORMATS, TYPES

PACKS = Path(__file__).parent / "packs"
SCHEDULE_CLASS = re.compile(r"site|[1-9]-([1-9][0-9]*|\?)")


@cache
def registry() -> Registry:
    """The packs of this installation, loaded once."""
    return load()


@cache
def fingerprint(source: str) -> str:
    """Eight letters that change with any file of the packs of a source, or of the tables common to all; of an unknown
    source "" ."""
    if not registry().packs(source):
        return ""
    digest = hashlib.sha256()
    patterns = (f"{source}/*/pack.toml", f"{source}/*/dictionaries/*.csv", "common/*.csv")
    for path in sorted(path for pattern in patterns for path in PACKS.glob(pattern)):
        digest.update(f"{path.relative_to(PACKS).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:8]


def load(folder: Path | None = None) -> Registry:
    """Load every pack under `folder` (the product's own when None). Raises WrongPack."""
    folder = folder or PACKS
    shared = {**_dictionaries.common(), **_dictionaries.read_folder(folder / "common")}
    packs: dict[str, list[Pack]] = {}
    for path in sorted(folder.glob("*/*/pack.toml")):
        pack = _PackReader(path, shared).read()
        packs.setdefault(pack.source, []).append(pack)
    for source, versions in packs.items():
        versions.sort(key=lambda pack: pack.valid_from)
        _refuse_overlap(source, versions)
    return Registry({source: tuple(versions) for source, versions in packs.items()})


def _refuse_overlap(source: str, versions: list[Pack]) -> None:
    for earlier, later in zip(versions, versions[1:], strict=False):
        if earlier.valid_from == later.valid_from or earlier.version == later.version:
            raise WrongPack(
                file=f"{source}/{later.version}/pack.toml", key="valid_from",
                reason=f"与版本“{earlier.version}”重叠：每个版本要有自己的版本号和生效日期",
            )  # fmt: skip


class _PackReader:
    """Reads one pack.toml. Keeps the file's name for every refusal."""

    def __init__(self, path: Path, shared: dict[str, Dictionary]) -> None:
        self.path = path
        self.file = "/".join(path.parts[-3:])
        self.dictionaries = {**shared, **_dictionaries.read_folder(path.parent / "dictionaries")}

    def wrong(self, key: str, reason: str) -> WrongPack:
        return WrongPack(file=self.file, key=key, reason=reason)

    def read(self) -> Pack:
        data = self._toml()
        _keys.check_table(self.file, "pack", data, _keys.PACK)
        if data["source"] != self.path.parts[-3]:
            raise self.wrong("pack.source", f"与所在文件夹“{self.path.parts[-3]}”不一致")
        if data["version"] != self.path.parts[-2]:
            raise self.wrong("pack.version", f"与所在文件夹“{self.path.parts[-2]}”不一致")
        groups = {
            name: self._fields(f"groups.{name}", group) for name, group in data.get("groups", {}).items()
        }
        items = [self._item(data["source"], groups, table) for table in data["item"]]
        self._once("item", [item.code for item in items])
        if not items:
            raise self.wrong("item", "至少要有一个业务事项")
        items = self._with_rules(items, data.get("rule", []))
        return Pack(
            source=data["source"], system=data["system"], version=data["version"], valid_from=data["valid_from"],
            basis=data.get("basis", ""), items=tuple(items),
        )  # fmt: skip

    def _toml(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
            raise self.wrong("pack", f"不能读取：{fault}") from None

    def _once(self, where: str, names: list[str]) -> None:
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise self.wrong(where, f"“{'、'.join(sorted(twice))}”重复")

    # fields

    def _fields(self, where: str, group: Any) -> tuple[Field, ...]:
        _keys.check_kind(self.file, where, group, "tables")
        return tuple(self._field(f"{where}[{n}]", table) for n, table in enumerate(group, start=1))

    def _field(self, where: str, table: dict[str, Any]) -> Field:
        _keys.check_table(self.file, where, table, _keys.FIELD)
        where = f"{where}（{table['label']}）"
        values = dict(table)
        kind = values.setdefault("type", "text")
        _keys.one_of(self.file, f"{where}.type", kind, TYPES)
        _keys.one_of(self.file, f"{where}.role", table.get("role", ""), _keys.ROLES)
        for key in ("aliases", "formats", "special"):
            values[key] = tuple(table.get(key, ()))
        for key in ("required_when", "not_required_when", "forbidden_when"):
            values[key] = self._conditions(f"{where}.{key}", table.get(key, []))
        values["dictionary"] = self._dictionary(where, kind, table.get("dictionary"))
        known = MONTH_FORMATS if kind == "month" else DATE_FORMATS
        for name in values["formats"]:
            _keys.one_of(self.file, f"{where}.formats", name, known)
        if "pattern" in values:
            self._pattern(f"{where}.pattern", values["pattern"])
        values["personal"] = table.get("personal", kind in ("idno", "phone"))
        return Field(**values)

    def _dictionary(self, where: str, kind: str, name: str | None) -> Dictionary | None:
        if (kind in ("choice", "multichoice")) != (name is not None):
            raise self.wrong(f"{where}.dictionary", "choice 和 multichoice 须指明代码表，其他类型不得指明")
        if name is not None and name not in self.dictionaries:
            raise self.wrong(f"{where}.dictionary", f"没有代码表“{name}”")
        return self.dictionaries[name] if name else None

    def _pattern(self, where: str, pattern: str) -> None:
        try:
            re.compile(pattern)
        except re.error as fault:
            raise self.wrong(where, f"正则表达式有误：{fault}") from None

    def _conditions(self, where: str, tables: Any) -> tuple[Condition, ...]:
        _keys.check_kind(self.file, where, tables, "tables")
        conditions = []
        for number, table in enumerate(tables, start=1):
            place = f"{where}[{number}]"
            _keys.check_table(self.file, place, table, _keys.CONDITION)
            if not table:
                raise self.wrong(place, "条件不能为空")
            if {"equals", "any_of", "contains", "filled"} & table.keys() and "field" not in table:
                raise self.wrong(place, "equals、any_of、contains、filled 须指明 field")
            if "field" in table and not {"equals", "any_of", "contains", "filled"} & table.keys():
                raise self.wrong(place, "只有 field，没有说它应怎样（equals、any_of、contains、filled）")
            conditions.append(Condition(**{**table, "any_of": tuple(table.get("any_of", ()))}))
        return tuple(conditions)

    # items

    def _item(self, source: str, groups: dict[str, tuple[Field, ...]], table: dict[str, Any]) -> Item:
        where = f"item（{table.get('code', '?')}）"
        _keys.check_table(self.file, where, table, _keys.ITEM)
        insurance, stage = table.get("insurance", "form"), table.get("stage", "")
        _keys.one_of(self.file, f"{where}.subject", table["subject"], _keys.SUBJECTS)
        _keys.one_of(self.file, f"{where}.stage", stage, ("", *terms.STAGE_CODES))
        _keys.one_of(self.file, f"{where}.insurance", insurance, ("form", *terms.INSURANCE_CODES))
        _keys.one_of(self.file, f"{where}.channel", table.get("channel", ""), _keys.CHANNELS)
        _keys.one_of(self.file, f"{where}.basis", table.get("basis", "stated"), _keys.BASES)
        if not table["schedule_classes"]:
            raise self.wrong(f"{where}.schedule_classes", "至少要有一类")
        for name in table["schedule_classes"]:
            if not SCHEDULE_CLASS.fullmatch(name):
                raise self.wrong(f"{where}.schedule_classes", f"“{name}”应写作 1-2、2-? 或 site")
        item = Item(
            source=source, code=table["code"], title=table["title"], subject=table["subject"], stage=stage,
            insurance=insurance, schedule_classes=tuple(table["schedule_classes"]),
            basis=table.get("basis", "stated"), channel=table.get("channel", ""),
            materials=self._materials(where, table["materials"]), fields=self._item_fields(where, groups, table),
            line_fields=self._groups(where, groups, table, "line_groups"),
            needs_person=self._needs_person(where, table.get("needs_person", [])),
        )  # fmt: skip
        self._refuse_unknown_references(where, item)
        return item

    def _groups(self, where: str, groups: dict, table: dict, key: str) -> tuple[Field, ...]:
        fields: list[Field] = []
        for name in table.get(key, []):
            if name not in groups:
                raise self.wrong(f"{where}.{key}", f"没有字段组“{name}”")
            fields += groups[name]
        self._once(f"{where}.{key}", [name for field in fields for name in field.names])
        return tuple(fields)

    def _item_fields(self, where: str, groups: dict, table: dict) -> tuple[Field, ...]:
        fields = list(self._groups(where, groups, table, "groups"))
        for field in self._groups(where, groups, table, "optional_groups"):
            fields.append(replace(field, required=False, required_when=(), wanted=False))
        for key, attribute in (("require", "required"), ("want", "wanted")):
            for name in table.get(key, []):
                place = next((n for n, field in enumerate(fields) if plain(name) in field.names), None)
                if place is None:
                    raise self.wrong(f"{where}.{key}", f"没有字段“{name}”")
                fields[place] = replace(fields[place], **{attribute: True})
        self._once(f"{where}.groups", [name for field in fields for name in field.names])
        return tuple(fields)

    def _materials(self, where: str, tables: list[dict[str, Any]]) -> tuple[Material, ...]:
        materials = []
        for number, table in enumerate(tables, start=1):
            place = f"{where}.materials[{number}]"
            _keys.check_table(self.file, place, table, _keys.MATERIAL)
            _keys.one_of(self.file, f"{place}.sealed_required", table.get("sealed_required", ""), _keys.SEALS)
            values = dict(table)
            for key in ("required_when", "not_required_when"):
                values[key] = self._conditions(f"{place}.{key}", table.get(key, []))
            materials.append(Material(**values))
        self._once(f"{where}.materials", [plain(word) for m in materials for word in {m.code, m.name}])
        if [material.main for material in materials].count(True) != 1:
            raise self.wrong(f"{where}.materials", "须有且只有一项材料是主件（main = true）")
        return tuple(materials)

    def _needs_person(self, where: str, tables: list[dict[str, Any]]) -> tuple[NeedsPerson, ...]:
        entries = []
        for number, table in enumerate(tables, start=1):
            place = f"{where}.needs_person[{number}]"
            _keys.check_table(self.file, place, table, _keys.NEEDS_PERSON)
            entries.append(
                NeedsPerson(when=self._conditions(f"{place}.when", table["when"]), reason=table["reason"])
            )
        return tuple(entries)

    def _refuse_unknown_references(self, where: str, item: Item) -> None:
        labels, codes = {field.label for field in item.fields}, {material.code for material in item.materials}
        conditions = [
            c for f in item.fields for c in (*f.required_when, *f.not_required_when, *f.forbidden_when)
        ]
        conditions += [c for m in item.materials for c in (*m.required_when, *m.not_required_when)]
        conditions += [c for entry in item.needs_person for c in entry.when]
        for condition in conditions:
            if condition.field and condition.field not in labels:
                raise self.wrong(where, f"条件里的字段“{condition.field}”不是这个事项的字段名")
            if condition.material_is_copy and condition.material_is_copy not in codes:
                raise self.wrong(where, f"条件里的材料“{condition.material_is_copy}”不是这个事项的材料代码")

    # rules

    def _with_rules(self, items: list[Item], tables: list[dict[str, Any]]) -> list[Item]:
        self._once("rule", [str(table.get("id")) for table in tables])
        for table in tables:
            where = f"rule（{table.get('id', '?')}）"
            function = RULES.get(table.get("rule", ""))
            if function is None:
                raise self.wrong(
                    f"{where}.rule", f"没有规则“{table.get('rule', '')}”，可用：{'、'.join(sorted(RULES))}"
                )
            own = {key: value for key, value in table.items() if key not in _keys.RULE}
            _keys.check_table(self.file, where, {k: table[k] for k in table if k in _keys.RULE}, _keys.RULE)
            _keys.one_of(self.file, f"{where}.severity", table["severity"], _keys.SEVERITIES)
            self._sentence(f"{where}.sentence", table["sentence"], (*COMMON_WORDS, *function.words))
            wanted = table.get("items", [item.code for item in items])
            for code in wanted:
                if code not in [item.code for item in items]:
                    raise self.wrong(f"{where}.items", f"没有业务事项“{code}”")
            for place, item in enumerate(items):
                if item.code in wanted:
                    rule = Rule(
                        id=table["id"], function=function.name, severity=table["severity"],
                        sentence=table["sentence"], parameters=self._parameters(where, function, item, own),
                    )  # fmt: skip
                    items[place] = replace(item, rules=(*item.rules, rule))
        return items

    def _sentence(self, where: str, sentence: str, words: tuple[str, ...]) -> None:
        try:
            used = [name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None]
        except ValueError as fault:
            raise self.wrong(where, f"花括号有误：{fault}") from None
        for name in used:
            _keys.one_of(self.file, where, name, words)

    def _parameters(self, where: str, function, item: Item, own: dict[str, Any]) -> dict[str, Any]:
        for key in own:
            if key not in function.parameters:
                raise self.wrong(
                    f"{where}.{key}",
                    f"规则 {function.name} 没有这个参数，可用：{'、'.join(function.parameters)}",
                )
        lines = own.get("lines", False)
        parameters: dict[str, Any] = {}
        for key, kind in function.parameters.items():
            if key in own:
                parameters[key] = self._parameter(
                    f"{where}.{key}", kind.rstrip("?"), item, own[key], lines is True
                )
            elif not kind.endswith("?"):
                raise self.wrong(f"{where}.{key}", "必须有这个参数")
        return parameters

    def _parameter(self, where: str, kind: str, item: Item, value: Any, lines: bool) -> Any:
        toml_kind = {
            "fields": "texts",
            "conditions": "tables",
            "texts": "texts",
            "integer": "integer",
            "flag": "flag",
        }
        _keys.check_kind(self.file, where, value, toml_kind.get(kind, "text"))
        if kind == "severity":
            _keys.one_of(self.file, where, value, _keys.SEVERITIES)
        if kind == "pattern":
            self._pattern(where, value)
        if kind == "material":
            _keys.one_of(self.file, where, value, [material.code for material in item.materials])
        if kind == "conditions":
            conditions = self._conditions(where, value)
            labels = [field.label for field in item.fields]
            for condition in conditions:
                if condition.field:
                    _keys.one_of(self.file, where, condition.field, labels)
            return conditions
        if kind in ("field", "fields"):
            names = value if kind == "fields" else [value]
            found = tuple(self._label(where, item, name, lines) for name in names)
            return found if kind == "fields" else found[0]
        return tuple(value) if isinstance(value, list) else value

    def _label(self, where: str, item: Item, name: str, lines: bool) -> str:
        field = item.field_for(name, line=lines)
        if field is None:
            raise self.wrong(where, f"业务事项“{item.code}”没有字段“{name}”")
        return field.label
