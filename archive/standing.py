"""Whether a store as a whole can be believed, before anything is said of the copies in it.

`unanswering` tells which do not answer. The others raise StorageFailed, in words that a person can act on, for a store
that is empty as a disk that is not mounted, or lets nothing be read. `names`: the stores in question.
"""

from collections.abc import Iterable
from itertools import islice

from archive import stores
from archive.errors import StorageFailed

OWN = ("_probe/", *stores.OWN)
"""Keys that the archive itself writes: a store that holds nothing else holds no records."""
LOOKS = 20
"""So many objects are tried before a store is believed to let nothing be read."""
STOPPED = "核验已停止，没有把副本记为受损。"


def unanswering(names: Iterable[str]) -> dict[str, StorageFailed]:
    """Which of these cannot be asked, and why. Those that answer have opened their connection before several threads
    use it."""
    found = {}
    for name in names:
        try:
            next(iter(stores.get(name).iterate(OWN[0])), None)
        except StorageFailed as fault:
            found[name] = fault
    return found


def require_inhabited(names: Iterable[str]) -> None:
    """They hold records at all: else what is missing is no copy, but the disk or the bucket."""
    for name in sorted(names):
        if all(found.key.startswith(OWN) for found in stores.get(name).iterate()):
            reason = f"里面一份档案也没有：可能没有挂载，或配置指到了别处。{STOPPED}"
            raise StorageFailed(store=name, kind="unreachable", reason=reason)


def require_readable(names: Iterable[str]) -> None:
    """Something in them can be read: a right that was taken away, a wrong clock, are faults of the whole store."""
    for name in sorted(names):
        store, fault = stores.get(name), None
        for found in islice((one for one in store.iterate() if not one.marker), LOOKS):
            try:
                with store.open(found.key, found.version) as stream:
                    stream.read(1)
                fault = None
                break
            except StorageFailed as error:
                fault = error
        if fault:
            reason = f"{fault.fields.get('reason', '')}{STOPPED}"
            raise StorageFailed(store=name, kind="unreachable", reason=reason) from fault
