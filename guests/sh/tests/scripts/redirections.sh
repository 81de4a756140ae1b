cd "$(mktemp -d)"; echo one > f; echo two >> f; cat < f; cat f f > g; wc -l < g | tr -d ' '; echo err >&2 2>/dev/null
{ echo out; echo err >&2; } > o 2> e; cat o e; { echo out; echo err >&2; } > both 2>&1; cat both; { echo out; echo err >&2; } &> both; sort both; ls /nope &>> both; wc -l < both | tr -d ' '
exec 5> five; echo hi >&5; exec 5>&-; cat five; exec {fd}> six; echo $((fd >= 10)); echo yo >&$fd; exec {fd}>&-; cat six; exec 3>&1; echo three >&3; f() { echo x >&3; }; f 3>/dev/null; f; exec 3>&-
{ echo a; echo b >&2; } 2>&1 >/dev/null | cat; { echo a; echo b >&2; } 3>&1 1>&2 2>&3 2>/dev/null | cat; echo swap
set -C; echo z > f; echo $?; echo z >| f; cat f; set +C; : > f; wc -c < f | tr -d ' '; echo x <> rw; echo rw > rw; cat <> rw; exec 4< g; read -u 4 l; echo $l; read l <&4; echo $l; exec 4<&-
while read l; do echo "[$l]"; done < g; for i in 1 2; do echo $i; done > loop; cat loop; if true; then echo c; fi > cond; cat cond; (echo sub) > s; cat s; echo a 1>&2 2>/dev/null; cat < /nonexistent; echo $?; echo no > /nonexistent/x; echo $?
func() { echo body; } > fn; func; cat fn; cat nofile 2>/dev/null || echo failed; > touched; test -f touched && echo touched; echo "to $((1+1))" > "name with space"; cat name*; echo d > /dev/null; echo x > /dev/stdout; echo y | cat /dev/stdin; exec 6<&0; read x <&6 <<< v; echo $x; echo out 2>&1 | cat; echo z >&$((1)); ls /nope 2>&1 >/dev/null | wc -l | tr -d ' '; 2>/dev/null nosuchcommand; echo $?
rm -rf "$PWD"
