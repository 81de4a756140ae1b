echo "a'b" 'a"b' a\ b "a\"b\$c\\d\e" $'tab\tnew\'q' $'\x41\u00e9\101' "`echo bq`" '' "" | cat -A
x='a  b'; echo $x "$x"; echo 'multi
line' "dou
ble"; echo one\
two; y="$x c"; echo "$y" "$(echo "in $(echo "nested \"q\"")")"; echo "a""b"'c'd; echo \$x \\ \" \'
echo "$'x'" $"loc" "\$'" '\n' "\n" \n; z="q\"uote"; echo "$z"; echo "${x:-"}"}" "${x#"a"}"; echo a#b # comment
echo "$(echo ')')" "$(case a in a) echo m;; esac)" $(echo "a)" 'b)') `echo \`echo deep\`` "`echo "q"`"
printf '%s\n' "a\tb" 'c\td' e\\f; set -- "a b" "" c; printf '<%s>' "$@"; echo; printf '<%s>' $*; echo; printf '<%s>' "$*"; echo
