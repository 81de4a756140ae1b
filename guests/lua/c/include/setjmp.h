/* setjmp and longjmp by WebAssembly's exceptions: the compiler turns calls of them into what `setjmp.c` has. */

#ifndef STILLBOX_SETJMP_H
#define STILLBOX_SETJMP_H

typedef struct {
    /* Which call of which function set it, as the compiled function knows that. */
    void *invocation;
    unsigned label;
    /* What is thrown: whoever catches it looks here for the first two words. */
    struct {
        void *env;
        int value;
    } thrown;
} jmp_buf[1];

int setjmp(jmp_buf env) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf env, int value);

/* There is no signal mask that they could save. */
#define _setjmp setjmp
#define _longjmp longjmp

#endif
