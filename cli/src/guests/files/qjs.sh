#!/bin/sh
# A WASI program starts at "/", so the script is named by its whole path. What -e gives is a script as well.
case ${1-} in
-e)
    script=$(mktemp) || exit
    printf '%s\n' "${2-}" >"$script"
    shift 2
    ;;
'' | -*)
    echo "usage: qjs [-e CODE | SCRIPT] [ARGUMENT...]" >&2
    exit 2
    ;;
/*)
    script=$1
    shift
    ;;
*)
    script=$PWD/$1
    shift
    ;;
esac
exec /opt/stillbox/quickjs/quickjs "$script" "$@"
