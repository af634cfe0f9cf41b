"""What the two XML files of a package share: elements with a namespace, times, and text that XML can hold."""

import re
from datetime import datetime

from django.utils import timezone
from lxml import etree

_ILLEGIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Builder:
    """Elements of one namespace: `b("mets", …)`, `b.under(parent, "div", text, LABEL="…")`."""

    def __init__(self, uri: str, prefixes: dict[str, str]) -> None:
        self.uri, self.prefixes = uri, prefixes

    def root(self, tag: str, **attributes: str) -> etree._Element:
        return self._filled(etree.Element(f"{{{self.uri}}}{tag}", nsmap=self.prefixes), "", attributes)

    def under(self, parent: etree._Element, tag: str, text: str = "", **attributes: str) -> etree._Element:
        """A new child. An attribute `csip__X` is `csip:X`; one that is "" is left out."""
        return self._filled(etree.SubElement(parent, f"{{{self.uri}}}{tag}"), text, attributes)

    def _filled(self, element: etree._Element, text: str, attributes: dict[str, str]) -> etree._Element:
        for name, value in attributes.items():
            prefix, _, local = name.rpartition("__")
            if value != "":
                element.set(f"{{{self.prefixes[prefix]}}}{local}" if prefix else local, legible(str(value)))
        if text:
            element.text = legible(text)
        return element


def legible(text: str) -> str:
    """XML knows no control characters: the replacement character takes their place."""
    return _ILLEGIBLE.sub("\ufffd", text)


def instant(at: datetime) -> str:
    return timezone.localtime(at).isoformat(timespec="seconds")


def written(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
