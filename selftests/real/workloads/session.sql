-- SPDX-License-Identifier: GPL-2.0-only
-- One session of PostgreSQL: plans of every kind, errors (which jump), exceptions of
-- PL/pgSQL, sorts, windows, JSON, a prepared statement, a cursor, a rollback.
set max_parallel_workers_per_gather = 0;
create temp table customers (id serial primary key, name text unique, town int);
create temp table orders (id int, customer int, cents int, day date);
insert into customers (name, town) select 'customer ' || i, i % 7 from generate_series(1, 100) i;
insert into orders select i, 1 + i * 7919 % 100, i * 104729 % 10007, date '2020-01-01' + i % 365
	from generate_series(1, 800) i;
create index on orders (day);
analyze orders;
select town, count(*), sum(cents), max(day) from orders join customers c on c.id = customer group by 1 order by 1;
select name, total, rank() over (order by total desc) from
	(select name, sum(cents) total from orders join customers c on c.id = customer group by 1) x order by 3, 1 limit 5;
select 1/0;
select nosuch from orders;
create function pg_temp.careful(a int, b int) returns text language plpgsql as $$
begin
	return a / b;
exception when division_by_zero then
	return 'refused: ' || sqlerrm;
end $$;
select pg_temp.careful(7, i) from generate_series(-1, 1) i;
begin;
delete from orders where cents % 2 = 0;
savepoint s;
insert into customers values (1, 'twice', 0);
rollback to s;
select count(*) from orders;
rollback;
select count(*), sum(cents) from orders where day between '2020-03-01' and '2020-03-10';
prepare by_town(int) as select count(*) from customers where town = $1;
execute by_town(3);
execute by_town(4);
select jsonb_object_agg(town, n) from (select town, count(*) n from customers group by 1) x;
select regexp_replace('a1b22c333', '[0-9]+', '#', 'g'), md5('x'), to_char(date '2020-02-29', 'Day DD Mon');
begin;
declare c cursor for select id from orders order by cents desc, id;
fetch 3 from c;
commit;
with recursive t(n) as (select 1 union all select n + 1 from t where n < 50) select sum(n) from t;
select string_agg(name, ',' order by name desc) from customers where name like '%9_';
