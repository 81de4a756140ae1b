a=(1 2 "3 4"); echo "${a[@]}" ${#a[@]} ${a[2]} "${a[*]}"; for x in "${a[@]}"; do echo "<$x>"; done
a+=(d); a[10]=z; echo ${#a[@]} "${!a[@]}"; unset 'a[1]'; echo "${a[@]}" ${a[-1]} ${a[@]:1:2} ${a[@]: -2}
b=("${a[@]}"); echo ${b[1]} ${#b[2]}; unset a; echo "[${a[@]}]" ${#a[@]}; a[5]=x; a+=(y); echo "${!a[@]}"
c=([3]=x [1]=y z); declare -p c; c=(); echo ${#c[@]}; c=( # comment
  one   # another
  two
); echo ${c[1]} "${c[@]/o/0}" "${c[@]^}" "${c[@]#t}" "${c[@]%e}"
IFS=,; echo "${c[*]}"; unset IFS
d=($(echo 3 1 2)); sorted=($(printf '%s\n' "${d[@]}" | sort -n)); echo "${sorted[@]}"
e[0]=a e[2]=c; for i in "${!e[@]}"; do echo "$i=${e[i]}"; done; i=2; echo ${e[i]} ${e[$i]} ${e[i-2]}
f=(a b c); f[1]+=x; echo ${f[@]}; s=scalar; s[1]=second; echo ${s[@]} $s; echo "${f[@]:1}" "${f[@]::2}"
args() { echo $#; }; g=("" "x y"); args "${g[@]}"; args ${g[@]}; args "${g[*]}"; h=(); args "${h[@]}"; args "a${h[@]}b"
mapfile -t lines < <(printf 'a\nb\nc\n'); echo ${#lines[@]} ${lines[1]}; mapfile -t -n 1 -s 1 one <<< $'x\ny\nz'; echo ${one[@]}
readarray -d : parts <<< "x:y"; printf '<%s>' "${parts[@]}"; echo; IFS=, read -ra p <<< "x,y,z"; echo ${p[2]} ${#p[@]}
[[ -v f[1] ]] && echo set; [[ -v f[9] ]] || echo unset; unset f; [[ -v f ]] || echo gone
