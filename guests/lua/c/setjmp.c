/* What the compiler makes of setjmp and longjmp.
 *
 * A function that calls setjmp gets an invocation of its own, and a label for each place where it does so. It wraps what it
 * calls afterwards in handlers of the tag `__c_longjmp`. A handler asks whether what it caught was set by this invocation,
 * and at which label it goes on; with 0 it throws it on.
 */

#include <setjmp.h>

__asm__(".globl __c_longjmp\n"
        ".tagtype __c_longjmp i32\n"
        "__c_longjmp:\n");

/* The number by which the builtin means that tag. */
enum { C_LONGJMP = 1 };

void __wasm_setjmp(jmp_buf env, unsigned label, void *invocation) {
    env->invocation = invocation;
    env->label = label;
}

unsigned __wasm_setjmp_test(jmp_buf env, void *invocation) {
    return env->invocation == invocation ? env->label : 0;
}

void __wasm_longjmp(jmp_buf env, int value) {
    env->thrown.env = env;
    env->thrown.value = value == 0 ? 1 : value;
    __builtin_wasm_throw(C_LONGJMP, &env->thrown);
}
