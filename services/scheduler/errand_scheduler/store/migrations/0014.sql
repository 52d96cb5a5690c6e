-- What a task may spend, in JSON, beside what it spent; and what a project's new tasks may spend.
ALTER TABLE tasks ADD COLUMN allowance TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tasks ADD COLUMN request_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN worked_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN allowance TEXT NOT NULL DEFAULT '{}';
