-- What has happened to the rows, as the database itself saw it.
CREATE TABLE witness (
  seq   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id    uuid NOT NULL,
  event text NOT NULL,
  mark  integer NOT NULL
);

CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO witness (id, event, mark) VALUES (OLD.id, 'delete', OLD.mark);
  ELSE
    INSERT INTO witness (id, event, mark) VALUES (NEW.id, 'set', NEW.mark);
  END IF;
  RETURN NULL;
END
$$;
