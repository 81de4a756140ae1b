nosuchcmd; echo $?; /etc/passwd; echo $?; /; echo $?; ./nope; echo $?; cat /nope; echo $?; echo ${x!y}; echo $?
cd /nope; echo $?; unset 1x; echo $?; export 1x=2; echo $?; x=5; readonly x; (x=6); echo $?; readonly x=7; echo $?; let 'a b' ; echo $?; echo $((1 +)); echo $?
echo $((08)); echo $?
shift 99; echo $?; kill -NOSUCH 1; echo $?; type nosuch; echo $?; [ a -eq b ]; echo $?; [ a b ]; echo $?; printf '%d\n' x; echo $?; read -z; echo $?; trap x NOSUCH; echo $?; umask 999; echo $?; break; return; source; echo $?; getopts; echo $?; wait abc; echo $?; fg; echo $?; bg; echo $?; exec /nonexistent/x; echo unreached
