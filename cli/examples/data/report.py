"""Sums up orders: reads the months and the table that the shell prepared, and writes a report as JSON."""

import csv
import json
import sqlite3
import sys

orders = sqlite3.connect(":memory:")
orders.execute("CREATE TABLE orders (date, town, item, quantity INTEGER, price REAL)")
with open("orders.csv", newline="") as file:
    rows = csv.reader(file)
    next(rows)
    orders.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows)

by_town = orders.execute(
    "SELECT town, count(*), round(sum(quantity * price), 2) AS total FROM orders GROUP BY town ORDER BY total DESC"
).fetchall()
report = {
    "python": sys.version.split()[0],
    "months": {month: int(count) for count, month in (line.split() for line in open("months.txt"))},
    "towns": [{"town": town, "orders": count, "total": total} for town, count, total in by_town],
}
with open("report.json", "w") as file:
    json.dump(report, file, indent=2)

for town, count, total in by_town:
    print(f"{town:8} {count:4} orders {total:10.2f}")
