"""EEP: a record's metadata as the XML package of DA/T 48-2009 《基于XML的电子文件封装规范》.

Elements, their order and the identifiers (修改R-…) are those of the standard. The content of a file is not copied into
its 编码数据: it lies beside, under the key and with the digests that 编码描述 and 反编码关键字 say, so that a package of 2 GB
files stays readable. There is no 电子签名块: this package is proven by its digest in the manifest and by the lock. Made
from a manifest (archive/manifests.py) and from nothing else. Persons stand in it by name, never by number.
"""

import re

from lxml import etree

NAMESPACE = "http://www.saac.gov.cn/standards/ERM/encapsulation"
VERSION = "2009"
FORMAT = "本EEP根据中华人民共和国档案行业标准DA/T 48-2009《基于XML的电子文件封装规范》生成"
KINDS = {
    "原始型": "本封装包包含电子文件数据及其元数据，原始封装，未经修改",
    "修改型": "本封装包在原封装包之后因管理行为变更了元数据，电子文件数据未经修改",
}
_UNPRINTABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold."""
MADE = ("manifest", "eep")


def build(manifest: dict, keys: dict[str, str]) -> bytes:
    """The package of a manifest. `keys`: object id → its key in the stores."""
    first = manifest["edition"] == 1
    kind = "原始型" if first else "修改型"
    root = etree.Element(f"{{{NAMESPACE}}}电子文件封装包", nsmap={None: NAMESPACE})
    _add(root, "封装包格式描述", FORMAT)
    _add(root, "版本", VERSION)
    signed = _add(root, "被签名对象", eep版本=VERSION)
    _add(signed, "封装包类型", kind)
    _add(signed, "封装包类型描述", KINDS[kind])
    _add(signed, "封装包创建时间", manifest["made_at"])
    _add(signed, "封装包创建单位", manifest["fonds"]["name"])
    content = _add(signed, "封装内容")
    _file_block(_add(content, "文件实体块"), manifest, keys)
    _business_block(_add(content, "业务实体块"), manifest)
    _agents_block(_add(content, "机构人员实体块"), manifest)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _file_block(block, manifest: dict, keys: dict[str, str]) -> None:
    record, words = manifest["record"], manifest["words"]
    entity = _add(block, "文件实体")
    _add(entity, "聚合层次", "件")
    source = _add(entity, "来源")
    _add(source, "全宗名称", manifest["fonds"]["name"])
    _add(source, "立档单位名称", manifest["fonds"]["name"])
    _add(entity, "电子文件号", record["id"])
    code = _add(entity, "档号", record["reference_code"])
    _add(code, "全宗号", manifest["fonds"]["code"])
    _add(code, "年度", record["year"])
    _add(code, "保管期限", record["retention"])
    _add(code, "机构或问题", words["stage"])
    _add(code, "室编件号", record["number"])
    about = _add(entity, "内容描述")
    _add(about, "题名", record["title"])
    _add(about, "关键词", " ".join(words["insurances"]))
    if names := "、".join(party["name"] for party in manifest["parties"]):
        _add(about, "人名", names)
    _add(about, "分类号", record["retention_key"])
    _add(about, "文件编号", record["document_no"] or record["business_no"])
    _add(about, "责任者", record["responsible"] or manifest["fonds"]["name"])
    _add(about, "日期", record["formed_on"])
    _add(about, "密级", words["security"])
    shape = _add(entity, "形式特征")
    _add(shape, "文件组合类型", "组合文件" if len(manifest["objects"]) > 1 else "单件")
    _add(shape, "页数", record["page_count"])
    _add(_add(entity, "存储位置"), "当前位置", "、".join(_stores(manifest)))
    rights = _add(entity, "权限管理")
    _add(rights, "控制标识", words["security"])
    _add(entity, "信息系统描述", f"{record['source']} {record['item_title']}")
    if manifest["blocks"]:
        standing = [one["reason"] for one in manifest["blocks"] if one["lifted_at"] is None]
        _add(entity, "附注", f"占用：{'；'.join(standing) or '均已解除'}")
    data = _add(entity, "文件数据")
    files = [item for item in manifest["objects"] if item["role"] not in MADE]
    for number, item in enumerate(files, 1):
        _document(data, number, item, keys[item["id"]])
    for one in (*manifest["relates"], *manifest["related_by"]):
        relation = _add(block, "文件实体关系")
        _add(relation, "文件标识符", record["id"])
        _add(relation, "被关联文件标识符", one.get("earlier_id") or one.get("record") or one["business_no"])
        _add(relation, "关系类型", one["kind"])
        _add(relation, "关系", "本件" + one["kind"] if "business_no" in one else "被本关联件" + one["kind"])


def _stores(manifest: dict) -> list[str]:
    return sorted({store for item in manifest["objects"] for store in item["stores"]})


def _document(data, number: int, item: dict, key: str) -> None:
    name = f"修改0-文档{number}"
    document = _add(data, "文档")
    _add(document, "文档标识符", item["id"])
    _add(document, "文档序号", number)
    _add(document, "文档主从声明", "主文档" if item["role"] == "original" else "附属文档")
    _add(document, "题名", item["material"] or item["path"].rpartition("/")[2])
    coded = _add(
        _add(document, "文档数据", 文档数据ID=f"{name}-文档数据1"), "编码", 编码ID=f"{name}-文档数据1-编码1"
    )
    shape = _add(coded, "电子属性")
    _add(shape, "格式信息", " ".join(filter(None, (item["mime"], item["puid"], item["format"]))))
    _add(shape, "计算机文件名", item["path"])
    _add(shape, "计算机文件大小", item["bytes"])
    sealed = "，存放时加密" if item["encrypted"] else ""
    _add(coded, "编码描述", f"文件内容不在本封装包内，在对象存储“{key}”{sealed}")
    _add(coded, "反编码关键字", f"sha256:{item['sha256']} sm3:{item['sm3']}")
    _add(coded, "编码数据", 编码数据ID=f"{name}-文档数据1-编码1-编码数据1")


def _business_block(block, manifest: dict) -> None:
    """Every event of the record's chain is a 业务实体: the process of archiving stands in them."""
    for event in manifest["events"]:
        entity = _add(block, "业务实体")
        _add(entity, "业务标识符", event["id"])
        _add(entity, "机构人员标识符", event["actor"] or event["actor_name"])
        _add(entity, "文件标识符", event["subject"])
        _add(entity, "业务状态", "历史行为")
        _add(entity, "业务行为", event["action"])
        _add(entity, "行为时间", event["at"])
        _add(entity, "行为描述", event["digest"])


def _agents_block(block, manifest: dict) -> None:
    fonds, record = manifest["fonds"], manifest["record"]
    _agent(block, fonds["code"], "机构", fonds["name"])
    if record["department"]:
        _agent(block, f"{fonds['code']}/{record['department']}", "内设机构", record["department"])
    named = {event["actor"] or event["actor_name"]: event["actor_name"] for event in manifest["events"]}
    for identifier, name in named.items():
        _agent(block, identifier, "个人或系统", name)


def _agent(block, identifier: str, kind: str, name: str) -> None:
    agent = _add(block, "机构人员实体")
    _add(agent, "机构人员标识符", identifier)
    _add(agent, "机构人员类型", kind)
    _add(agent, "机构人员名称", name)


def _add(parent, name: str, text: object = None, **attributes: str):
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
    if text is not None:
        element.text = _UNPRINTABLE.sub("\ufffd", str(text))
    return element
