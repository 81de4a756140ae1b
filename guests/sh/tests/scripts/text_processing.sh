cd "$(mktemp -d)"; cat > data.csv <<'EOF'
id,name,score
1,alice,90
2,bob,85
3,"carol",77
EOF
{ read -r header; while IFS=, read -r id name score; do name=${name//\"/}; echo "$id:${name^}:$((score + 5))"; done; } < data.csv; echo "$header"; total=0; while IFS=, read -r _ _ s; do [[ $s == score ]] && continue; ((total += s)); done < data.csv; echo $total; tail -n +2 data.csv | cut -d, -f2 | tr -d '"' | sort -r | head -2; awk -F, 'NR>1{s+=$3} END{print s/(NR-1)}' data.csv; sed -E 's/([0-9]+),([a-z]+)/\2=\1/' data.csv | sed -n 2,3p; declare -A seen; for w in the quick the lazy quick the; do ((++seen[$w])); done; for w in "${!seen[@]}"; do echo "${seen[$w]} $w"; done | sort -rn; str="  trim me  "; str="${str#"${str%%[! ]*}"}"; str="${str%"${str##*[! ]}"}"; echo "[$str]"; s="k1=v1;k2=v2"; IFS=';'; for p in $s; do echo "${p%%=*} -> ${p#*=}"; done; unset IFS; printf '%s\n' c a b | sort | while read -r l; do printf '%s' "$l,"; done; echo; out=$(while read -r l; do echo "got $l"; done <<< "$(printf 'x\ny')"); echo "$out"; grep -n alice data.csv | cut -d: -f1; lines=(); while IFS= read -r l; do lines+=("$l"); done < data.csv; echo ${#lines[@]} "${lines[1]}"; echo "${lines[@]:2:1}"; rm -r "$PWD"
