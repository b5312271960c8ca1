"""Which SQL makes a collection, and which searches it?

Everything that varies by collection is composed with ``psycopg.sql``; values are always parameters. A collection is
two tables, because dense search reads every row of a tenant and would otherwise drag the sparse vectors through memory.

The GIN index is only reachable through the ``…_candidates`` function. PostgreSQL never lets a condition that is not
leakproof (``&&`` on arrays is not) run before a row-level-security condition, so under the policy the application
role could not use that index at all. The function runs as the owner, takes the organisation from the same setting as
the policy and not from an argument, and returns ids only, which the caller joins back under its own policy.
"""

from __future__ import annotations

from typing import Final, LiteralString

from psycopg import sql

SCHEMA: Final = "vectors"
SPARSE_DIMENSIONS: Final = 2**29
"""Sparse term ids are 0 … 2**29 - 1; pgvector counts from 1 in text and from 0 on the wire."""

_CURRENT_ORGANIZATION: Final[LiteralString] = "nullif(current_setting('app.organization_id', true), '')::uuid"

EXTENSION: Final[LiteralString] = (
    "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
)
ROLE: Final[LiteralString] = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
SCHEMA_EXISTS: Final[LiteralString] = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'vectors')"
EMBEDDING_TYPE: Final[LiteralString] = """
SELECT format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'vectors' AND c.relname = %(name)s AND a.attname = 'embedding' AND NOT a.attisdropped
"""
SET_ORGANIZATION: Final[LiteralString] = "SELECT set_config('app.organization_id', %s, true)"


def _names(collection: str) -> dict[str, sql.Composable]:
    # A dollar sign cannot stand in a collection's name, so no collection is taken for another's second table.
    return {
        "table": sql.Identifier(SCHEMA, collection),
        "sparse_table": sql.Identifier(SCHEMA, f"{collection}$sparse"),
        "candidates": sql.Identifier(SCHEMA, f"{collection}$candidates"),
    }


_CREATE: Final[LiteralString] = """
CREATE TABLE {table} (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    collection_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version_id uuid NOT NULL,
    embedding {embedding_type}({size}) NOT NULL,
    -- The organisation is part of the key: one tenant can neither overwrite nor detect another's id.
    PRIMARY KEY (organization_id, id)
) WITH (toast_tuple_target = 8160);
-- Vectors are read on every search, so they stay in the row; fetching them from TOAST costs more than the distance.
ALTER TABLE {table} ALTER embedding SET STORAGE MAIN;
CREATE INDEX ON {table} (organization_id, collection_id);
CREATE INDEX ON {table} (organization_id, document_id);
CREATE INDEX ON {table} (organization_id, version_id);

CREATE TABLE {sparse_table} (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    collection_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version_id uuid NOT NULL,
    sparse sparsevec({sparse_dimensions}) NOT NULL,
    term_ids int[] NOT NULL,
    PRIMARY KEY (organization_id, id)
) WITH (toast_tuple_target = 8160);
-- The terms are only read again when a bitmap is too large for memory; the index has its own copy.
ALTER TABLE {sparse_table} ALTER sparse SET STORAGE MAIN;
CREATE INDEX ON {sparse_table} (organization_id, document_id);
CREATE INDEX ON {sparse_table} (organization_id, version_id);
CREATE INDEX ON {sparse_table} USING gin (term_ids) WITH (fastupdate = off);

ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table} USING (organization_id = {current}) WITH CHECK (organization_id = {current});
ALTER TABLE {sparse_table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {sparse_table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {sparse_table} USING (organization_id = {current}) WITH CHECK (organization_id = {current});
-- Only for the function below, which binds the organisation itself.
CREATE POLICY candidates ON {sparse_table} FOR SELECT TO CURRENT_USER USING (true);
CREATE FUNCTION {candidates} (
    query sparsevec, keys int[], collections uuid[], documents uuid[], hits int
) RETURNS TABLE (id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, {extension_schema}, pg_temp
SET plan_cache_mode = force_custom_plan
AS $function$
BEGIN
    RETURN QUERY
    SELECT t.id FROM {sparse_table} t
    WHERE t.organization_id = {current} AND t.term_ids && keys
      AND (collections IS NULL OR t.collection_id = ANY (collections))
      AND (documents IS NULL OR t.document_id = ANY (documents))
      AND t.sparse <#> query < 0
    ORDER BY t.sparse <#> query, t.id LIMIT hits;
END
$function$;
REVOKE ALL ON FUNCTION {candidates} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {candidates} TO {application};
GRANT SELECT, INSERT, UPDATE, DELETE ON {table}, {sparse_table} TO {application};
"""


def create(collection: str, *, embedding_type: str, size: int, extension_schema: str, application: str) -> sql.Composed:
    """Statements that make a collection's tables, indexes, policies and candidate function, with least grants."""
    return sql.SQL(_CREATE).format(
        **_names(collection),
        embedding_type=sql.Identifier(extension_schema, embedding_type),
        size=sql.Literal(size),
        sparse_dimensions=sql.Literal(SPARSE_DIMENSIONS),
        current=sql.SQL(_CURRENT_ORGANIZATION),
        extension_schema=sql.Identifier(extension_schema),
        application=sql.Identifier(application),
    )


_UPSERT: Final[LiteralString] = """
WITH terms AS (
    INSERT INTO {sparse_table} (organization_id, id, collection_id, document_id, version_id, sparse, term_ids)
    VALUES (
        %(organization)b, %(id)b, %(collection)b, %(document)b, %(version)b, %(sparse)b, %(keys)b::int[]
    )
    ON CONFLICT (organization_id, id) DO UPDATE SET collection_id = excluded.collection_id,
        document_id = excluded.document_id, version_id = excluded.version_id, sparse = excluded.sparse,
        term_ids = excluded.term_ids
)
INSERT INTO {table} (organization_id, id, collection_id, document_id, version_id, embedding)
VALUES (%(organization)b, %(id)b, %(collection)b, %(document)b, %(version)b, %(dense)b)
ON CONFLICT (organization_id, id) DO UPDATE SET collection_id = excluded.collection_id,
    document_id = excluded.document_id, version_id = excluded.version_id, embedding = excluded.embedding
"""

_DELETE: Final[LiteralString] = """
WITH terms AS (DELETE FROM {sparse_table} WHERE organization_id = %(organization)s AND {column} = ANY (%(values)s))
DELETE FROM {table} WHERE organization_id = %(organization)s AND {column} = ANY (%(values)s)
"""


def upsert(collection: str) -> sql.Composed:
    """Insert or replace one row of the transaction's organisation, dense and sparse in one statement."""
    return sql.SQL(_UPSERT).format(**_names(collection))


def delete(collection: str, column: LiteralString) -> sql.Composed:
    """Delete the rows of ``%(organization)s`` whose column is in ``%(values)s``."""
    return sql.SQL(_DELETE).format(**_names(collection), column=sql.Identifier(column))


_FILTERS: Final = sql.SQL(
    "organization_id = %(organization)s"
    " AND (%(collections)s::uuid[] IS NULL OR collection_id = ANY (%(collections)s::uuid[]))"
    " AND (%(documents)s::uuid[] IS NULL OR document_id = ANY (%(documents)s::uuid[]))"
)

_COUNT: Final[LiteralString] = "SELECT count(*) FROM {table} WHERE {filters}"

_SEARCH_DENSE: Final[LiteralString] = """
SELECT id, collection_id, document_id, version_id, -(embedding <#> %(dense)b) AS score
FROM {table} WHERE {filters}
ORDER BY embedding <#> %(dense)b, id LIMIT %(limit)s
"""

_SEARCH_HYBRID_EXACT: Final[LiteralString] = """
WITH dense AS MATERIALIZED (
    SELECT id, collection_id, document_id, version_id, -(embedding <#> %(dense)b) AS score
    FROM {table} WHERE {filters}
), sparse AS MATERIALIZED (
    SELECT id, -(sparse <#> %(sparse)b) AS score FROM {sparse_table} WHERE {filters}
), hits AS (
    (SELECT id FROM dense ORDER BY score DESC, id LIMIT %(limit)s)
    UNION
    (SELECT id FROM sparse WHERE score > 0 ORDER BY score DESC, id LIMIT %(limit)s)
)
SELECT dense.id, collection_id, document_id, version_id, dense.score, sparse.score, NULL::bigint AS found
FROM hits JOIN dense USING (id) JOIN sparse USING (id)
"""

_SEARCH_HYBRID_CANDIDATES: Final[LiteralString] = """
WITH dense AS MATERIALIZED (
    SELECT id FROM {table} WHERE {filters} ORDER BY embedding <#> %(dense)b, id LIMIT %(limit)s
), sparse AS MATERIALIZED (
    SELECT id FROM {candidates} (
        %(sparse)b, %(keys)s::int[], %(collections)s::uuid[], %(documents)s::uuid[], %(limit)s::int
    )
), hits AS (
    SELECT id FROM dense UNION SELECT id FROM sparse
)
SELECT t.id, t.collection_id, t.document_id, t.version_id,
       -(t.embedding <#> %(dense)b), -(s.sparse <#> %(sparse)b), (SELECT count(*) FROM sparse) AS found
FROM hits
JOIN {table} t ON t.organization_id = %(organization)s AND t.id = hits.id
JOIN {sparse_table} s ON s.organization_id = %(organization)s AND s.id = hits.id
"""


def _filtered(template: LiteralString, collection: str) -> sql.Composed:
    return sql.SQL(template).format(**_names(collection), filters=_FILTERS)


def count(collection: str) -> sql.Composed:
    """How many rows the filter admits."""
    return _filtered(_COUNT, collection)


def search_dense(collection: str) -> sql.Composed:
    """The nearest rows: ``id, collection_id, document_id, version_id, score``."""
    return _filtered(_SEARCH_DENSE, collection)


def search_hybrid_exact(collection: str) -> sql.Composed:
    """Score every admitted row once, keep the best of either side.

    Columns: ``id, collection_id, document_id, version_id, dense, sparse, found`` where ``found`` is NULL: nothing was
    left out.
    """
    return _filtered(_SEARCH_HYBRID_EXACT, collection)


def search_hybrid_candidates(collection: str) -> sql.Composed:
    """Dense side exact, sparse side through the GIN index; then both scores for the union.

    Columns as in ``search_hybrid_exact``; ``found`` is how many rows the sparse side had.
    """
    return _filtered(_SEARCH_HYBRID_CANDIDATES, collection)
