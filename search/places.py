"""What the reading room offers to the menu and to 待办 (config/navigation.py)."""

from archive.permissions import Actor

PLACES = [("档案", "查找档案", "search:find", "record.read")]


def todos(actor: Actor) -> list[dict]:
    """Nothing waits here yet: access requests come with a later order."""
    return []
