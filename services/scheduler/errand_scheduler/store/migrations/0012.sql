-- Where a message takes the place of others in what the model is sent: the event of the first of them.
ALTER TABLE messages ADD COLUMN replaces_event_id INTEGER;
CREATE INDEX messages_that_replace ON messages (task_id, replaces_event_id) WHERE replaces_event_id IS NOT NULL;
