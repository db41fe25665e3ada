CREATE TABLE embeddings (
  id bigserial PRIMARY KEY,
  entity_id text NOT NULL,
  entity_type text NOT NULL,
  content text,
  embedding vector({{dimensions}}),
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX embeddings_entity ON embeddings (entity_type, entity_id);
CREATE INDEX embeddings_embedding ON embeddings USING hnsw (embedding vector_cosine_ops)
  WITH (m = {{m}}, ef_construction = {{ef_construction}});

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;

CREATE TRIGGER embeddings_updated_at BEFORE UPDATE ON embeddings
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
