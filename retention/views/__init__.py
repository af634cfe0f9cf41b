"""The pages of this room, a module each: translate the request, call one verb, render."""
