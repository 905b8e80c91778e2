/* What others build on: what "make install" puts into a folder of its own, and programs that are
 * built with it as its pkg-config files say. Run from the top of the source tree. SPDX: MIT */
#ifndef INSTALLED_H
#define INSTALLED_H

/* The compiler that the libraries were built with, since its sanitizers are its own. */
#ifdef __clang__
#define INSTALLED_CC  "clang -std=c11"
#define INSTALLED_CXX "clang++ -std=c++11"
#else
#define INSTALLED_CC  "cc -std=c11"
#define INSTALLED_CXX "g++ -std=c++11"
#endif

/* A cmocka group's setup and teardown: install, and remove it all. */
int installed_setup(void **state);
int installed_teardown(void **state);
/* The folder, for files of the tests as well. */
const char *installed_folder(void);

/* Must end with 0; fails else. */
void installed_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

enum installed_how { INSTALLED_SHARED, INSTALLED_STATIC };

/* Builds "example" in the folder from one source with this library, and looks that it is linked so.
 * compiler: one of the above, with further options. */
void installed_compile(const char *compiler, const char *source, const char *library,
                       enum installed_how how);
/* Runs it, which must end with 0. What it says stays valid until the next call. */
const char *installed_run(const char *arguments);

/* That others can link to what the header declares as macro (QMP_API), all of it and nothing else,
 * in both builds of the library.
 * least: how many functions there are at the least. */
void installed_shows_its_header_only(const char *library, const char *header, const char *macro,
                                     int least);

#endif
