CREATE TABLE meta (
    epoch TEXT NOT NULL,
    generation INTEGER NOT NULL,
    created_time INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    user_id TEXT PRIMARY KEY,
    github_id INTEGER NOT NULL UNIQUE,
    github_username TEXT NOT NULL,
    sealed_github_token TEXT NOT NULL,
    created_time INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    family_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    client TEXT NOT NULL,
    access_hash TEXT NOT NULL UNIQUE,
    access_expire_time INTEGER NOT NULL,
    refresh_hash TEXT NOT NULL UNIQUE,
    refresh_expire_time INTEGER NOT NULL,
    refreshed_time INTEGER,
    ended_time INTEGER,
    created_time INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_family ON sessions (family_id);

CREATE TABLE projects (
    project_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    repo_url TEXT NOT NULL,
    repository TEXT NOT NULL COLLATE NOCASE,
    default_branch TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    UNIQUE (user_id, repository)
) STRICT;

CREATE TABLE runners (
    runner_id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    version TEXT NOT NULL,
    session_time INTEGER,
    created_time INTEGER NOT NULL
) STRICT;

CREATE TABLE service_tokens (
    service_token_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    runner_id TEXT REFERENCES runners (runner_id),
    revoked_time INTEGER,
    created_time INTEGER NOT NULL
) STRICT;

-- The long columns stand last: SQLite walks over everything that precedes a column.
CREATE TABLE tasks (
    task_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    project_id TEXT NOT NULL REFERENCES projects (project_id),
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'running', 'waiting', 'completed', 'failed', 'cancelled')),
    status_reason TEXT NOT NULL,
    failure_reason TEXT,
    branch TEXT NOT NULL,
    pull_request_url TEXT NOT NULL DEFAULT '',
    container_id TEXT NOT NULL DEFAULT '',
    input_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost_nanodollars INTEGER DEFAULT 0,
    diff_files INTEGER,
    diff_insertions INTEGER,
    diff_deletions INTEGER,
    resume_after_stop INTEGER NOT NULL DEFAULT 0 CHECK (resume_after_stop IN (0, 1)),
    queue_time INTEGER NOT NULL,
    created_time INTEGER NOT NULL,
    started_time INTEGER,
    completed_time INTEGER,
    prompt TEXT NOT NULL,
    prefix BLOB,
    CHECK ((status = 'failed') = (failure_reason IS NOT NULL)),
    CHECK ((status IN ('completed', 'failed', 'cancelled')) = (completed_time IS NOT NULL))
) STRICT;

CREATE INDEX tasks_by_user ON tasks (user_id, created_time, task_id);
CREATE INDEX tasks_pending ON tasks (queue_time) WHERE status = 'pending';

CREATE TABLE attempts (
    attempt_id TEXT PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES tasks (task_id),
    user_id TEXT NOT NULL REFERENCES users (user_id),
    runner_id TEXT NOT NULL REFERENCES runners (runner_id),
    fence INTEGER NOT NULL,
    phase TEXT NOT NULL
        CHECK (phase IN ('offered', 'accepted', 'starting', 'running', 'stopping', 'succeeded', 'failed',
                         'cancelled', 'timed_out', 'parked', 'lost', 'withdrawn')),
    reason TEXT NOT NULL DEFAULT '',
    failure_reason TEXT,
    disconnected INTEGER NOT NULL DEFAULT 0 CHECK (disconnected IN (0, 1)),
    deadline_time INTEGER,
    acked_sequence INTEGER NOT NULL DEFAULT 0,
    created_time INTEGER NOT NULL,
    accepted_time INTEGER,
    completed_time INTEGER,
    UNIQUE (task_id, fence),
    CHECK ((phase IN ('offered', 'accepted', 'starting', 'running', 'stopping')) = (deadline_time IS NOT NULL)),
    CHECK ((phase IN ('offered', 'accepted', 'starting', 'running', 'stopping')) = (completed_time IS NULL))
) STRICT;

CREATE UNIQUE INDEX attempts_one_live ON attempts (task_id)
    WHERE phase IN ('offered', 'accepted', 'starting', 'running', 'stopping');

CREATE INDEX attempts_live_by_runner ON attempts (runner_id, created_time, attempt_id)
    WHERE phase IN ('offered', 'accepted', 'starting', 'running', 'stopping');

CREATE TRIGGER attempts_final_never_changes
BEFORE UPDATE ON attempts
WHEN OLD.phase IN ('succeeded', 'failed', 'cancelled', 'timed_out', 'parked', 'lost', 'withdrawn')
BEGIN
    SELECT RAISE (ABORT, 'a final attempt never changes');
END;

CREATE TABLE events (
    event_id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id TEXT NOT NULL REFERENCES tasks (task_id),
    user_id TEXT NOT NULL REFERENCES users (user_id),
    attempt_id TEXT REFERENCES attempts (attempt_id),
    attempt_sequence INTEGER,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    created_time INTEGER NOT NULL,
    UNIQUE (attempt_id, attempt_sequence)
) STRICT;

CREATE INDEX events_by_task ON events (task_id, event_id);
CREATE INDEX events_by_user ON events (user_id, event_id);

CREATE TABLE messages (
    message_id TEXT PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES tasks (task_id),
    attempt_id TEXT NOT NULL REFERENCES attempts (attempt_id),
    event_id INTEGER NOT NULL REFERENCES events (event_id),
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    model TEXT NOT NULL,
    stop_reason TEXT NOT NULL,
    input_tokens INTEGER,
    cache_write_tokens INTEGER,
    cache_read_tokens INTEGER,
    output_tokens INTEGER,
    cost_nanodollars INTEGER,
    created_time INTEGER NOT NULL,
    content BLOB NOT NULL
) STRICT;

CREATE INDEX messages_by_task ON messages (task_id, event_id);
CREATE INDEX messages_by_attempt ON messages (attempt_id);

CREATE TABLE tool_calls (
    tool_call_id TEXT NOT NULL,
    task_id TEXT NOT NULL REFERENCES tasks (task_id),
    attempt_id TEXT NOT NULL REFERENCES attempts (attempt_id),
    event_id INTEGER NOT NULL REFERENCES events (event_id),
    tool_name TEXT NOT NULL,
    is_error INTEGER NOT NULL DEFAULT 0 CHECK (is_error IN (0, 1)),
    duration_us INTEGER,
    created_time INTEGER NOT NULL,
    input BLOB NOT NULL,
    output BLOB,
    UNIQUE (task_id, tool_call_id)
) STRICT;

CREATE INDEX tool_calls_by_task ON tool_calls (task_id, event_id);

CREATE TABLE inputs (
    input_id TEXT PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES tasks (task_id),
    taken_message_id TEXT REFERENCES messages (message_id),
    created_time INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;

CREATE INDEX inputs_by_task ON inputs (task_id);
CREATE INDEX inputs_by_message ON inputs (taken_message_id);

CREATE TABLE idempotency_keys (
    user_id TEXT NOT NULL REFERENCES users (user_id),
    request_id TEXT NOT NULL,
    method TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    response_id TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    PRIMARY KEY (user_id, request_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_log (
    audit_id INTEGER PRIMARY KEY AUTOINCREMENT,
    caller TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    created_time INTEGER NOT NULL
) STRICT;
