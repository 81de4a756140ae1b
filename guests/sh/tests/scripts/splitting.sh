show() { printf '<%s>' "$@"; echo; }
x='  a  b c '; show $x; show "$x"; show $x$x; show a$x"b"; IFS=:; x='a:b::c:'; show $x; set -- $x; echo $#; x=':a: b'; show $x; show $x"$x"
IFS=' :'; x=' a : b:c  d::e '; show $x; IFS=; show $x; unset IFS; show $x; IFS=$'\n'; x=$'l 1\nl 2'; show $x; IFS=ab; x=xaybz; show $x; unset IFS
show $(echo a b; echo c) "$(echo a b; echo c)"; show $empty; show "$empty"; show $empty"" ''$empty; show "$@"; show "x$@"; set -- 1 2; show "x$@y" x$@y "$@"; IFS=-; show "$*" $*; v=$*; show "$v"; v=$@; show "$v"; unset IFS
x='*'; cd /; show "$x" '*'; set -f; show $x; set +f; x='a\*b'; show $x; read a b <<< ' x  y z '; show "$a" "$b"; IFS=, read a b c <<< 'p,,q r,s'; show "$a" "$b" "$c"; IFS=: read a b <<< 'only:'; show "$a" "$b"; read -a w <<< ' 1 2  3 '; show "${w[@]}"
while IFS== read -r k v; do show "$k" "$v"; done <<< $'a=1\nb=2=3\nc='
