-- SPDX-License-Identifier: GPL-2.0-only
-- A shell's worth of SQLite: inserts, indexes, joins, windows, JSON, errors.
.bail off
.mode list
create table customers (id integer primary key, name text not null unique, town text);
create table orders (id integer primary key, customer integer references customers, cents integer, day text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60)
insert into customers select i, printf('customer %03d', i), printf('town %d', i % 7) from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 600)
insert into orders select i, 1 + i * 7919 % 60, i * 104729 % 10007, date('2020-01-01', (i % 365) || ' days') from n;
create index orders_by_day on orders (day, customer);
select town, count(*), sum(cents), max(day) from orders join customers c on c.id = customer group by town order by 2, 1;
select name, total, rank() over (order by total desc, name) from
	(select name, sum(cents) total from orders join customers c on c.id = customer group by name) limit 10;
select substr(day, 1, 7) month, count(distinct customer), avg(cents) from orders group by month;
update orders set cents = cents + 1 where day between '2020-03-01' and '2020-04-01';
delete from orders where customer in (select id from customers where town = 'town 3');
select count(*), sum(cents) from orders;
select json_group_object(town, n) from (select town, count(*) n from customers group by town);
select sum(json_extract(value, '$.a')) from json_each('[{"a":1},{"a":2},{"a":39}]');
insert into customers values (1, 'twice', 'nowhere');
select nosuch from orders;
begin; delete from orders; select count(*) from orders; rollback;
select count(*) from orders;
select group_concat(upper(name), '/') from (select name from customers where name like '%7' order by name);
select typeof(1/0), abs(-9223372036854775807), hex(zeroblob(4)), instr('abcdef', 'de'), quote('it''s');
pragma integrity_check;
