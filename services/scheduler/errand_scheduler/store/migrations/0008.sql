-- Where the task's work lies at the git host: what it last pushed its branch to, and its last checkpoint.
ALTER TABLE tasks ADD COLUMN head_commit TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN checkpoint_commit TEXT NOT NULL DEFAULT '';
