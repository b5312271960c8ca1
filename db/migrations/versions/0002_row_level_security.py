"""Who may see which rows?

Policies on every table, rights of the roles, and the few look-ups before an organisation is known.
"""

from __future__ import annotations

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None

APP = "foundry_app"
MAINTENANCE = "foundry_maintenance"
TENANT = "nullif(current_setting('app.organization_id', true), '')::uuid"
"""An unset value reads as an empty string once it was set in the session, and ''::uuid would raise, not hide."""

TABLES = (
    "api_keys",
    "audit_logs",
    "chats",
    "collections",
    "document_chunks",
    "document_versions",
    "documents",
    "feedback",
    "grants",
    "group_members",
    "groups",
    "messages",
    "organizations",
    "outbox",
    "semantic_cache",
    "sessions",
    "sign_in_links",
    "tasks",
    "term_statistics",
    "users",
    "worker_beats",
)

LOOKUPS = {
    "find_credentials(wanted_email text)": """
        RETURNS TABLE (user_id uuid, organization_id uuid, hashed_password text, is_active boolean)
        AS $$ SELECT u.id, u.organization_id, u.hashed_password, u.is_active FROM public.users u
              JOIN public.organizations o ON o.id = u.organization_id AND NOT o.is_deleted
              WHERE u.email = lower(wanted_email) AND NOT u.is_deleted LIMIT 1 $$""",
    "find_refresh(wanted_hash text)": """
        RETURNS TABLE (session_id uuid, organization_id uuid, user_id uuid, is_current boolean)
        AS $$ SELECT s.id, s.organization_id, s.user_id, s.refresh_hash = wanted_hash FROM public.sessions s
              WHERE s.refresh_hash = wanted_hash OR s.previous_refresh_hash = wanted_hash LIMIT 1 $$""",
    "find_sign_in_link(wanted_hash text)": """
        RETURNS TABLE (link_id uuid, organization_id uuid, user_id uuid)
        AS $$ SELECT l.id, l.organization_id, l.user_id FROM public.sign_in_links l
              WHERE l.token_hash = wanted_hash AND l.used_at IS NULL AND l.expires_at > now() LIMIT 1 $$""",
    "find_api_key(wanted_hash text)": """
        RETURNS TABLE (key_id uuid, organization_id uuid, user_id uuid)
        AS $$ SELECT k.id, k.organization_id, k.user_id FROM public.api_keys k
              WHERE k.key_hash = wanted_hash AND k.is_active AND NOT k.is_deleted
              AND (k.expires_at IS NULL OR k.expires_at > now()) LIMIT 1 $$""",
    "worker_last_seen()": """
        RETURNS TABLE (name text, last_seen_at timestamptz)
        AS $$ SELECT w.name::text, w.last_seen_at FROM public.worker_beats w ORDER BY w.last_seen_at DESC LIMIT 1 $$""",
}


def upgrade() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {table}"
            f" USING (organization_id = {TENANT}) WITH CHECK (organization_id = {TENANT})"
        )
        rights = "SELECT, INSERT" if table == "audit_logs" else "SELECT, INSERT, UPDATE, DELETE"
        op.execute(f"GRANT {rights} ON {table} TO {APP}")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {MAINTENANCE}")
    op.execute(f"GRANT SELECT ON alembic_version TO {APP}")
    for signature, body in LOOKUPS.items():
        op.execute(
            f"CREATE FUNCTION public.{signature} {body} LANGUAGE sql STABLE SECURITY DEFINER"
            " SET search_path = pg_catalog"
        )
        op.execute(f"REVOKE ALL ON FUNCTION public.{signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION public.{signature} TO {APP}")
        op.execute(f"ALTER FUNCTION public.{signature} OWNER TO {MAINTENANCE}")


def downgrade() -> None:
    for signature in LOOKUPS:
        op.execute(f"DROP FUNCTION public.{signature}")
    for table in TABLES:
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
