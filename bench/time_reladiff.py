"""Compares a table in two databases with reladiff, and prints seconds and differences as JSON. Imports are not counted."""

import json
import logging
import os
import sys
import time

from reladiff import connect_to_table, diff_tables
from sqeleton.databases import mysql, postgresql

logging.disable(logging.WARNING)
table, key, threads, *columns = sys.argv[1:]
urls = os.environ["LEGACY_URL"], os.environ["MODERN_URL"]


def has_md5(url):
    try:
        connect_to_table(url, table, key).database.query("SELECT md5('')", str)
        return True
    except Exception as error:
        if getattr(error, "errno", None) != 1305:
            raise
        return False


# MySQL 9 has no MD5 any more. What reladiff would have to do there, we do for it: the same bits of another digest, in both databases.
if not all(has_md5(url) for url in urls):
    digits, bits = 15, 60
    mysql.Mixin_MD5.md5_as_int = lambda _, text: (
        f"cast(conv(right(sha2({text}, 256), {digits}), 16, 10) as unsigned)"
    )
    postgresql.Mixin_MD5.md5_as_int = lambda _, text: (
        f"('x' || right(encode(sha256(convert_to({text}, 'UTF8')), 'hex'), {digits}))::bit({bits})::bigint"
    )
began = time.perf_counter()
left, right = (
    connect_to_table(url, table, key, extra_columns=tuple(columns), thread_count=int(threads)) for url in urls
)
# As its command line does: both databases at the same time.
differences = sum(1 for _ in diff_tables(left, right, threaded=True, max_threadpool_size=2 * int(threads)))
print(json.dumps({"seconds": time.perf_counter() - began, "differences": differences}))
