CREATE TABLE accounts (
  id        uuid PRIMARY KEY,
  owner     text           NOT NULL,
  balance   numeric(12, 2) NOT NULL,
  note      text,
  opened_on date           NOT NULL,
  seen_at   timestamptz    NOT NULL,
  mark      integer        NOT NULL
);

CREATE TRIGGER seen AFTER INSERT OR UPDATE OR DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION see();
