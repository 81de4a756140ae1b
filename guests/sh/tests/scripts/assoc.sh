declare -A m=([a]=1 [b]=2 [foo]=bar [hello]=world [x y]="z w"); for k in "${!m[@]}"; do echo "$k=${m[$k]}"; done
m[x]=1; m["a b"]=2; echo ${#m[@]} "${m[x]}" "${m["a b"]}" "${m[nope]-none}"; unset 'm[x]'; echo ${#m[@]}
k='foo'; echo ${m[$k]} ${m[foo]}; m[$k]+=more; echo ${m[foo]}; [[ -v m[foo] ]] && echo yes; [[ -v m[bar] ]] || echo no
declare -p m; declare -A count; for w in the cat the dog the cat; do ((count[$w]++)); done
for w in "${!count[@]}"; do echo "$w ${count[$w]}"; done | sort; declare -A e=(); echo ${#e[@]}; e+=([k]=v); echo ${e[k]}
f() { local -A l=([in]=side); echo ${l[in]}; }; f; echo "${l[in]}"; declare -A n=(k1 v1 k2 v2); echo ${n[k2]}
m=([only]=one); echo "${!m[@]}" "${m[@]}"; for i in {1..30}; do m[key$i]=$i; done; echo "${!m[@]}"; echo "${m[@]}"
