-- A user's GitHub token may expire; what renews it is good once.
ALTER TABLE users ADD COLUMN sealed_github_refresh_token TEXT;
ALTER TABLE users ADD COLUMN github_token_expire_time INTEGER;

-- What GitHub gave for an attempt, until it is revoked.
CREATE TABLE installation_tokens (
    installation_token_id INTEGER PRIMARY KEY,
    attempt_id TEXT NOT NULL REFERENCES attempts (attempt_id),
    user_id TEXT NOT NULL REFERENCES users (user_id),
    sealed_token TEXT NOT NULL
) STRICT;
