-- What has happened to the rows, as the database itself saw it.
CREATE TABLE witness (
  seq   BIGINT AUTO_INCREMENT PRIMARY KEY,
  id    CHAR(36) CHARACTER SET ascii NOT NULL,
  event VARCHAR(6) NOT NULL,
  mark  INT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
