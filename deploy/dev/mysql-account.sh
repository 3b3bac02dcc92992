#!/bin/bash
# Runs once, inside the image of MySQL or MariaDB: an administrator of the name that the development servers use everywhere.
client=$(command -v mysql || command -v mariadb)
"$client" --user=root --password="$MYSQL_ROOT_PASSWORD" <<SQL
CREATE USER 'lockstep'@'%' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
GRANT ALL PRIVILEGES ON *.* TO 'lockstep'@'%' WITH GRANT OPTION;
SQL
