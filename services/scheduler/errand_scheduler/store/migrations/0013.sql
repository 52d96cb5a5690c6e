-- What decides whether the work of a project's tasks holds: a script, empty for none, and how long it may take.
ALTER TABLE projects ADD COLUMN check_script TEXT NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN check_limit_us INTEGER NOT NULL DEFAULT 900000000;
