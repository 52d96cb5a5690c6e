-- What a person may do, and whom an admin let in or shut out.
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('viewer', 'member', 'admin'));
ALTER TABLE users ADD COLUMN disallowed_time INTEGER;
-- The organisation at GitHub by which they are in; empty for others.
ALTER TABLE users ADD COLUMN organisation TEXT NOT NULL DEFAULT '';
CREATE INDEX users_by_name ON users (github_username COLLATE NOCASE);

CREATE TABLE admissions (
    kind TEXT NOT NULL CHECK (kind IN ('user', 'organisation')),
    name TEXT NOT NULL COLLATE NOCASE,
    allowed INTEGER NOT NULL CHECK (allowed IN (0, 1)),
    role TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin')),
    made_by TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- Tokens that were made by a call: by whom, until when, and for whom they act.
ALTER TABLE service_tokens ADD COLUMN user_id TEXT REFERENCES users (user_id);
ALTER TABLE service_tokens ADD COLUMN expire_time INTEGER;
ALTER TABLE service_tokens ADD COLUMN made_by TEXT NOT NULL DEFAULT '';

-- The token through which a person called.
ALTER TABLE audit_log ADD COLUMN token_name TEXT NOT NULL DEFAULT '';
