;; Holds MEMORY pages of 64 KiB, the first of which is its own, all others full of bytes that don't compress. Reads
;; commands of 24 bytes from standard input: how many system pages to write to, how many of them lie together, how many
;; bytes lie between the beginnings of such runs, nothing, and for how many nanoseconds to look at the clock after that.
;; Answers with a line when the pages are written, and with the longest time between two looks at the clock.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (memory (export "memory") MEMORY)
  (data (i32.const 64) "ready\n")
  (data (i32.const 80) "written\n")

  (func $say (param $text i32) (param $len i32)
    (i32.store (i32.const 32) (local.get $text))
    (i32.store (i32.const 36) (local.get $len))
    (drop (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 40))))

  ;; Writes a number and the end of the line, from the last digit on.
  (func $say_number (param $number i64)
    (local $at i32)
    (local.set $at (i32.const 159))
    (i32.store8 (local.get $at) (i32.const 10))
    (loop $digits
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10)))))
      (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
      (br_if $digits (i64.ne (local.get $number) (i64.const 0))))
    (call $say (local.get $at) (i32.sub (i32.const 160) (local.get $at))))

  (func $now (result i64)
    (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 48)))
    (i64.load (i32.const 48)))

  (func $mixed (param $number i64) (result i64)
    (i64.mul (local.get $number) (i64.const 0x9e3779b97f4a7c15)))

  (func $fill
    (local $at i32) (local $end i32)
    (local.set $at (i32.const 0x10000))
    (local.set $end (i32.mul (memory.size) (i32.const 0x10000)))
    (loop $words
      (i64.store (local.get $at) (call $mixed (i64.extend_i32_u (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $words (i32.lt_u (local.get $at) (local.get $end)))))

  (func $write (param $pages i32) (param $together i32) (param $stride i32) (param $round i64)
    (local $page i32)
    (loop $next
      (if (i32.ge_u (local.get $page) (local.get $pages)) (then (return)))
      (i64.store
        (i32.add (i32.const 0x10000)
          (i32.add
            (i32.mul (i32.div_u (local.get $page) (local.get $together)) (local.get $stride))
            (i32.mul (i32.rem_u (local.get $page) (local.get $together)) (i32.const 4096))))
        (call $mixed (i64.add (i64.extend_i32_u (local.get $page)) (local.get $round))))
      (local.set $page (i32.add (local.get $page) (i32.const 1)))
      (br $next)))

  (func $longest_gap (param $for i64) (result i64)
    (local $begun i64) (local $last i64) (local $now i64) (local $longest i64)
    (local.set $begun (call $now))
    (local.set $last (local.get $begun))
    (loop $looks
      (local.set $now (call $now))
      (if (i64.gt_u (i64.sub (local.get $now) (local.get $last)) (local.get $longest))
        (then (local.set $longest (i64.sub (local.get $now) (local.get $last)))))
      (local.set $last (local.get $now))
      (br_if $looks (i64.lt_u (i64.sub (local.get $now) (local.get $begun)) (local.get $for))))
    (local.get $longest))

  (func (export "_start")
    (local $round i64)
    (call $fill)
    (call $say (i32.const 64) (i32.const 6))
    (loop $commands
      (i32.store (i32.const 0) (i32.const 8))
      (i32.store (i32.const 4) (i32.const 24))
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 44)))
      (if (i32.ne (i32.load (i32.const 44)) (i32.const 24)) (then (return)))
      (local.set $round (i64.add (local.get $round) (i64.const 1)))
      (call $write (i32.load (i32.const 8)) (i32.load (i32.const 12)) (i32.load (i32.const 16)) (local.get $round))
      (call $say (i32.const 80) (i32.const 8))
      (if (i64.ne (i64.load (i32.const 24)) (i64.const 0))
        (then (call $say_number (call $longest_gap (i64.load (i32.const 24))))))
      (br $commands))))
