-- Name and value pairs that a project's tasks get as environment variables; the vault sealed each value.
CREATE TABLE project_secrets (
    secret_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (project_id),
    name TEXT NOT NULL,
    sealed_value TEXT NOT NULL,
    -- Of the value, before it was sealed.
    size_bytes INTEGER NOT NULL,
    agent_may_read INTEGER NOT NULL CHECK (agent_may_read IN (0, 1)),
    set_time INTEGER NOT NULL,
    UNIQUE (project_id, name)
) STRICT;
