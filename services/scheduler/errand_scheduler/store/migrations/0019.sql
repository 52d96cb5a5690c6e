-- What attempts cost, by day (UTC, counted from 1970): the sum of a person's day.
CREATE TABLE spending (
    attempt_id TEXT NOT NULL REFERENCES attempts (attempt_id),
    day INTEGER NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    nanodollars INTEGER NOT NULL,
    PRIMARY KEY (attempt_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX spending_of_a_day ON spending (user_id, day);
-- Up to which cost live attempts may come: what they drew of their person's day, all draws added.
CREATE TABLE draws (
    attempt_id TEXT NOT NULL PRIMARY KEY REFERENCES attempts (attempt_id),
    user_id TEXT NOT NULL REFERENCES users (user_id),
    nanodollars INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX draws_of_a_user ON draws (user_id);
-- What of it they have not spent yet.
CREATE VIEW holdings AS
SELECT
    attempt_id,
    user_id,
    max(
        draws.nanodollars - (
            SELECT coalesce(sum(spending.nanodollars), 0)
            FROM spending
            WHERE spending.attempt_id = draws.attempt_id
        ),
        0
    ) AS nanodollars
FROM draws;
