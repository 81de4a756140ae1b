f() { local x=1; echo $x $1 $#; }; f a b; echo "[$x]"; function g { echo g $FUNCNAME; }; g; function h() { echo h; }; h; k() ( cd /; x=sub; pwd ); k; echo "[$x]"
outer() { local a=1 b; b=2; inner; echo $a $b; }; inner() { a=10; local b=20; }; outer; echo "[$a]"; d() { declare z=5; declare -g y=6; }; d; echo "[$z]" $y; r() { return 3; }; r; echo $?; r || echo failed; if r; then :; else echo else $?; fi
fact() { if (($1 <= 1)); then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }; fact 10; fib() { local n=$1; ((n < 2)) && { echo $n; return; }; echo $(( $(fib $((n-1))) + $(fib $((n-2))) )); }; fib 9
count() { echo $#; }; count "$@"; count "" ; count a "" b; v=$(count 1 2); echo $v; deep() { (( $1 == 0 )) && { echo bottom; return; }; deep $(($1 - 1)); }; deep 50; unset -f count; type count >/dev/null 2>&1; echo $?
n() { echo ${FUNCNAME[@]:0:2} ${#FUNCNAME[@]}; }; m() { n; }; m; shadow() { local IFS=,; echo "$*"; }; shadow a b c; set -- a b; echo "$*"; up() { local -n ref=$1; ref=changed; }; target=orig; up target; echo $target; arr() { local -n arr_ref=$1; arr_ref+=(new); }; list=(old); arr list; echo ${list[@]}
opt() { local OPTIND o; while getopts "ab:c" o "$@"; do echo "$o ${OPTARG-none}"; done; shift $((OPTIND-1)); echo "rest $*"; }; opt -a -b foo -c x y; opt -ab bar; opt -bbaz -- -c; opt -x 2>/dev/null; e() { echo "$@" >&2; }; e msg 2>&1; X=1 env | grep ^X=; y() { echo "Y=$Y"; }; Y=temp y; echo "[${Y-unset}]"
f() { echo redefined; }; f; type -t f; f() { f2() { echo nested; }; }; f; f2; local q 2>/dev/null; echo $?; x=global; s() { local x=$x-local; echo $x; }; s; echo $x; l() { local x; echo "[${x-unset}]"; x=set; unset x; echo "[${x-unset}]"; }; l; echo $x
exported_one() { echo "exported $1"; if true; then cat <<EOF
with a document
EOF
fi; }; export -f exported_one; "$TEST_SHELL" -c 'exported_one one; exported_one two | cat'; export -fn exported_one; "$TEST_SHELL" -c 'exported_one three' 2>/dev/null; echo $?; export -f nosuchfunction 2>/dev/null; echo $?
