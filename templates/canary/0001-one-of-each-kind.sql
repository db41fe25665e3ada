CREATE TYPE canary_mood AS ENUM ('canary_calm', 'canary_alarmed');
CREATE DOMAIN canary_word AS text CHECK (value <> '');
CREATE SEQUENCE canary_numbers;

CREATE TABLE canary_records (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  canary_body canary_word NOT NULL DEFAULT 'canary',
  canary_mood canary_mood NOT NULL DEFAULT 'canary_calm',
  canary_parent bigint REFERENCES canary_records (id) ON DELETE CASCADE
);

CREATE INDEX canary_records_body ON canary_records (canary_body);
CREATE STATISTICS canary_statistics ON canary_body, canary_mood FROM canary_records;
-- Row-level security stays off: the policy is there to be seen in the catalogs, as those of tenants are.
CREATE POLICY canary_policy ON canary_records USING (canary_body <> 'canary_hidden');

CREATE VIEW canary_view AS SELECT id, canary_body FROM canary_records;

CREATE FUNCTION canary_answer() RETURNS integer LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT 42
$$;

CREATE FUNCTION canary_touch() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN NEW;
END
$$;

CREATE TRIGGER canary_trigger BEFORE UPDATE ON canary_records FOR EACH ROW EXECUTE FUNCTION canary_touch();

COMMENT ON TABLE canary_records IS 'canary_comment';
