"""Where is the database, and as whom do we connect?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import URL


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A PostgreSQL database and a role in it. ``host`` may be a folder that holds a Unix socket."""

    host: str
    port: int
    name: str
    user: str
    password: str = ""
    ssl_mode: str = "prefer"

    def as_user(self, user: str, password: str = "") -> DatabaseAddress:
        """The same database as another role."""
        return replace(self, user=user, password=password)

    def sqlalchemy(self) -> URL:
        """URL for SQLAlchemy with psycopg 3."""
        return URL.create(
            "postgresql+psycopg",
            username=self.user,
            password=self.password or None,
            database=self.name,
            query={"host": self.host, "port": str(self.port), "sslmode": self.ssl_mode},
        )

    def libpq(self) -> str:
        """URL that libpq and psycopg understand."""
        url = self.sqlalchemy().set(drivername="postgresql")
        return url.render_as_string(hide_password=False)
