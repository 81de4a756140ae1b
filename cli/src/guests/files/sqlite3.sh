#!/bin/sh
# A WASI program starts at "/", so the database is named by its whole path. Only a terminal is prompted.
[ -t 0 ] && mode=-interactive || mode=-batch
database= value=
for argument; do
    shift
    if [ -n "$value" ]; then
        value=
    else
        case $argument in
        -cmd | -init | -maxsize | -mmap | -newline | -nullvalue | -separator | -vfs) value=1 ;;
        -*) ;;
        *)
            case $database$argument in
            '' | :memory: | file:* | /*) ;;
            *) argument=$PWD/$argument ;;
            esac
            # Further arguments are SQL.
            database=/
            ;;
        esac
    fi
    set -- "$@" "$argument"
done
exec /opt/stillbox/sqlite/sqlite3 "$mode" "$@"
