#!/bin/bash
# Runs once, inside the MySQL image: an administrator of the name that the development servers use everywhere.
mysql --user=root --password="$MYSQL_ROOT_PASSWORD" <<SQL
CREATE USER 'lockstep'@'%' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
GRANT ALL PRIVILEGES ON *.* TO 'lockstep'@'%' WITH GRANT OPTION;
SQL
