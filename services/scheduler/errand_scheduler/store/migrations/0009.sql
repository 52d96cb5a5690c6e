-- What a project's tasks reach beside the repository: how it is decided, and lists in JSON. Projects that were there before get what new ones get.
ALTER TABLE projects ADD COLUMN egress_mode TEXT NOT NULL DEFAULT 'allow_list'
    CHECK (egress_mode IN ('none', 'allow_list', 'open'));
ALTER TABLE projects ADD COLUMN egress_presets TEXT NOT NULL DEFAULT '["packages"]';
ALTER TABLE projects ADD COLUMN egress_hosts TEXT NOT NULL DEFAULT '[]';
-- Hosts that a task asked for and its project did not allow, in JSON.
ALTER TABLE tasks ADD COLUMN blocked_hosts TEXT NOT NULL DEFAULT '[]';
