"""What a process that opens foreign bytes gives up before it touches one: network, programs, privileges, its own life.

Linux only, each by a call to the kernel; what the kernel refuses is told, never raised. Nothing here is undone later.
Order matters: `leave_network`, `renounce`, `die_with`, `forbid`.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
import struct

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION = 0x20080522
READ_ANY_FILE = 1 << 2
"""CAP_DAC_READ_SEARCH: an administrator may examine what lies in another's folder."""

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
FORBIDDEN = {"x86_64": (41, 53, 101, 310, 311), "aarch64": (198, 199, 117, 270, 271)}
"""socket, socketpair, ptrace, process_vm_readv, process_vm_writev."""
PROGRAMS = {"x86_64": (59, 322), "aarch64": (221, 281)}
"""execve, execveat. For whoever asks there is no such program: libraries do without a helper that is not installed."""
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # instructions of the classic packet filter
ALLOW, REFUSE, ABSENT = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOENT
OTHER_NUMBERS = 0x40000000
"""From here on the kernel counts the calls of a second, rarely used way of calling (x32)."""


def leave_network() -> dict:
    """Into an empty network namespace, where the kernel permits; else say so and go on."""
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET):
        if libc.unshare(flags) == 0:
            return {"network": "closed", "why": ""}
    return {"network": "open", "why": os.strerror(ctypes.get_errno())}


def renounce() -> None:
    """Every privilege but that of reading, also those that a namespace of one's own brings along."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    held = ctypes.create_string_buffer(24)
    head = ctypes.create_string_buffer(struct.pack("<Ii", CAPABILITY_VERSION, 0))
    if libc.capget(head, held):
        return
    kept = struct.unpack("<6I", held.raw)[1] & READ_ANY_FILE
    libc.capset(head, ctypes.create_string_buffer(struct.pack("<6I", kept, kept, 0, 0, 0, 0)))


def die_with(parent: int) -> None:
    """Killed when the parent goes. After leaving the network: changing credentials would undo it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def forbid() -> bool:
    """No socket, no other program, no look into another process: from here on the kernel refuses each such call. Also
    where no namespace is to be had, as in most containers. False on another machine than these two, and when refused."""
    machine = platform.machine()
    if machine not in AUDIT_ARCH or struct.calcsize("P") != 8:
        return False
    numbers = [*FORBIDDEN[machine], *PROGRAMS[machine]]
    last = len(numbers) + 6  # where the refusal stands; a jump counts from the instruction behind it
    steps = [(LOAD, 0, 0, 4), (EQUAL, 0, last - 2, AUDIT_ARCH[machine])]
    steps += [(LOAD, 0, 0, 0), (AT_LEAST, last - 4, 0, OTHER_NUMBERS)]
    steps += [
        (EQUAL, last - at - (number in PROGRAMS[machine]), 0, number) for at, number in enumerate(numbers, 5)
    ]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, ABSENT), (RETURN, 0, 0, REFUSE)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(
        struct.pack("<H6xQ", len(steps), ctypes.addressof(code)), struct.calcsize("<H6xQ")
    )
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) == 0


def lower(kind: int, value: int) -> None:
    """A limit of this process, never above what it was given itself."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
