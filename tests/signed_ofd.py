"""Small OFD documents and signatures over their parts: (path → bytes), to be changed at will before they are zipped."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable

from tests import signing_sm2 as world

SPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
SIGNS = "Doc_0/Signs"
PAGE = "Doc_0/Pages/Page_0/Content.xml"


def document(*, signed: bool = True, words: str = "参保证明") -> dict[str, bytes]:
    """One page with one line; `signed`: OFD.xml already names the list of signatures, which is then part of it."""
    listed = f"<ofd:Signatures>/{SIGNS}/Signatures.xml</ofd:Signatures>" if signed else ""
    files = {
        "OFD.xml": f"<ofd:OFD {SPACE}><ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>{listed}"
        "</ofd:DocBody></ofd:OFD>",
        "Doc_0/Document.xml": f'<ofd:Document {SPACE}><ofd:Pages><ofd:Page ID="1" '
        'BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages></ofd:Document>',
        PAGE: f"<ofd:Page {SPACE}><ofd:Content><ofd:TextCode>{words}</ofd:TextCode></ofd:Content></ofd:Page>",
    }
    return {path: (HEAD + content).encode() for path, content in files.items()}


def reference(path: str, content: bytes, method: str = "sm3") -> str:
    value = base64.b64encode(hashlib.new(method, content).digest()).decode()
    return f'<ofd:Reference FileRef="{path}"><ofd:CheckValue>{value}</ofd:CheckValue></ofd:Reference>'


def description(
    references: str,
    *,
    method: str = "SM3",
    number: int = 0,
    seal: bool = False,
    value: str | None = None,
    inside: str = "",
    outside: str = "",
) -> bytes:
    """A Signature.xml. `inside` and `outside` stand additionally in and beside SignedInfo."""
    place = f"/{SIGNS}/Sign_{number}/Seal.esl"
    shown = f"<ofd:Seal><ofd:BaseLoc>{place}</ofd:BaseLoc></ofd:Seal>" if seal else ""
    return (
        f"{HEAD}<ofd:Signature {SPACE}><ofd:SignedInfo>"
        f"<ofd:SignatureDateTime>{world.AT_IN_BEIJING}</ofd:SignatureDateTime>{shown}"
        f'<ofd:References CheckMethod="{method}">{references}</ofd:References>{inside}</ofd:SignedInfo>'
        f"<ofd:SignedValue>{value or f'/{SIGNS}/Sign_{number}/SignedValue.dat'}</ofd:SignedValue>"
        f"{outside}</ofd:Signature>"
    ).encode()


def listing(*entries: tuple[str, str]) -> bytes:
    """A Signatures.xml of (type, place)."""
    inner = "".join(
        f'<ofd:Signature ID="s{n}" Type="{kind}" BaseLoc="{place}"/>'
        for n, (kind, place) in enumerate(entries)
    )
    return f"{HEAD}<ofd:Signatures {SPACE}>{inner}</ofd:Signatures>".encode()


def signed(
    files: dict[str, bytes],
    value: Callable[[bytes], bytes],
    *,
    number: int = 0,
    over: Iterable[str] | None = None,
    seal: bytes | None = None,
    among: str = "",
    **written,
) -> dict[str, bytes]:
    """`files` with one signature more. `value` makes the signed value of the exact Signature.xml; `over`: the parts that
    are protected, all where not said; `among`: what else stands among the references; `written`: see `description`."""
    folder = f"{SIGNS}/Sign_{number}"
    result = dict(files)
    names = [n for n in result if n != f"{SIGNS}/Signatures.xml"] if over is None else over
    references = "".join(reference(f"/{name}", result[name]) for name in names) + among
    exact = description(references, number=number, seal=seal is not None, **written)
    if seal is not None:
        result[f"{folder}/Seal.esl"] = seal
    result[f"{folder}/Signature.xml"] = exact
    result[f"{folder}/SignedValue.dat"] = value(exact)
    kind = "Sign" if seal is None else "Seal"
    all_of_them = [(kind, f"/{SIGNS}/Sign_{n}/Signature.xml") for n in range(number + 1)]
    result[f"{SIGNS}/Signatures.xml"] = listing(*all_of_them)
    return result


def zipped(files: dict[str, bytes] | Iterable[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, content)
    return stream.getvalue()
