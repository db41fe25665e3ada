CREATE TABLE graph_entities (
  id text PRIMARY KEY,
  entity_type text NOT NULL,
  properties jsonb NOT NULL DEFAULT '{}',
  embedding bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX graph_entities_type ON graph_entities (entity_type);

CREATE TABLE graph_relations (
  id text PRIMARY KEY,
  relation_type text NOT NULL,
  source_id text NOT NULL REFERENCES graph_entities (id) ON DELETE CASCADE,
  target_id text NOT NULL REFERENCES graph_entities (id) ON DELETE CASCADE,
  properties jsonb NOT NULL DEFAULT '{}',
  weight real NOT NULL DEFAULT 1.0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX graph_relations_source ON graph_relations (source_id);
CREATE INDEX graph_relations_target ON graph_relations (target_id);

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;

CREATE TRIGGER graph_entities_updated_at BEFORE UPDATE ON graph_entities
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER graph_relations_updated_at BEFORE UPDATE ON graph_relations
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
