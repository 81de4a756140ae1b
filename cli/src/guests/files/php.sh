#!/bin/sh
# Makes php-cgi behave as the command line `php` does: no headers, -r CODE, the working directory, a relative script.
php() {
    exec php-cgi -q -C -d html_errors=0 -d auto_prepend_file=/opt/stillbox/php/prepend.php "$@"
}

case ${1-} in
-r)
    code=$(mktemp) || exit
    printf '<?php %s' "${2-}" >"$code"
    shift 2
    php "$code" "$@"
    ;;
-f)
    shift
    ;;
esac

case ${1-} in
'' | -* | /*) php "$@" ;;
*)
    script=$PWD/$1
    shift
    php "$script" "$@"
    ;;
esac
