# The shell of `stillbox shell`. It reads commands line by line and runs them, so variables, functions and the directory
# last from one to the next. Before each line it tells the host, in a sequence that no terminal shows, whether it wants a
# new command or more of one, and where it is.
exec 9>&2
trap : INT
if [ -r "$2" ]; then
    # What the last shell left. Some of its variables can't be set, and are there anyway.
    . "$2" 2>/dev/null
    rm -f "$2"
fi
__sb_mark=$1 __sb_state=$2 __sb_abort=$(printf '\003') __sb_set= __sb_status=0 __sb_text=
set --

# Sets $? for the next command to what the last one left.
__sb_last() { return "$__sb_status"; }

while :; do
    __sb_kind=command
    [ -z "$__sb_text" ] || __sb_kind=more
    printf '\033_%s;%s;%s\033\\' "$__sb_mark" "$__sb_kind" "$PWD" >&9
    IFS= read -r __sb_line
    case $? in
    0) ;;
    1) break ;;
    *) continue ;;
    esac
    if [ "$__sb_line" = "$__sb_abort" ]; then
        __sb_text=
        continue
    fi
    __sb_text=$__sb_text$__sb_line
    case $__sb_line in
    *\\\\) ;;
    *\\)
        __sb_text=${__sb_text%?}
        continue
        ;;
    esac
    __sb_error=$(bash -nc "$__sb_text" 2>&1)
    case $__sb_error in
    *'unexpected end of file'* | *'unexpected EOF'* | *'delimited by end-of-file'*)
        __sb_text="$__sb_text
"
        ;;
    ?*)
        printf '%s\n' "$__sb_error" >&2
        __sb_status=2 __sb_text=
        ;;
    *)
        if [ -z "$__sb_set" ]; then
            __sb_last
            eval "$__sb_text"
        else
            eval "set -$__sb_set
$__sb_text"
        fi
        # What the user has set with these is for the commands, not for this script.
        {
            __sb_status=$? __sb_set= __sb_text=
            case $- in *e*) __sb_set=e ;; esac
            case $- in *x*) __sb_set=${__sb_set}x ;; esac
            set +ex
        } 2>/dev/null
        ;;
    esac
done

# The end of the input may have been meant for a command. The next shell goes on from here.
{
    declare -p
    declare -f
} >"$__sb_state" 2>/dev/null
exit "$__sb_status"
