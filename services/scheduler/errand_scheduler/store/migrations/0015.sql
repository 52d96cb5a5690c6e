-- Whether a project's pull requests are opened as drafts.
ALTER TABLE projects ADD COLUMN draft_pull_requests INTEGER NOT NULL DEFAULT 0 CHECK (draft_pull_requests IN (0, 1));
