function fib(n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

const pieces = [];
for (let i = 0; i < 40000; i++) {
  try {
    if (i % 7 == 0) throw new RangeError(i);
    pieces.push(i.toString(16));
  } catch (error) {
    pieces.push("!" + error.message);
  }
}
const text = pieces.join(" ");
let hash = 0;
for (const c of text) hash = (Math.imul(hash, 31) + c.charCodeAt(0)) >>> 0;

const numbers = [];
for (let i = 0; i < 40000; i++) numbers.push((i * 7919) % 100003);
numbers.sort((a, b) => a - b);
const rows = JSON.parse(JSON.stringify(numbers.map((n) => ({ a: n, b: String(n) }))));
console.log(fib(23), text.length, hash, numbers[0], rows.length);
