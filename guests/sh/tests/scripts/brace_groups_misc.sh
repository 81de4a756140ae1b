{ echo a; echo b; } | tr a-z A-Z; { { echo nested; }; }; ( ( echo sub sub ) ); ((1)) && echo arith; if { true; }; then echo cond; fi; f() { echo x; } 2>/dev/null; f; a=b c=d; echo $a$c; a=1 b=$a; echo $b; echo a; echo b & wait; echo $(echo c) # comment
# comment line
echo "a" \
  "b"; if true; then # comment
echo c # c
fi; foo=bar; echo $foo$foo "$foo"'$foo'; echo ${foo}s $foo.s $foo-s; echo a;echo b;:;true
if true
then
  echo multi
elif false
then
  echo no
else
  echo no
fi
for x in 1 \
  2
do
  echo $x
done
while
  false
do
  :
done
case x in
  x)
    echo cx
    ;;
  y) echo cy
esac
fun ()
{
  echo fun "$@"
}
fun a b
true &&
  echo and ||
  echo or
echo done |
  cat
time_() { :; }; in=5; echo $in; do=6; echo $do; echo if then fi done; function_=1; echo $function_ { } ! [[
[ x = x ] && { echo t; } || { echo f; }
arr=(a b); for x in ${arr[@]}; do { echo $x; } done
! [ a = b ] && echo neg
