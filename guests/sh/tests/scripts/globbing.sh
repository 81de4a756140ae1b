cd "$(mktemp -d)"; mkdir -p sub/deep; touch a b c.txt .h sub/x.c sub/deep/y.c 'sp ace' A1 b2 '[x]'
echo *; echo .*; echo [ab]; echo ?.txt; echo *.{txt,c}; echo nope*; echo "*" \* '*'; echo */; echo */*.c; echo [!a-c]*; echo [[:upper:]]*; echo s*/d*/; for f in *; do echo "<$f>"; done; echo ./*.txt "$PWD"/c* | sed "s,$PWD,D,g"
shopt -s dotglob; echo *; shopt -u dotglob; shopt -s nullglob; echo nope* x; shopt -u nullglob; shopt -s globstar; echo **; echo **/*.c; echo **/; shopt -s nocaseglob; echo a*; shopt -u nocaseglob; shopt -s failglob; echo nomatch*; echo $?; shopt -u failglob
shopt -s extglob
echo !(a|b); echo @(a|b); echo +([a-z]); echo ?(c).txt *(x)a; x='*.txt'; echo $x "$x"; y=(*.txt s*); echo ${#y[@]} "${y[1]}"; set -f; echo *; set +f; z=*; echo "$z"; echo \[x\] [[]x]; echo sub/{x,z}.c; [[ -e c.txt ]] && echo e; case c.txt in *.txt) echo m;; esac; echo a?  b[0-9]
rm -rf "$PWD"
