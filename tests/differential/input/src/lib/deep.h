#ifndef DEEP_H
#define DEEP_H
const char *name(void);
#endif
