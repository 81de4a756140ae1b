echo hello | tr a-z A-Z | rev; true | false; echo $? ${PIPESTATUS[@]}; false | true; echo $? "${PIPESTATUS[*]}"; (exit 3) | (exit 4) | cat; echo ${PIPESTATUS[*]}
set -o pipefail; false | true; echo $?; (exit 3) | (exit 4) | true; echo $?; set +o pipefail; ! true; echo $?; ! false; echo $?; ! false | true; echo $?
echo a | while read x; do y=$x; done; echo "[$y]"; for i in 1 2 3; do echo $i; done | sort -r | head -2; seq 5 | { read a; read b; echo $a $b; cat; } | tail -1; echo x | (cat; echo y) | cat
{ echo out; echo err >&2; } |& sort; f() { cat; echo end; }; echo in | f | cat; echo "a b" | read u v; echo "[$u]"; printf '%s\n' b a c | sort | tr '\n' ' '; echo; yes | head -3; seq 100000 | head -1; echo ${PIPESTATUS[1]}
for i in $(seq 2000); do echo "line $i"; done | while read a b; do c=$b; [ $c = 2000 ] && echo "last $c"; done; for i in $(seq 2000); do echo "line $i"; done | tail -1
if echo x | grep -q x; then echo found; fi; echo | cat && echo ok || echo bad; cat /dev/null | wc -c | tr -d ' '; time_it() { :; }; x=$(echo a | tr a b | tr b c); echo $x; echo 1 |
 cat |
 tr 1 2
shopt -s lastpipe; echo last | read z; echo "$z"; echo e | tee /dev/null | cat; exit 0 | cat; echo still
