-- What people use at git hosts beside GitHub, and which projects lie there.
CREATE TABLE git_credentials (
    user_id TEXT NOT NULL REFERENCES users (user_id),
    host TEXT NOT NULL,
    username TEXT NOT NULL,
    sealed_password TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    PRIMARY KEY (user_id, host)
) STRICT;
ALTER TABLE projects ADD COLUMN git_host TEXT NOT NULL DEFAULT '';
