-- MySQL or MariaDB: one wide table, one row for each line of an order, as it grew over the years.
-- Customer, address and product are repeated on every line; the postal code is a number.
CREATE TABLE superstore (
  row_id INT UNSIGNED NOT NULL AUTO_INCREMENT,
  order_id VARCHAR(20) NOT NULL,
  order_date DATE NOT NULL,
  ship_date DATE NOT NULL,
  ship_mode VARCHAR(20) NOT NULL,
  customer_id VARCHAR(12) NOT NULL,
  customer_name VARCHAR(100) NOT NULL,
  segment VARCHAR(20) NOT NULL,
  country VARCHAR(60) NOT NULL,
  city VARCHAR(60) NOT NULL,
  state VARCHAR(60) NOT NULL,
  postal_code INT UNSIGNED NOT NULL,
  region VARCHAR(20) NOT NULL,
  product_id VARCHAR(20) NOT NULL,
  category VARCHAR(30) NOT NULL,
  sub_category VARCHAR(30) NOT NULL,
  product_name VARCHAR(200) NOT NULL,
  sales DECIMAL(12, 4) NOT NULL,
  quantity INT NOT NULL,
  discount DECIMAL(4, 2) NOT NULL,
  profit DECIMAL(12, 4) NOT NULL,
  PRIMARY KEY (row_id),
  KEY superstore_order (order_id),
  KEY superstore_product (product_id),
  KEY superstore_customer (customer_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
