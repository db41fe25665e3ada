-- tenancy: concurrently
-- A network with few vectors is searched exactly, one with many gets its index by `tenancy vectors --build`.
DROP INDEX CONCURRENTLY embeddings_embedding;
