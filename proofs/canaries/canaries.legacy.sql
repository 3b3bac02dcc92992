CREATE TABLE people (
  id varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  name varchar(100) NOT NULL,
  email varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  document json,
  photo varbinary(200),
  balance decimal(12,2) NOT NULL,
  CONSTRAINT people_email UNIQUE (email)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
