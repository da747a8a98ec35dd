CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, amount REAL, note TEXT);
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 100)
	INSERT INTO customer SELECT x, 'name ' || x, 'city ' || (x % 7) FROM c;
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 2000)
	INSERT INTO orders SELECT x, 1 + x % 100, x * 1.5, 'note ' || (x * 7919 % 1000) FROM c;
CREATE INDEX by_customer ON orders(customer);
