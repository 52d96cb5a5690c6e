-- What an operator wants of a runner, and since when; when what it still has is stopped. A removed one's name is free.
ALTER TABLE runners ADD COLUMN mode TEXT NOT NULL DEFAULT 'active' CHECK (mode IN ('active', 'cordoned', 'draining', 'leaving'));
ALTER TABLE runners ADD COLUMN mode_time INTEGER;
ALTER TABLE runners ADD COLUMN drain_time INTEGER;
ALTER TABLE runners ADD COLUMN removed_time INTEGER;

-- The owner of a request id may be a service too: then `user_id` is the name of its credential.
CREATE TABLE idempotency_keys_of_any (
    user_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    method TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    response_id TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    PRIMARY KEY (user_id, request_id)
) STRICT, WITHOUT ROWID;

INSERT INTO idempotency_keys_of_any SELECT * FROM idempotency_keys;
DROP TABLE idempotency_keys;
ALTER TABLE idempotency_keys_of_any RENAME TO idempotency_keys;
