"""What one may do in the reading room beyond reading. `config.assembly` puts the table together with the others."""

from archive.permissions import action

TABLE = {
    "reading.ledger": action("查看利用记录", "archivist", "manager", "inspector"),
}
