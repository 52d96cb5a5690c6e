ALTER TABLE tasks ADD COLUMN wait_reason TEXT;
ALTER TABLE tasks ADD COLUMN resume_time INTEGER;
ALTER TABLE tasks ADD COLUMN deadline_time INTEGER;
ALTER TABLE tasks ADD COLUMN required_labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tasks ADD COLUMN retry_count INTEGER NOT NULL DEFAULT 0;
-- Whether the events and what they refer to are still there; a task whose record goes is not continued any more.
ALTER TABLE tasks ADD COLUMN record TEXT NOT NULL DEFAULT 'kept' CHECK (record IN ('kept', 'going', 'gone'));
-- Where the task stood before an input alone sent it on, as JSON: it goes back there when the input is taken back.
ALTER TABLE tasks ADD COLUMN revived_from TEXT;
CREATE INDEX tasks_waiting ON tasks (deadline_time) WHERE status = 'waiting';
CREATE INDEX tasks_pending_by_user ON tasks (user_id) WHERE status = 'pending';
CREATE INDEX tasks_over ON tasks (completed_time) WHERE completed_time IS NOT NULL AND record != 'gone';

-- Tasks of an older release have no deadline: 7 days to be begun, 30 for the person whom they wait for, from now on.
UPDATE tasks SET deadline_time = unixepoch() * 1000000 + 604800000000 WHERE status = 'pending';
UPDATE tasks SET deadline_time = unixepoch() * 1000000 + 2592000000000 WHERE status = 'waiting';

-- What ended an attempt that is stopping: a person, or a deadline.
ALTER TABLE attempts ADD COLUMN stop_cause TEXT;

ALTER TABLE inputs ADD COLUMN removed_time INTEGER;
CREATE INDEX inputs_waiting ON inputs (task_id, created_time, input_id)
    WHERE taken_message_id IS NULL AND removed_time IS NULL;

ALTER TABLE runners ADD COLUMN nonce TEXT NOT NULL DEFAULT '';
ALTER TABLE runners ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE runners ADD COLUMN quarantined_time INTEGER;

-- The content lies beside the database, in a file of this name.
CREATE TABLE blobs (
    sha256 TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    created_time INTEGER NOT NULL
) STRICT;

ALTER TABLE messages ADD COLUMN content_sha256 TEXT REFERENCES blobs (sha256);
ALTER TABLE tool_calls ADD COLUMN input_sha256 TEXT REFERENCES blobs (sha256);
ALTER TABLE tool_calls ADD COLUMN output_sha256 TEXT REFERENCES blobs (sha256);
CREATE INDEX messages_by_blob ON messages (content_sha256) WHERE content_sha256 IS NOT NULL;
CREATE INDEX tool_calls_by_input_blob ON tool_calls (input_sha256) WHERE input_sha256 IS NOT NULL;
CREATE INDEX tool_calls_by_output_blob ON tool_calls (output_sha256) WHERE output_sha256 IS NOT NULL;

-- Each event that is deleted is looked up in what may refer to it.
CREATE INDEX messages_by_event ON messages (event_id);
CREATE INDEX tool_calls_by_event ON tool_calls (event_id);

-- What is at work had only the time until a lost runner is given up; the start shortens it to what its phase may take.
UPDATE attempts SET deadline_time = deadline_time + 86400000000 WHERE phase IN ('accepted', 'starting', 'running');
