eval 'echo $((1+1))' ; eval "x=1; y=2"; echo $x $y; v=name; eval "$v='a b'"; echo "$name"; eval 'for i in 1 2; do' 'echo $i; done'; eval; echo $?; eval false; echo $?; d=$(mktemp -d); cat > $d/lib.sh <<'EOF'
echo "sourced $1 $#"
lib_var=set
lib_func() { echo "lib ${BASH_SOURCE[0]##*/} $1"; }
return 5
echo unreached
EOF
set -- main args; . $d/lib.sh; echo $? $lib_var; source $d/lib.sh one two three; echo $1 $#; lib_func x; echo 'echo arg: $0 $1' > $d/s.sh; "$TEST_SHELL" $d/s.sh first | sed "s,$d,D,"; chmod +x $d/s.sh; $d/s.sh noshebang | sed "s,$d,D,"; printf '#!/bin/sh\necho shebang $1\n' > $d/t; chmod +x $d/t; $d/t x; PATH=$d:$PATH; t path; echo 'echo from stdin $1' | "$TEST_SHELL" -s a; "$TEST_SHELL" -c 'echo $0 $1 $#' zero one; echo 'exit 3' > $d/e; "$TEST_SHELL" $d/e; echo $?; (exec echo replaced; echo no); exec 3>&1; (exec > $d/out; echo to file); cat $d/out; command echo cmd; builtin echo blt; \echo esc; 'echo' q; e=echo; $e var; "$e" "q v"; . $d/nope 2>/dev/null; echo $?; "$TEST_SHELL" /nope 2>/dev/null; echo $?; "$TEST_SHELL" -c 'exit 4'; echo $?; printf 'read x\nthe line\necho "got $x"\n' | "$TEST_SHELL"; printf 'echo a\ncat\nrest\n' | "$TEST_SHELL"; "$TEST_SHELL" -euc 'echo $undefined' 2>/dev/null; echo $?; "$TEST_SHELL" -o pipefail -c 'false | true'; echo $?; hash ls; echo $?; rm -r $d
