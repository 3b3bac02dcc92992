CREATE TABLE acct_rows (
  id        BINARY(16)     NOT NULL PRIMARY KEY,
  owner_nm  VARCHAR(100)   NOT NULL,
  bal       DECIMAL(12, 2) NOT NULL,
  note      TEXT           NULL,
  opened    DATE           NOT NULL,
  last_seen DATETIME(6)    NOT NULL,
  mark      INT            NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE FUNCTION acct_uuid(id BINARY(16)) RETURNS CHAR(36) CHARACTER SET ascii DETERMINISTIC NO SQL
  RETURN LOWER(INSERT(INSERT(INSERT(INSERT(HEX(id), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-'));

-- What accounts with keys of text are read by.
CREATE VIEW acct AS
  SELECT acct_uuid(id) AS id, owner_nm, bal, note, opened, last_seen, mark FROM acct_rows;

CREATE TRIGGER acct_inserted AFTER INSERT ON acct_rows FOR EACH ROW
  INSERT INTO witness (id, event, mark) VALUES (acct_uuid(NEW.id), 'set', NEW.mark);

CREATE TRIGGER acct_updated AFTER UPDATE ON acct_rows FOR EACH ROW
  INSERT INTO witness (id, event, mark) VALUES (acct_uuid(NEW.id), 'set', NEW.mark);

CREATE TRIGGER acct_deleted AFTER DELETE ON acct_rows FOR EACH ROW
  INSERT INTO witness (id, event, mark) VALUES (acct_uuid(OLD.id), 'delete', OLD.mark);
