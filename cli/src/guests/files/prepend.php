<?php
// What the command line `php` has and php-cgi lacks: the working directory, and the standard streams as constants.
if (getenv('PWD')) {
    chdir(getenv('PWD'));
}
define('STDIN', fopen('php://stdin', 'r'));
define('STDOUT', fopen('php://stdout', 'w'));
define('STDERR', fopen('php://stderr', 'w'));
