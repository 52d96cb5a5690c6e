-- Which model a task is for, and how it is asked, as far as its own choice goes; as JSON, empty where it makes none.
ALTER TABLE tasks ADD COLUMN model_choice TEXT NOT NULL DEFAULT '';
