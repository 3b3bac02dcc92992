ALTER TABLE accounts ADD CONSTRAINT owner_is_taken CHECK (owner NOT LIKE 'modern refuses%');

CREATE TABLE holds (
  id uuid PRIMARY KEY,
  CONSTRAINT account_is_held FOREIGN KEY (id) REFERENCES accounts (id) ON DELETE RESTRICT
);

-- A refusal that takes its time, so that the other store can be cut off before it is undone there.
CREATE FUNCTION hesitate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.owner = 'modern refuses slowly' THEN
    PERFORM pg_sleep(1);
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER hesitating BEFORE INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION hesitate();
