# Makes the files that the commands work on, in the current directory.
printf 'alice 30 NYC 1.5\nbob 25 LA 2.25\ncarol 35 SF 10\ndave 25 NYC -3\n' > people
printf 'a,b,c\n1,2,3\n"x",,z\n' > c.csv
printf 'p1 l1\np1 l2\n\n\np2 l1\np2 l2\n' > para
printf 'foo bar\nabcabc\nxyz\nfoobar baz\n\nlast' > g1
printf 'one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n' > nums
printf 'héllo wörld\nÉCOLE\nnaïve\n' > utf8
printf 'int main(void) {\n\treturn 0;\n}\n// TODO: more\n' > code.c
printf 'a\0b\nc\n' > binary
mkdir -p ft/a/b ft/c/.git ft/e
echo hello > ft/a/x.txt
echo hi > ft/a/b/y.rs
: > ft/c/empty
ln -s a/x.txt ft/l
ln -s nowhere ft/dead
head -c 3000 /dev/zero > ft/c/big
printf 'sp ace\n' > 'ft/a/sp ace.txt'
chmod 600 ft/a/x.txt
chmod 755 ft/c/big
touch -d '2020-01-01' ft/a/b/y.rs
touch -d '2 days ago' ft/c/empty
cat > append.sed <<'END'
/one/a\
multi\
  line
# A comment.
/two/{
  s/t/T/
  a one line
}
END
cat > program.awk <<'END'
# A comment.
BEGIN { x = 1 ; # another
  y = x \
    + 2
  print y
}
function foo(a,
   b) {
  return a + b
}
$2 > 28,
/carol/ { print "range", $1 }
END { print foo(1,
   2)
  for (i = 0;
       i < 3 &&
       i < 2;
       i++)
    print i
  if (x)
    print "x"
  else
    print "y"
  do
    x--
  while (x > 0)
  print x
}
END
