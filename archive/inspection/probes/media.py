"""Sound and film: it opens, how long it runs, in which codec; cut off or whole. Runs inside the fenced child.

MP3, FLAC, Ogg and WMA by tinytag. The chunks of a WAV and the boxes of an MP4 are walked here: the standard library reads
PCM alone, and a film that was cut off in transfer still has its tags.
"""

import os
import struct

from .report import Report

MOST_BOXES = 20_000
WAVE_CODECS = {1: "PCM", 2: "ADPCM", 3: "PCM float", 6: "A-law", 7: "µ-law", 0x11: "IMA ADPCM", 0x31: "GSM 6.10",
               0x55: "MP3", 0xFFFE: "PCM extensible"}  # fmt: skip
UNSIZED = 0xFFFFFFFF
"""What a recorder writes for a length that it does not know yet."""
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
SHORTEST = 0.01
"""Seconds; what runs shorter has no content."""


def open_and_report(report: Report, path: str) -> None:
    mime = report.mime or ""
    if "wav" in mime or "wave" in mime:
        _wave(report, path)
    elif "mp4" in mime or "quicktime" in mime or "m4a" in mime:
        _film(report, path)
    else:
        _tagged(report, path)
    seconds = report.details.get("seconds")
    if seconds is not None and seconds < SHORTEST:
        report.say("unreadable", "没有可以播放的内容")


def _wave(report: Report, path: str) -> None:
    """RIFF: name, size, content, padded to even; `fmt ` says how the bytes of `data` sound."""
    form, length, total = None, None, os.path.getsize(path)
    with open(path, "rb") as file:
        if file.read(12)[8:] != b"WAVE":
            report.say("unreadable", "WAV：没有文件头")
            return
        for _ in range(MOST_BOXES):
            head = file.read(8)
            if len(head) < 8 or (form and length is not None):
                break
            name, size = struct.unpack("<4sI", head)
            start = file.tell()
            if name == b"fmt ":
                form = file.read(min(size, 16))
            elif name == b"data":
                length = total - start if size == UNSIZED else size
                if start + length > total:
                    report.say("damaged", "声音数据比文件头所说的少，文件可能被截断")
            file.seek(start + size + size % 2)
    if form is None or len(form) < 16 or length is None:
        report.say("unreadable", "WAV：没有格式说明或没有声音数据")
        return
    codec, channels, rate, per_second, _, bits = struct.unpack("<HHIIHH", form)
    if not codec or not channels or not rate:
        report.say("unreadable", "WAV：格式说明是空的")
        return
    per_second = per_second or rate * channels * max(bits, 8) // 8
    report.details |= {
        "seconds": round(length / per_second, 2),
        "codec": f"{WAVE_CODECS.get(codec, f'0x{codec:04x}')} {bits} bit",
        "channels": channels,
        "rate": rate,
    }


def _tagged(report: Report, path: str) -> None:
    from tinytag import TinyTag, TinyTagException

    try:
        tag = TinyTag.get(path, tags=False)
    except (TinyTagException, struct.error, ValueError, KeyError, IndexError, TypeError, OSError) as fault:
        report.say("unreadable", f"{type(fault).__name__}：{str(fault)[:80]}")
        return
    report.details |= {
        "seconds": round(tag.duration or 0, 2),
        "codec": (report.format or "").split("(")[0][:40],
        "channels": tag.channels,
        "rate": tag.samplerate,
    }


def _film(report: Report, path: str) -> None:
    found: dict = {"codecs": [], "seconds": None}
    try:
        with open(path, "rb") as file:
            _boxes(report, file, 0, os.path.getsize(path), found)
    except (struct.error, ValueError, RecursionError) as fault:
        report.say("unreadable", f"MP4：{fault}")
        return
    if found["seconds"] is None:
        report.say("unreadable", "没有目录（moov），不能播放")
        return
    report.details |= {"seconds": found["seconds"], "codec": "、".join(found["codecs"])[:80]}


def _boxes(report: Report, file, start: int, end: int, found: dict) -> None:
    """ISO 14496-12: size, name, content; size 1 = a long size follows, size 0 = to the end."""
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            if start < end:
                report.say("trailing", f"{end - start} 字节")
            return
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,), head = struct.unpack(">Q", file.read(8)), 16
        elif size == 0:
            size = end - start
        if size < head:
            raise ValueError("长度不合规则")
        if start + size > end:
            report.say("damaged", f"“{name.decode('latin-1')}”部分不完整，文件可能被截断")
            size = end - start
        if name in CONTAINERS:
            _boxes(report, file, start + head, start + size, found)
        elif name == b"mvhd":
            found["seconds"] = _duration(file.read(32))
        elif name == b"stsd":
            found["codecs"].append(file.read(16)[12:16].decode("latin-1"))
        start += size
    report.say("too-many-objects", MOST_BOXES)


def _duration(data: bytes) -> float:
    if data[0] == 1:
        scale, units = struct.unpack(">IQ", data[20:32])
    else:
        scale, units = struct.unpack(">II", data[12:20])
    return round(units / scale, 2) if scale else 0
