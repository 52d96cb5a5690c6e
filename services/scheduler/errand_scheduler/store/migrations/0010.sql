-- What a project's tasks may fetch beside its own repository: a JSON list of "owner/name".
ALTER TABLE projects ADD COLUMN read_repositories TEXT NOT NULL DEFAULT '[]';
