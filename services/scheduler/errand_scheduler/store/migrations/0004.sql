-- What a project's tasks run in, and what prepares their workspace; empty: the runner's own image, nothing.
ALTER TABLE projects ADD COLUMN image TEXT NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN setup_script TEXT NOT NULL DEFAULT '';
