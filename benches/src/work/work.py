import json


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


pieces = []
for i in range(30000):
    try:
        if i % 7 == 0:
            raise ValueError(i)
        pieces.append(f"{i:x}")
    except ValueError as error:
        pieces.append(f"!{error}")
text = " ".join(pieces)
hash = 0
for c in text:
    hash = (hash * 31 + ord(c)) & 0xFFFFFFFF

numbers = sorted(((i * 7919) % 100003 for i in range(60000)), key=lambda n: -n)
rows = json.loads(json.dumps([{"a": i, "b": str(i)} for i in range(20000)]))
print(fib(20), len(text), hash, numbers[0], len(rows))
