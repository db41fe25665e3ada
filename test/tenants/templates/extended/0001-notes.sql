CREATE TABLE notes (tenant_id uuid NOT NULL PRIMARY KEY);
