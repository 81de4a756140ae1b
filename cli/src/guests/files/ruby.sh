#!/bin/sh
# A WASI program starts at "/"; Ruby is told where it is before it looks for its script.
exec /opt/stillbox/ruby/ruby -C "$PWD" "$@"
