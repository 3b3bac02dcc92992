CREATE TABLE acct (
  id        CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY,
  owner_nm  VARCHAR(100)   NOT NULL,
  bal       DECIMAL(12, 2) NOT NULL,
  note      TEXT           NULL,
  opened    DATE           NOT NULL,
  last_seen DATETIME(6)    NOT NULL,
  mark      INT            NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TRIGGER acct_inserted AFTER INSERT ON acct FOR EACH ROW
  INSERT INTO witness (id, event, mark) VALUES (NEW.id, 'set', NEW.mark);

CREATE TRIGGER acct_updated AFTER UPDATE ON acct FOR EACH ROW
  INSERT INTO witness (id, event, mark) VALUES (NEW.id, 'set', NEW.mark);

CREATE TRIGGER acct_deleted AFTER DELETE ON acct FOR EACH ROW
  INSERT INTO witness (id, event, mark) VALUES (OLD.id, 'delete', OLD.mark);
