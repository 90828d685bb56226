"""How RocksDB is set up, and the memory that all stores of a process share."""

from __future__ import annotations

from typing import Any

import rocksdict as rocks

_NO_LIMIT = 1 << 30


class RocksMemory:
    """Block cache and memtable budget shared by all lanes of a process."""

    def __init__(self, cache_mb: int, memtable_mb: int) -> None:
        self.cache = rocks.Cache(cache_mb << 20)
        self.memtables = rocks.WriteBufferManager.new_write_buffer_manager_with_cache(
            memtable_mb << 20, False, self.cache
        )

    def options(self, bulk: bool = False, *, states: bool = False) -> Any:
        """`states`: for the family that is read by key. `bulk`: for a store that takes a long stretch of its changelog
        and is not read meanwhile. Records are not sorted as they come but by the thread that writes the file; nothing
        is compacted until the end."""
        options = rocks.Options(raw_mode=True)
        options.create_if_missing(True)
        options.create_missing_column_families(True)
        options.set_atomic_flush(True)
        options.set_write_buffer_size(16 << 20)
        options.set_max_write_buffer_number(3)
        options.set_arena_block_size(64 << 10)  # else each of four families of each lane takes 1 MB of the budget
        # A write holds the GIL: one that RocksDB lets wait for a compaction would stop the process, heartbeats too.
        options.set_level_zero_slowdown_writes_trigger(_NO_LIMIT)
        options.set_level_zero_stop_writes_trigger(_NO_LIMIT)
        options.set_soft_pending_compaction_bytes_limit(0)
        options.set_hard_pending_compaction_bytes_limit(0)
        options.set_write_buffer_manager(self.memtables)
        options.set_max_open_files(256)
        options.set_keep_log_file_num(2)
        tables = rocks.BlockBasedOptions()
        tables.set_block_cache(self.cache)
        tables.set_bloom_filter(10, False)
        # Beside the cache, not in it: a get asks an index and some filters; its block is in the page cache at worst.
        tables.set_cache_index_and_filter_blocks(False)
        options.set_block_based_table_factory(tables)
        options.set_compression_type(rocks.DBCompressionType.lz4())
        if states and not bulk:  # many parts asked for are not in the memtable: 320 KB spare a search of it for each
            options.set_memtable_prefix_bloom_ratio(0.02)
            options.set_memtable_whole_key_filtering(True)
        if bulk:
            options.set_memtable_factory(rocks.MemtableFactory.vector())
            options.set_allow_concurrent_memtable_write(False)  # it cannot
            options.set_disable_auto_compactions(True)
            options.set_max_write_buffer_number(6)
        return options
