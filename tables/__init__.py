"""RocksDB-backed state of lanes."""
