/* How the status of a child is told: that of `src/posix.rs`. */

#ifndef STILLBOX_SYS_WAIT_H
#define STILLBOX_SYS_WAIT_H

#define WTERMSIG(status) ((status) & 0x7f)
#define WEXITSTATUS(status) ((status) >> 8 & 0xff)
#define WIFEXITED(status) (WTERMSIG(status) == 0)
#define WIFSIGNALED(status) (!WIFEXITED(status))

#endif
