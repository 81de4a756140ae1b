x=hello; echo ${x#h} ${x%o} ${x/l/L} ${x//l/L} ${x^} ${x^^} ${x:1:3} ${#x} ${x: -2} ${x:(-3):2} ${x:1:-1} "[${x:10}]"
p=/a/b/c.tar.gz; echo ${p##*/} ${p%/*} ${p%%.*} ${p#*.} ${p##*.} ${p/#\/a/X} ${p/%gz/Y} ${p//[\/.]/_}
echo ${nope:-d} ${nope-d} "${nope:-"q r"}" ${nope:+x} ${x:+set} ${x+set} ${nope:=assigned} $nope; e=; echo "[${e:-empty}]" "[${e-kept}]" "[${e+set}]"
for i in ${u:-"a b" c}; do echo "<$i>"; done; for i in "${u:-a b}"; do echo "<$i>"; done; echo "${u:-$(echo sub)}" "${u:-`echo bq`}" "${u:-${x}}"
y="Hello World"; echo ${y,,} ${y^^} ${y~~} ${y,} ${y^^[aeiou]} ${y/World/&!} ${y/World/\&} "${y//o/[&]}"
v=x; echo ${!v}; w=(1 2 3); r='w[1]'; echo ${!r}; r='w[@]'; echo ${!r}; echo ${!x*} | tr ' ' '\n' | head -1; set -- a b c; i=2; echo ${!i} ${!#}
echo ${x@Q} ${x@U} ${x@u} "${y@L}" ${x@A} "${w[@]@Q}" "${w[@]@A}"; q="it's"; echo "${q@Q}" ; z=$'a\tb'; echo "${z@Q}" "${z@E}"; declare -ir ro=5; echo "${ro@a}"
echo "$#" "${#}" "${#@}" "${@:2}" "${@:1:1}" "${*:2:1}" "${@#a}" "$*"; shift 2; echo $1 $#; set --; echo "[$@]" $#
d=1.2.3; echo ${d//./-} ${d/./} "${d//"."/ }"; g='*'; s='a*b*c'; echo "${s//"$g"/_}" "${s//\*/-}" ${s#a"*"}
path=/usr/local/bin:/usr/bin; IFS=:; for i in $path; do echo $i; done; unset IFS; echo ${path//:/ } ${#path}
l=abc; echo ${l/b} ${l//[ab]} ${l/#} ${l/x/y} "${l/b/"$x"}" ${l:0:1}${l:1:1} "${l:${#l}-1}"; a1=A; n=1; t=a$n; echo ${!t}
echo "${x}y" "$x"y $x'y' "${x}"'$x' "a${x#he}b" ~+ | sed "s,$PWD,PWD,"
