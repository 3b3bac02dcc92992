CREATE TABLE acct_heads (
  id        CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY,
  owner     VARCHAR(100)   NOT NULL,
  balance   DECIMAL(12, 2) NOT NULL,
  opened_on DATE           NOT NULL,
  seen_at   DATETIME(6)    NOT NULL,
  mark      INT            NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE acct_lines (
  id   CHAR(36) CHARACTER SET ascii NOT NULL,
  line INT  NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (id, line),
  FOREIGN KEY (id) REFERENCES acct_heads (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What accounts of one row are read by.
CREATE VIEW acct AS
  SELECT id, owner AS owner_nm, balance AS bal, opened_on AS opened, seen_at AS last_seen, mark,
    (SELECT GROUP_CONCAT(l.text ORDER BY l.line SEPARATOR '\n') FROM acct_lines l WHERE l.id = h.id) AS note
  FROM acct_heads h;

CREATE TRIGGER acct_inserted AFTER INSERT ON acct_heads FOR EACH ROW
  INSERT INTO witness (id, event, mark) VALUES (NEW.id, 'set', NEW.mark);

CREATE TRIGGER acct_updated AFTER UPDATE ON acct_heads FOR EACH ROW
  INSERT INTO witness (id, event, mark) VALUES (NEW.id, 'set', NEW.mark);

CREATE TRIGGER acct_deleted AFTER DELETE ON acct_heads FOR EACH ROW
  INSERT INTO witness (id, event, mark) VALUES (OLD.id, 'delete', OLD.mark);
