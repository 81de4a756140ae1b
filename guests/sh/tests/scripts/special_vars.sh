echo $# $? ${0##*/} | cut -d' ' -f1,2; (exit 3); echo $?; [ $$ -gt 0 ] && [ $PPID -gt 0 ] && echo pids; [ $(( RANDOM + RANDOM )) -ge 0 ] && echo rnd; RANDOM=42; a=$RANDOM; RANDOM=42; [ $a = $RANDOM ] && echo same; [ $SECONDS -lt 100 ] && echo seconds; echo $LINENO; f() { echo $LINENO; }
f
echo $BASH_SUBSHELL $(echo $BASH_SUBSHELL); ( echo $BASH_SUBSHELL; ( echo $BASH_SUBSHELL ) ); true _arg; echo $_; echo ${BASH_VERSION%%.*} ${BASH_VERSINFO[0]}; [ ${#EPOCHSECONDS} = 10 ] && echo epoch; echo $UID $EUID; g() { echo ${FUNCNAME[0]} ${BASH_LINENO[0]}; }
g
( [ $$ != $BASHPID ] && echo bashpid ) & wait; echo "$-" | grep -c h; set -- a b c; echo $# "$*" $@ "${@}" ${!#}; echo ${PIPESTATUS[0]}; echo "${#PATH}" | grep -c '[0-9]'; IFS=-; echo "$*"; unset IFS; echo $OPTIND; h() { echo "${#FUNCNAME[@]}"; }; h; echo ${BASH_SOURCE[0]##*/} ${BASH##*/} | wc -w | tr -d ' '; caller; echo $?; k() { caller 0 | cut -d' ' -f1,2; }; k
