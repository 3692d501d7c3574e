// To be preloaded (LD_PRELOAD): uname(2) answers as gVisor's kernel does, whatever machine it runs
// on.
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

int uname(struct utsname* name) {
  const long result = syscall(SYS_uname, name);
  if (result == 0) {
    strcpy(name->release, "4.4.0");
    strcpy(name->version, "#1 SMP Sun Jan 10 15:06:54 PST 2016");
  }
  return (int)result;
}
