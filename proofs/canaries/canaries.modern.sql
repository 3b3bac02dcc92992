CREATE TABLE people (
  id varchar(64) COLLATE "C" NOT NULL PRIMARY KEY,
  name varchar(100) NOT NULL,
  email varchar(100) NOT NULL,
  document jsonb,
  photo bytea,
  balance decimal(12,2) NOT NULL,
  CONSTRAINT people_email UNIQUE (email),
  CONSTRAINT people_balance CHECK (balance < 1000)
);
