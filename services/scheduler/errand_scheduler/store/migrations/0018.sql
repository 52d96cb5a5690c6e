-- What was found of a task's work, as messages of the contract: the check's last result, and the last finish card.
CREATE TABLE judgements (
    task_id TEXT NOT NULL PRIMARY KEY REFERENCES tasks (task_id),
    check_result BLOB,
    finish_card BLOB
) STRICT, WITHOUT ROWID;
