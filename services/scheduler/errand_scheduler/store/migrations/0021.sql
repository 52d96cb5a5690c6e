-- Each makes one host a runner: the request that used it, and what it made. A runner has these labels whatever it says.
CREATE TABLE join_tokens (
    join_token_id TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    labels TEXT NOT NULL,
    made_by TEXT NOT NULL,
    expire_time INTEGER NOT NULL,
    revoked_time INTEGER,
    request_id TEXT,
    runner_id TEXT REFERENCES runners (runner_id),
    created_time INTEGER NOT NULL,
    CHECK ((request_id IS NULL) = (runner_id IS NULL))
) STRICT;

ALTER TABLE runners ADD COLUMN given_labels TEXT NOT NULL DEFAULT '{}';
