-- Which model goes on with a task where the one at work declines; empty: none.
ALTER TABLE projects ADD COLUMN fallback_model TEXT NOT NULL DEFAULT '';
