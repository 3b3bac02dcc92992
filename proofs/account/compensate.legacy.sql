ALTER TABLE acct ADD CONSTRAINT owner_is_taken CHECK (owner_nm NOT LIKE 'legacy refuses%');

CREATE TABLE holds (
  id CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY,
  CONSTRAINT account_is_held FOREIGN KEY (id) REFERENCES acct (id) ON DELETE RESTRICT
) ENGINE = InnoDB;

-- A refusal that takes its time, so that the other store can be cut off before it is undone there.
CREATE TRIGGER acct_inserting BEFORE INSERT ON acct FOR EACH ROW
  DO IF(NEW.owner_nm = 'legacy refuses slowly', SLEEP(1), 0);

CREATE TRIGGER acct_updating BEFORE UPDATE ON acct FOR EACH ROW
  DO IF(NEW.owner_nm = 'legacy refuses slowly', SLEEP(1), 0);
