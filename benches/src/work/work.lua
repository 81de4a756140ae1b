local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

local function piece(i)
  if i % 7 == 0 then error({ i }) end
  return string.format("%x", i)
end

local pieces = {}
for i = 1, 60000 do
  local ok, result = pcall(piece, i)
  pieces[i] = ok and result or "!" .. result[1]
end
local text = table.concat(pieces, " ")
local hash = 0
for c in text:gmatch(".") do hash = (hash * 31 + c:byte()) & 0xffffffff end

local numbers = {}
for i = 1, 60000 do numbers[i] = (i * 7919) % 100003 end
table.sort(numbers)
print(fib(27), #text, hash, numbers[1])
