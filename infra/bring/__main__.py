"""`python -m infra.bring`: what `python -m infra setup` brings, for a set-up whose Python packages still arrive.

It stands on requirements/setup.txt alone, and says in lines what it does: another program draws on the terminal.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from console.ending import ended
from infra import settings
from infra.bring import toolchain
from infra.progress import Progress


def main() -> None:
    """Bring all of it, MinIO's compiler beside the downloads."""
    asked, progress = settings.load(), Progress()
    asked.cache.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(1) as pool:
        minio = pool.submit(toolchain.bring_minio, asked, progress)
        toolchain.bring(asked, progress)
        minio.result()


if __name__ == "__main__":
    with ended():
        main()
