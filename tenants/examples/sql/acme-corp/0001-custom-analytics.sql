CREATE TABLE custom_analytics (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  entity_id text NOT NULL REFERENCES graph_entities (id) ON DELETE CASCADE,
  metric_name text NOT NULL,
  metric_value real NOT NULL
);

CREATE INDEX custom_analytics_entity ON custom_analytics (entity_id);
