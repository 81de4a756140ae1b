x=val; cat <<EOF
plain $x ${x^^} $((1+1)) $(echo sub) `echo bq` \$x \\ "quoted" 'single'
EOF
cat <<'EOF'
$x `no` \n
EOF
cat <<"E F"
$x
E F
cat <<-TAB
	stripped
		twice $x
	TAB
cat <<A <<B; echo after
first
A
second
B
cat <<EOF | tr a-z A-Z | sed 's/^/> /'
piped
EOF
f() { cat <<EOF
in function $1
EOF
}; f arg
while read l; do echo "[$l]"; done <<EOF
l1
l2 $x
EOF
cat <<< "here $x" ; cat <<< $x; cat <<< 'a b'; tr a b <<< aaa; y=$(cat <<EOF
in substitution $x
EOF
); echo "$y"; if true; then cat <<EOF
in if
EOF
fi; cat <<EOF
joined \
line
${x:-"quotes in"} ${nope:-'single'}
EOF
cat 3<<EOF <&3
from three
EOF
echo "$(cat <<'X1'
it's (unbalanced "
X1
)"
for i in 1 2; do cat <<EOF
loop $i
EOF
done
