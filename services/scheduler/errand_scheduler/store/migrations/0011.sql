-- Which model works on a project's tasks, and how it is asked; empty: as the runner is set up.
ALTER TABLE projects ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN effort TEXT NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN thinking_display TEXT NOT NULL DEFAULT '';
