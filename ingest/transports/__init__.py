"""How packages come in: folders now; the interface for business systems comes with its own order."""
