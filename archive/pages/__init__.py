"""Pages of the archive itself for its administrators: people, audit."""
