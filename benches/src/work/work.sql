create table numbers (n integer primary key, square integer, name text);
create index names on numbers (name);
with recursive counting(n) as (select 1 union all select n + 1 from counting where n < 60000) insert into numbers select n, n * n, printf('%08x', n * 2654435761 % 4294967296) from counting;
select count(*), sum(square), min(name), max(name) from numbers;
select count(*) from numbers a, numbers b where a.n < 1000 and b.n < 1000 and a.square + b.square = 40000;
