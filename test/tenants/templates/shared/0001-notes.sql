CREATE TABLE notes (tenant_id uuid NOT NULL, id integer NOT NULL, PRIMARY KEY (tenant_id, id)) {{partition_by_tenant}};
