CREATE TABLE accounts_heads (
  id        uuid PRIMARY KEY,
  owner     text           NOT NULL,
  balance   numeric(12, 2) NOT NULL,
  opened_on date           NOT NULL,
  seen_at   timestamptz    NOT NULL,
  mark      integer        NOT NULL
);

CREATE TABLE accounts_lines (
  id   uuid    NOT NULL REFERENCES accounts_heads (id),
  line integer NOT NULL,
  text text    NOT NULL,
  PRIMARY KEY (id, line)
);

-- What accounts of one row are read by.
CREATE VIEW accounts AS
  SELECT id, owner, balance, opened_on, seen_at, mark,
    (SELECT string_agg(l.text, E'\n' ORDER BY l.line) FROM accounts_lines l WHERE l.id = h.id) AS note
  FROM accounts_heads h;

CREATE TRIGGER seen AFTER INSERT OR UPDATE OR DELETE ON accounts_heads FOR EACH ROW EXECUTE FUNCTION see();
