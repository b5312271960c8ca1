"""What does a release hold, and how is it put into a database?"""

from __future__ import annotations

import gzip
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from services.embedded.postgres import find_binaries

SCHEMAS = ("public", "vectors")
"""Where our tables lie: the application's and the pgvector plugin's."""
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Release:
    """The data set of one release, kept in a folder of its name."""

    folder: Path

    @property
    def database(self) -> Path:
        """SQL that makes the database again, compressed."""
        return self.folder / "database.sql.gz"

    @property
    def files(self) -> Path:
        """The stored files of its documents."""
        return self.folder / "files.tar.gz"

    @property
    def rows(self) -> Path:
        """Rows of each table, as JSON."""
        return self.folder / "rows.json"

    def restore(self, superuser_url: str, data_dir: Path) -> None:
        """Into an empty database whose server knows our roles, and a folder."""
        script = gzip.decompress(self.database.read_bytes())
        subprocess.run(
            [find_binaries() / "psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", superuser_url],
            input=script, check=True, capture_output=True,
        )  # fmt: skip
        with tarfile.open(self.files) as archive:
            archive.extractall(data_dir, filter="data")


def releases() -> list[Release]:
    """All that are kept, oldest first."""
    return [Release(folder) for folder in sorted(FOLDER.iterdir()) if (folder / "rows.json").exists()]


def counts(superuser_url: str) -> dict[str, int]:
    """Rows by ``schema.table``."""
    with psycopg.connect(superuser_url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s) ORDER BY 1, 2", [list(SCHEMAS)]
        ).fetchall()
        found = {}
        for schema, table in tables:
            row = connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
            ).fetchone()
            found[f"{schema}.{table}"] = row[0] if row else 0
    return found
