f() { echo hi "$1" | cat > /dev/null; if true; then local a=1; else b=(1 2); fi; for i in a b; do case $i in a|b) echo x;; esac; done; while ((i < 3)); do ((i++)); done; [[ -n $x && $y == z* ]] || ! false; ( cd / && ls ) & wait; }
type f; declare -f f | wc -l | tr -d ' '; type -t cd ls if f nope; type cd; type if; command -v cd f; command -V f | head -1; g() { cat <<EOF
body $x
EOF
}; type g
