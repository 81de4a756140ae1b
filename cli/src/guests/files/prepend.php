<?php
// A WASI program starts at "/", and learns its directory from PWD.
if (getenv('PWD')) {
    chdir(getenv('PWD'));
}
