CREATE TABLE embeddings (
  id bigserial PRIMARY KEY,
  entity_id text NOT NULL,
  entity_type text NOT NULL,
  content text,
  embedding real[] CHECK (array_length(embedding, 1) = {{dimensions}} AND cardinality(embedding) = {{dimensions}}),
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX embeddings_entity ON embeddings (entity_type, entity_id);

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;

CREATE TRIGGER embeddings_updated_at BEFORE UPDATE ON embeddings
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- Cosine distance as of pgvector's operator <=>: 0 is the same direction, 2 the opposite one, NULL where a vector is
-- null or has no length. ORDER BY cosine_distance(embedding, $1) LIMIT 10 reads every row.
CREATE FUNCTION cosine_distance(a real[], b real[]) RETURNS double precision
  LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT 1 - sum(x::double precision * y) / nullif(sqrt(sum(x::double precision * x)) * sqrt(sum(y::double precision * y)), 0)
  FROM unnest(a, b) AS pair (x, y)
  HAVING array_length(a, 1) = array_length(b, 1)
$$;
