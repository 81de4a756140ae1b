#!/bin/bash
# A tour of the shell: every feature that scripts lean on, in one program.
set -euo pipefail

section() {
  printf '\n== %s ==\n' "$1"
}

work=$(mktemp -d)
cleanup() {
  local status=$?
  rm -rf "$work"
  echo "cleaned up with $status"
}
trap cleanup EXIT
cd "$work"

section "pipelines"
printf '%s\n' pear apple cherry apple | sort | uniq -c | sort -rn | awk '{print $1, $2}'
seq 10 | grep -v 5 | tail -n 3 | tr '\n' ' '
echo
set +e
false | true
echo "pipefail: $? (${PIPESTATUS[*]})"
set +o pipefail
false | true
echo "without: $? (${PIPESTATUS[*]})"
set -o pipefail
set -e
{ echo to-out; echo to-err >&2; } |& sort
if ! grep -q missing <<< "something else"; then
  echo "not found"
fi

section "redirections and dups"
exec 4> log.txt
echo "first line" >&4
{ echo "second line"; echo "an error" >&2; } >&4 2>&1
exec 4>&-
cat -n log.txt | tr -s ' \t' ' '
exec {fd}< log.txt
read -r line <&"$fd"
echo "read back: $line"
exec {fd}<&-
echo appended >> log.txt
wc -l < log.txt | tr -d ' '
ls /does/not/exist > all.txt 2>&1 || echo "ls failed"
[[ -s all.txt ]] && echo "and said why"
swap() { { echo out; echo err >&2; } 3>&1 1>&2 2>&3 3>&-; }
swap 2>/dev/null

section "here-documents and here-strings"
name=World
cat <<EOF
Hello, $name! $((6 * 7)) $(echo from a command) \$escaped
EOF
cat <<'EOF'
Nothing $here is `expanded`
EOF
cat <<-EOF
	Tabs are gone: ${name^^}
	EOF
tr a-z A-Z <<< "here, $name"

section "command substitution and subshells"
today=$(printf '%(%Y)T' 0)
echo "epoch year $today, nested $(echo "a $(echo "b $(echo c)")"), old `echo style`"
variable=outer
(variable=inner; cd /; echo "$variable in $PWD")
echo "$variable, still in ${PWD##*/}" | sed "s,${work##*/},work,"
{ variable=changed; echo grouped; }
echo "$variable"
status=0
(exit 42) || status=$?
echo "subshell status $status"

section "functions and local"
counter=0
increment() {
  local by=${1:-1}
  ((counter += by)) || true
  return 0
}
increment
increment 5
echo "counter $counter by [${by-unset}]"
factorial() {
  local n=$1
  if ((n <= 1)); then
    echo 1
  else
    echo $((n * $(factorial $((n - 1)))))
  fi
}
echo "10! = $(factorial 10)"
outer_function() { local shared=1; inner_function; echo "shared is $shared"; }
inner_function() { shared=2; echo "${FUNCNAME[*]}"; }
outer_function

section "arrays"
fruits=(apple "ripe banana" cherry)
fruits+=(date)
echo "${#fruits[@]} fruits: ${fruits[*]}"
for index in "${!fruits[@]}"; do
  echo "$index: ${fruits[index]}"
done
unset 'fruits[1]'
echo "${fruits[@]:1:2} and last ${fruits[-1]}"
declare -A ages=([alice]=30 [bob]=25)
ages[carol]=41
for person in "${!ages[@]}"; do
  echo "$person is ${ages[$person]}"
done | sort
echo "${#ages[@]} people, ${ages[nobody]-nobody known}"
mapfile -t lines < <(printf '%s\n' one two three)
echo "mapped ${#lines[@]}: ${lines[*]^}"

section "tests and arithmetic"
date_text=2024-02-29
if [[ $date_text =~ ^([0-9]{4})-([0-9]{2})-([0-9]{2})$ ]]; then
  echo "year ${BASH_REMATCH[1]} month $((10#${BASH_REMATCH[2]}))"
fi
[[ $date_text == 2024-* && ! $date_text < 2024 ]] && echo "in 2024"
[ -d "$work" ] && [ ! -e nothing ] && test 3 -lt 10 && echo "old tests too"
(( (2 + 3) * 4 == 20 && 7 % 4 == 3 )) && echo "sums are right"
echo $((1 << 10)) $((0xff)) $((2 ** 16)) $((-7 / 2)) $((5 > 3 ? 1 : 0))

section "case and loops"
classify() {
  case $1 in
    [0-9]*) echo "$1: number" ;;
    *.txt | *.md) echo "$1: text" ;;
    -*) echo "$1: option" ;&
    --*) echo "  (dashes)" ;;
    *) echo "$1: something" ;;
  esac
}
for item in 42 notes.md -x word; do classify "$item"; done
for ((i = 0; i < 10; i++)); do
  ((i % 2)) && continue
  ((i > 6)) && break
  printf '%d ' "$i"
done
echo
n=3
while ((n > 0)); do printf '%s ' "$n"; ((n--)) || true; done
until [[ $n -ge 2 ]]; do n=$((n + 1)); done
echo "now $n"
for a in 1 2; do for b in x y; do [[ $b == y ]] && continue 2; echo "$a$b"; done; done

section "expansion"
path=/usr/local/lib/archive.tar.gz
echo "${path##*/} ${path%/*} ${path%%.*} ${path#*.} ${path/local/share} ${path//\//:}"
text="hello world"
echo "${text^} ${text^^} ${text:6} ${text: -5:3} ${#text} ${text/o/0} ${text//o/0}"
echo "${unset_one:-default} ${unset_two:=assigned} $unset_two ${text:+present} [${unset_three:+absent}]"
pointer=text
echo "${!pointer} ${!unset_t*} ${text@Q}"
echo {a..e} {1..10..3} {x,y}{1,2} pre{fix,view}
touch one.txt two.txt three.md
echo *.txt ?????.md [!o]*.txt
shopt -s extglob nullglob
echo !(*.txt|*.md) *.none +([a-z]).md
shopt -u nullglob
IFS=: read -r first second rest <<< "a:b:c:d"
echo "$first|$second|$rest"
set -- "one arg" two
echo "$# '$1' '$*'"
IFS=,
echo "$*"
unset IFS

section "builtins"
usage() {
  local OPTIND=1 option verbose=0 file=
  while getopts ":vf:" option; do
    case $option in
      v) ((++verbose)) ;;
      f) file=$OPTARG ;;
      :) echo "-$OPTARG needs a value" ;;
      *) echo "unknown -$OPTARG" ;;
    esac
  done
  shift $((OPTIND - 1))
  echo "verbose=$verbose file=$file rest=$*"
}
usage -vv -f input.txt left over
usage -x -f
printf '%-8s|%5.2f|%03d|%x|%s\n' name 3.14159 7 255 last
printf -v formatted '%s-%s' a b
echo "$formatted"
eval 'dynamic="set by eval"; echo "$dynamic"'
cat > library.sh <<'EOF'
greet() { echo "greetings to $1 from ${BASH_SOURCE[0]}"; }
EOF
source ./library.sh
greet you
export EXPORTED="seen by children"
bash_like=$(env | grep ^EXPORTED=)
echo "$bash_like"
type -t greet echo for ls
command -v cd

section "background and signals"
(sleep 0.1; exit 7) &
child=$!
wait "$child" || echo "child ended with $?"
{ sleep 0.05; echo "background output"; } &
wait
caught=0
trap 'caught=$((caught + 1))' USR1
kill -USR1 $$
kill -USR1 $$
echo "caught $caught signals"
trap - USR1
sleep 10 &
kill -TERM $!
wait $! 2>/dev/null || echo "killed: $?"
diff <(printf 'a\nb\n') <(printf 'a\nc\n') || echo "they differ"

section "exec and exit"
(exec printf '%s\n' "replaced the subshell"; echo never)
set +u
echo "[$never_set]"
set -u
(echo "${never_set?is not set}") 2>/dev/null || echo "set -u stops it"
exit 3
