"""Compares a table in two databases with reladiff, and prints seconds and differences as JSON. Imports are not counted."""

import json
import logging
import os
import sys
import time

from reladiff import connect_to_table, diff_tables

logging.disable(logging.WARNING)
table, key, threads, *columns = sys.argv[1:]
urls = os.environ["LEGACY_URL"], os.environ["MODERN_URL"]
began = time.perf_counter()
left, right = (
    connect_to_table(url, table, key, extra_columns=tuple(columns), thread_count=int(threads)) for url in urls
)
# As its command line does: both databases at the same time.
differences = sum(1 for _ in diff_tables(left, right, threaded=True, max_threadpool_size=2 * int(threads)))
print(json.dumps({"seconds": time.perf_counter() - began, "differences": differences}))
