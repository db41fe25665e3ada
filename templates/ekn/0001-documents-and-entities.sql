CREATE TABLE documents (
  id bigserial PRIMARY KEY,
  path text NOT NULL,
  content text,
  mime_type text,
  size_bytes bigint CHECK (size_bytes >= 0),
  hash text,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX documents_path ON documents (path);
CREATE INDEX documents_hash ON documents (hash);

CREATE TABLE entities (
  id bigserial PRIMARY KEY,
  neo4j_id text,
  name text NOT NULL,
  canonical_name text,
  pool text,
  surface_forms text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX entities_neo4j_id ON entities (neo4j_id);
CREATE INDEX entities_canonical_name ON entities (canonical_name);
