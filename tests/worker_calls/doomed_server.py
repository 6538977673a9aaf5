"""A server that makes a call which never ends, tells which processes there are, and waits to be killed."""

import json
import sys
from pathlib import Path

import anyio

from alembic_mcp.worker_client import Worker


async def main(mode, calls):
    pids = []

    async def tell(step):
        pids.append(step["pid"])
        if len(pids) == 2:
            sys.stdout.write(json.dumps({"pids": pids}) + "\n")
            sys.stdout.flush()

    async with Worker(Path(sys.executable), fork=mode == "fork", calls=Path(calls)) as worker:
        await worker.call("hangs_with_family", {}, {}, timeout=600, on_progress=tell)


anyio.run(main, *sys.argv[1:])
